// Which granules of an overlay's file are on disk for certain. The kernel writes the pages of a file to disk in any order: after a power cut the
// bitmap may have the bit of a granule that never came there, and then what stood around a small write would be zeros.
//
// offset 0     mark: magic 8, id of the kernel's run; 4096 bytes in all
// offset 4096  bitmap of the granules that a flush has brought to disk
//
// The file's own bitmap holds as long as the kernel runs, also when musterd is killed. After that this one does.
import type { FileHandle } from 'node:fs/promises';
import { readWhole, writeWhole } from '../durable/replace.ts';

const MAGIC = 'MUSTEROD';
export const MARK_BYTES = 4096;
const PAGE = 4096;

interface Places {
  /** Of the file's own bitmap. */
  bitmapAt: number;
  /** Of the mark. */
  markAt: number;
}

export class FlushedBitmap {
  private readonly handle: FileHandle;
  private readonly at: number;
  private readonly bitmap: Buffer;
  /** Pages of the bitmap with bits that are not on disk for certain, by their number. */
  private readonly dirty = new Set<number>();

  private constructor(handle: FileHandle, at: number, bitmap: Buffer) {
    this.handle = handle;
    this.at = at;
    this.bitmap = bitmap;
  }

  /**
   * Fills `bitmap`, which this class goes on to read, with the granules that can be trusted. `run` is the id of the kernel's run. A file
   * without a mark comes from a musterd that had none: all of its bits count.
   */
  static async open(
    handle: FileHandle,
    { bitmapAt, markAt }: Places,
    bitmap: Buffer,
    run: string,
  ): Promise<FlushedBitmap> {
    const { size } = await handle.stat();
    const end = markAt + MARK_BYTES + bitmap.length;
    const flushed = new FlushedBitmap(handle, markAt + MARK_BYTES, bitmap);
    const mark = size < end ? Buffer.alloc(0) : await readWhole(handle, Buffer.alloc(MARK_BYTES), markAt);
    if (mark.equals(markOf(run))) {
      await readWhole(handle, bitmap, bitmapAt);
      flushed.compare(await readWhole(handle, Buffer.alloc(bitmap.length), flushed.at));
      return flushed;
    }
    const isMarked = mark.toString('latin1', 0, MAGIC.length) === MAGIC;
    await readWhole(handle, bitmap, isMarked ? flushed.at : bitmapAt);
    if (!isMarked) await handle.truncate(end);
    await writeWhole(handle, bitmap, isMarked ? bitmapAt : flushed.at);
    await handle.datasync();
    await writeWhole(handle, markOf(run), markAt);
    await handle.datasync();
    return flushed;
  }

  /** Notes that bytes of the bitmap have changed; `to` is the one behind the last. */
  changed(from: number, to: number): void {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page += 1) this.dirty.add(page);
  }

  /** Syncs the file's data, and then the bits of what was written before the call. */
  async sync(): Promise<void> {
    const pages = [...this.dirty].map(page => ({ page, bits: Buffer.from(this.page(page)) }));
    this.dirty.clear();
    try {
      await this.handle.datasync();
      if (pages.length === 0) return;
      for (const { page, bits } of pages) await writeWhole(this.handle, bits, this.at + page * PAGE);
      await this.handle.datasync();
    } catch (error) {
      for (const { page } of pages) this.dirty.add(page);
      throw error;
    }
  }

  private page(page: number): Buffer {
    return this.bitmap.subarray(page * PAGE, (page + 1) * PAGE);
  }

  private compare(onDisk: Buffer): void {
    for (let from = 0; from < this.bitmap.length; from += PAGE)
      if (!this.page(from / PAGE).equals(onDisk.subarray(from, from + PAGE))) this.changed(from, from + 1);
  }
}

/** The mark of a file that belongs to this run of the kernel. */
export function markOf(run: string): Buffer {
  const mark = Buffer.alloc(MARK_BYTES);
  mark.write(MAGIC + run.slice(0, 64), 'latin1');
  return mark;
}
