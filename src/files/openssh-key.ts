// OpenSSH's own format of private keys (PROTOCOL.key of OpenSSH), and the public line of RFC 4253 §6.6.

export interface OpensshKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`. */
  type: string;
  /** The fields after the type, in the public key and in the private one. */
  publicParts: readonly Buffer[];
  privateParts: readonly Buffer[];
}

const MAGIC = Buffer.from('openssh-key-v1\0');
/** The cipher `none` has blocks of 8 bytes. */
const BLOCK = 8;
const LINE = 70;

/** Returns type and key in base64, without a comment. */
export function opensshPublicKey({ type, publicParts }: OpensshKey): string {
  return `${type} ${publicBlob(type, publicParts).toString('base64')}`;
}

/** Returns a private key without a passphrase. */
export function opensshPrivateKey({ type, publicParts, privateParts }: OpensshKey): string {
  const none = string(Buffer.from('none'));
  // The two check numbers only show whether a passphrase was right
  const check = Buffer.alloc(8);
  const fields = [check, string(Buffer.from(type)), ...privateParts.map(string), string(Buffer.alloc(0))];
  const bare = Buffer.concat(fields);
  const padding = Buffer.from(Array.from({ length: (BLOCK - (bare.length % BLOCK)) % BLOCK }, (_, at) => at + 1));
  const blob = Buffer.concat([
    ...[MAGIC, none, none, string(Buffer.alloc(0)), number(1)],
    ...[string(publicBlob(type, publicParts)), string(Buffer.concat([bare, padding]))],
  ]);
  const lines = blob.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}

function publicBlob(type: string, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([string(Buffer.from(type)), ...parts.map(string)]);
}

/** RFC 4251 §5. */
function string(bytes: Buffer): Buffer {
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
