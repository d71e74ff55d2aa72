// Secrets that need no store: derived from the head's key (HKDF, RFC 5869), so they are the same at every boot and after a restore.
import { createECDH, createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';
import { type OpensshKey, opensshPrivateKey, opensshPublicKey } from './openssh-key.ts';

/** An ssh host key of a node, as sshd reads it. */
export interface HostKey {
  /** The content of `ssh_host_…_key`. */
  private: string;
  /** The content of `ssh_host_…_key.pub` without a comment: type and key. */
  public: string;
}

export const HOST_KEY_TYPES = ['ed25519', 'ecdsa'] as const;
export type HostKeyType = (typeof HOST_KEY_TYPES)[number];

/** PKCS #8 before the 32 bytes of an Ed25519 key (RFC 8410 §7). */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** The order of P-256 (FIPS 186-4 D.1.2.3). */
const P256_ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** Returns bytes that only this head knows. @param name of the secret; another name gives other bytes */
export function derivedSecret(headKey: Buffer, name: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', headKey, '', `muster derived ${name}`, bytes));
}

/** Returns a node's own ssh host key: the same at every boot, and another one for a node that is created again. */
export function hostKey(headKey: Buffer, nodeUid: string, type: HostKeyType): HostKey {
  const seed = (bytes: number): Buffer => derivedSecret(headKey, `ssh host ${type} ${nodeUid}`, bytes);
  const key = type === 'ed25519' ? ed25519Key(seed(32)) : ecdsaKey(seed(48));
  return { private: opensshPrivateKey(key), public: opensshPublicKey(key) };
}

function ed25519Key(seed: Buffer): OpensshKey {
  const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const point = publicBytes(key);
  return { type: 'ssh-ed25519', publicParts: [point], privateParts: [point, Buffer.concat([seed, point])] };
}

/** FIPS 186-4 B.4.1: 128 extra bits make every scalar equally likely. */
function ecdsaKey(bits: Buffer): OpensshKey {
  const scalar = (BigInt(`0x${bits.toString('hex')}`) % (P256_ORDER - 1n)) + 1n;
  const secret = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  // Without the zeros at its beginning
  const bare = secret.subarray(secret.findIndex(byte => byte !== 0));
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(secret);
  const parts = [Buffer.from('nistp256'), curve.getPublicKey()];
  // RFC 4251 §5: an mpint with a first bit of 1 has a zero byte before it, and no other zeros
  const mpint = (bare[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bare]) : bare;
  return { type: 'ecdsa-sha2-nistp256', publicParts: parts, privateParts: [...parts, mpint] };
}

/** The last 32 bytes of SubjectPublicKeyInfo (RFC 8410 §4). */
function publicBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32);
}

/** Returns the public host keys of nodes by their type; each is derived once. */
export function publicHostKeys(headKey: Buffer): (nodeUid: string) => Record<HostKeyType, { public: string }> {
  const known = new Map<string, Record<HostKeyType, { public: string }>>();
  return nodeUid => {
    const keys = known.get(nodeUid) ?? {
      ed25519: { public: hostKey(headKey, nodeUid, 'ed25519').public },
      ecdsa: { public: hostKey(headKey, nodeUid, 'ecdsa').public },
    };
    known.set(nodeUid, keys);
    return keys;
  };
}
