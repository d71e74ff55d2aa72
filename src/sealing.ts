// Secrets at rest: encrypted and authenticated with a key of the head (AES-256-GCM, NIST SP 800-38D).
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { MusterError } from './errors.ts';

const CIPHER = 'aes-256-gcm';
const MAGIC = Buffer.from('muster-sealed-1\n');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What sealing adds to a content, in bytes. */
export const SEAL_BYTES = MAGIC.length + NONCE_BYTES + TAG_BYTES;

/** Seals and opens contents for one purpose: what is sealed for one does not open for another. */
export class Sealing {
  private readonly cipherKey: Buffer;
  private readonly nonceKey: Buffer;

  /** @param headKey 32 bytes @param purpose such as `file-set` */
  constructor(headKey: Buffer, purpose: string) {
    // RFC 5869: keys for different uses come from one secret
    const derived = (use: string): Buffer =>
      Buffer.from(hkdfSync('sha256', headKey, '', `muster ${purpose} ${use}`, 32));
    this.cipherKey = derived('cipher');
    this.nonceKey = derived('nonce');
  }

  /** Returns the sealed content. The nonce comes from the content, so equal contents give equal bytes, which are stored once. */
  seal(content: Buffer): Buffer {
    const nonce = createHmac('sha256', this.nonceKey).update(content).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.cipherKey, nonce, { authTagLength: TAG_BYTES });
    const sealed = Buffer.concat([cipher.update(content), cipher.final()]);
    return Buffer.concat([MAGIC, nonce, cipher.getAuthTag(), sealed]);
  }

  /** Returns the content. Errors: `cannot-open` when the key is another one or the bytes are damaged. @param what for the error */
  open(sealed: Buffer, what: string): Buffer {
    const nonceEnd = MAGIC.length + NONCE_BYTES;
    const nonce = sealed.subarray(MAGIC.length, nonceEnd);
    const tag = sealed.subarray(nonceEnd, SEAL_BYTES);
    try {
      if (!isSealed(sealed)) throw new Error('not sealed');
      const decipher = createDecipheriv(CIPHER, this.cipherKey, nonce, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(SEAL_BYTES)), decipher.final()]);
    } catch {
      throw new MusterError(
        'cannot-open',
        `${what} cannot be decrypted: it was encrypted with another head's key, or it is damaged. Restore the file head.key it belongs to, or store the secret again.`,
      );
    }
  }
}

/** Returns whether bytes are a sealed content. */
export function isSealed(bytes: Buffer): boolean {
  return bytes.length >= SEAL_BYTES && bytes.subarray(0, MAGIC.length).equals(MAGIC);
}
