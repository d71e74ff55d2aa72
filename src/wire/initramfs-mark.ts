// The mark of an initramfs: what `muster mkramfs` put into it. It is a small archive before the packed one, so that the head reads it from
// the first bytes, and the kernel unpacks it with the rest.
import { cpioArchive } from './cpio-archive.ts';

export interface InitramfsMark {
  /** What it can do: 1 has file sets, disks of any style, and Ignition. One without a mark has none of these. */
  level: number;
  /** Whether it has a program that speaks TLS. */
  tls: boolean;
}

/** The level of an initramfs that is made now. A plan that asks for something new needs a higher one. */
export const INITRAMFS_LEVEL = 1;

const NAME = 'muster-initramfs';

export function markArchive({ level, tls }: InitramfsMark): Buffer {
  return cpioArchive([{ name: NAME, mode: 0o100444, content: `level=${level} tls=${tls ? 'yes' : 'no'}\n` }]);
}

/** Returns the mark of an initramfs. @param head its first bytes, 512 at least */
export function readMark(head: Buffer): InitramfsMark {
  const [, level = '0', tls] =
    /^07070[12][0-9A-F]{104}muster-initramfs\0+level=(\d{1,4}) tls=(yes|no)\n/.exec(head.toString('latin1', 0, 512)) ??
    [];
  return { level: Number(level), tls: tls === 'yes' };
}
