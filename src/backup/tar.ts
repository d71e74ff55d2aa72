// The tape archive of POSIX.1 (ustar), plain files only, so that `tar` lists and unpacks a backup; sizes from 8 GiB on in GNU's
// format.
import { MusterError } from '../errors.ts';

export const BLOCK = 512;

export interface Member {
  path: string;
  /** Bytes. */
  size: number;
}

const OCTAL_LIMIT = 8 ** 11;

/** The 512 bytes before a member's content; `mtime` in milliseconds since 1970. */
export function tarHeader({ path, size }: Member, mtime: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new MusterError('internal', `${path} is too long for a tape archive`);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  };
  header.write(path, 0);
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  if (size < OCTAL_LIMIT) octal(size, 124, 11);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(Math.floor(mtime / 1000), 136, 11);
  header.write('        0', 148, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  octal(checksum(header), 148, 6);
  return header;
}

/** Reads a header; undefined for a block of zeros, which ends an archive. Refuses anything but our plain files (`bad-backup`). */
export function readTarHeader(header: Buffer): Member | undefined {
  if (header.every(byte => byte === 0)) return undefined;
  const text = (at: number, length: number): string => header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
  if (Number.parseInt(text(148, 8), 8) !== checksum(header) || !text(257, 6).startsWith('ustar'))
    throw new MusterError(
      'bad-backup',
      'The file is not a backup of muster, or it is damaged: a header in it is wrong.',
    );
  const isFile = ['0', ''].includes(text(156, 1));
  const size = header[124] === 0x80 ? Number(header.readBigUInt64BE(128)) : Number.parseInt(text(124, 12), 8);
  if (!isFile || !Number.isSafeInteger(size) || size < 0)
    throw new MusterError(
      'bad-backup',
      `The file is not a backup of muster: '${text(0, 100)}' in it is no plain file.`,
    );
  return { path: text(0, 100), size };
}

/** Returns the bytes of zeros after a content of this size. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Returns the bytes of an archive with these members. */
export function tarSize(members: readonly Member[]): number {
  return members.reduce((sum, { size }) => sum + BLOCK + size + padding(size), 2 * BLOCK);
}

/** Returns the sum of all bytes, with the checksum's own bytes counted as spaces. */
function checksum(header: Buffer): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}
