// Written granules of an overlay in a sparse file, with a bitmap of them, so that an overlay survives the daemon.
//
// offset 0     header: magic 8, granule size u32, base size u64, length of the base's id u32, the id; 4096 bytes in all
// offset 4096  bitmap, one bit a granule, lowest bit first, filled up to 4096
// behind it    the granules, each at its place on the disk
// behind them  which of them are on disk for certain: src/scsi/flushed-bitmap.ts
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { kernelRun } from '../clock.ts';
import { syncFolder } from '../durable/folders.ts';
import { readWhole, writeWhole } from '../durable/replace.ts';
import { systemCode } from '../errors.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { NoSpaceError } from './block-device.ts';
import { CachedFile } from './cached-file.ts';
import { FlushedBitmap, MARK_BYTES, markOf } from './flushed-bitmap.ts';
import { OVERLAY_GRANULE, type OverlayStore } from './overlay-device.ts';

const MAGIC = 'MUSTEROV';
const HEADER_BYTES = 4096;

/** The disk of an overlay: over another disk it would be garbage. */
export interface OverlayBase {
  size: number;
  /** Names the content, such as its SHA-256; at most 1024 bytes. */
  id: string;
}

/**
 * Opens an overlay's file, or makes it (mode 0600). Rejects when the file is invalid, or belongs to another disk.
 * @param openFile how the file is opened
 * @param run the id of the kernel's run: after another one only what was flushed counts
 */
export async function openFileStore(
  path: string,
  base: OverlayBase,
  openFile: (path: string) => Promise<FileHandle> = openOverlay,
  run = kernelRun(),
): Promise<OverlayStore> {
  const handle = await openFile(path);
  try {
    const bitmap = Buffer.alloc(Math.ceil(Math.ceil(base.size / OVERLAY_GRANULE) / 8 / 4096) * 4096);
    const dataStart = HEADER_BYTES + bitmap.length;
    const markAt = dataStart + Math.ceil(base.size / OVERLAY_GRANULE) * OVERLAY_GRANULE;
    const { size } = await handle.stat();
    if (size === 0) {
      await handle.truncate(markAt + MARK_BYTES + bitmap.length);
      await writeWhole(handle, markOf(run), markAt);
      await writeWhole(handle, encodeHeader(base), 0);
      await handle.sync();
      await syncFolder(dirname(path));
    } else await checkHeader(handle, path, base);
    const flushed = await FlushedBitmap.open(handle, { bitmapAt: HEADER_BYTES, markAt }, bitmap, run);
    return new FileStore(new CachedFile(handle, path, markAt), bitmap, flushed, dataStart);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class FileStore implements OverlayStore {
  private readonly file: CachedFile;
  private readonly bitmap: Buffer;
  private readonly flushed: FlushedBitmap;
  private readonly dataStart: number;
  /** The error of the first flush that failed. */
  private lost: unknown;
  /** Flushes one after the other: each ends when the bits of all before it are on disk. */
  private last: Promise<void> = Promise.resolve();

  constructor(file: CachedFile, bitmap: Buffer, flushed: FlushedBitmap, dataStart: number) {
    this.file = file;
    this.bitmap = bitmap;
    this.flushed = flushed;
    this.dataStart = dataStart;
  }

  has(granule: number): boolean {
    return ((this.bitmap[granule >>> 3] ?? 0) & (1 << (granule & 7))) !== 0;
  }

  ready(position: number, length: number): boolean {
    return this.file.ready(this.dataStart + position, length);
  }

  load(position: number, length: number): Promise<void> {
    return this.file.load(this.dataStart + position, length);
  }

  read(target: Buffer, at: number, length: number, position: number): void {
    this.file.read(target, at, length, this.dataStart + position);
  }

  async write(data: Buffer, position: number): Promise<void> {
    try {
      await writeWhole(this.file.handle, data, this.dataStart + position);
      this.file.written(this.dataStart + position, data.length);
      await this.mark(Math.floor(position / OVERLAY_GRANULE), data.length / OVERLAY_GRANULE);
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '')) throw error;
      throw new NoSpaceError(`${this.file.path}: no room for an overlay's data`, { cause: error });
    }
  }

  /**
   * Rejects for good once it has failed: the kernel reports a lost page once and then calls it clean, so a later fdatasync that
   * succeeds says nothing about it (fsync(2), NOTES).
   */
  flush(): Promise<void> {
    const flushed = this.last.then(() => this.flushNow());
    this.last = flushed.catch(() => {});
    return flushed;
  }

  private async flushNow(): Promise<void> {
    if (this.lost !== undefined) throw this.lost;
    try {
      await this.flushed.sync();
    } catch (error) {
      this.lost = error;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.file.handle.close();
  }

  /**
   * Hands new bits to the kernel before a write is acknowledged: a daemon that is killed loses nothing. A power cut loses what no flush
   * has brought to disk, as with any disk that has a cache. `has` knows them only
   * afterwards, so that after a failure the next write of the same granule tries again.
   */
  private async mark(first: number, count: number): Promise<void> {
    const from = first >>> 3;
    const to = ((first + count - 1) >>> 3) + 1;
    const bits = Buffer.from(this.bitmap.subarray(from, to));
    for (let granule = first; granule < first + count; granule += 1) {
      const byte = (granule >>> 3) - from;
      bits[byte] = (bits[byte] ?? 0) | (1 << (granule & 7));
    }
    if (bits.equals(this.bitmap.subarray(from, to))) return;
    await writeWhole(this.file.handle, bits, HEADER_BYTES + from);
    bits.copy(this.bitmap, from);
    this.flushed.changed(from, to);
  }
}

function openOverlay(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

function encodeHeader(base: OverlayBase): Buffer {
  const id = Buffer.from(base.id, 'utf8');
  if (id.length > 1024) throw new RangeError(`the id of an overlay's base has ${id.length} bytes; 1024 is the most`);
  return new Writer(HEADER_BYTES)
    .text(MAGIC)
    .u32(OVERLAY_GRANULE)
    .u64(BigInt(base.size))
    .u32(id.length)
    .bytes(id)
    .padTo(HEADER_BYTES)
    .finish();
}

async function checkHeader(handle: FileHandle, path: string, base: OverlayBase): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  await readWhole(handle, header, 0);
  const reader = new Reader(header);
  if (reader.bytes(8, 'magic').toString('latin1') !== MAGIC)
    throw new Error(`${path} is no overlay of muster; move it away`);
  if (header.equals(encodeHeader(base))) return;
  reader.skip(12, 'sizes');
  const id = reader.bytes(Math.min(reader.u32('id length'), 1024), 'id').toString('utf8');
  throw new Error(`${path} is an overlay over '${id}', not over '${base.id}'; remove it to start again`);
}
