// Writes cpio archives (newc), which the kernel unpacks into an initramfs.
import { Writer } from './writer.ts';

/**
 * Returns an archive; its length is a multiple of 512.
 * @param entries folders before their contents; `mode` with the type of file, as in `stat`
 */
export function cpioArchive(entries: readonly { name: string; mode: number; content?: string }[]): Buffer {
  const archive = new Writer(2048);
  for (const [index, { name, mode, content = '' }] of entries.entries())
    entry(archive, index + 1, name, mode, Buffer.from(content));
  entry(archive, 0, 'TRAILER!!!', 0, Buffer.alloc(0));
  archive.padTo(Math.ceil(archive.length / 512) * 512);
  return archive.finish();
}

/** Linux Documentation/driver-api/early-userspace/buffer-format: 110 bytes of hex fields, the name, the data, each padded to four. */
function entry(archive: Writer, inode: number, name: string, mode: number, data: Buffer): void {
  const fields = [inode, mode, 0, 0, mode >> 12 === 4 ? 2 : 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
  archive.text('070701');
  for (const field of fields) archive.text(field.toString(16).toUpperCase().padStart(8, '0'));
  archive.text(`${name}\0`).padTo(padded(archive.length));
  archive.bytes(data).padTo(padded(archive.length));
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
