// The unpacked size of an image, from unsquashfs.
import { MusterError } from '../errors.ts';
import { run } from '../process/run.ts';

const PAGE = 4096;

/**
 * Returns the bytes that the squashfs at `offset` of a file takes in a tmpfs: files in whole pages, and a page for everything
 * else. Undefined when unsquashfs is not installed.
 */
export async function unpackedSize(file: string, offset: number): Promise<number | undefined> {
  let bytes = 0;
  const count = (line: string): void => {
    // -rwxr-xr-x 0/0              1234 2024-01-01 00:00 squashfs-root/…: the size is the third field; devices have a comma there.
    const match = /^([-dlcbps])\S{9}\s+\d+\/\d+\s+(\d+)\s/.exec(line);
    if (match) bytes += match[1] === '-' ? Math.ceil(Number(match[2]) / PAGE) * PAGE : PAGE;
  };
  try {
    const result = await run('unsquashfs', ['-offset', String(offset), '-lln', file], {
      onLine: (line, stream) => stream === 'stdout' && count(line),
      keepBytes: 4096,
    });
    if (result.status !== 0)
      throw new MusterError('bad-image', `The image's squashfs cannot be read: ${result.stderr.trim().split('\n')[0]}`);
    return bytes;
  } catch (error) {
    if (error instanceof MusterError && error.code === 'tool-missing') return undefined;
    throw error;
  }
}
