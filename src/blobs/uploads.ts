// Uploads in progress: bytes that arrive in order into a temporary file, until they are whole. None outlives the daemon.
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MusterError } from '../errors.ts';
import { asDiskFull } from './blobs.ts';

export interface Upload {
  id: string;
  /** Bytes that were announced. */
  size: number;
  /** Bytes that have arrived. */
  offset: number;
  /** Where in the file the first byte lies: room is left before what the caller wants to wrap. */
  base: number;
  path: string;
  touched: number;
  busy: boolean;
}

/** An upload nobody continues for this long is removed, in milliseconds. */
const IDLE_MS = 60 * 60_000;

export interface UploadRules {
  /** How many bytes to leave free before content that begins with these bytes. */
  baseFor(beginning: Buffer): number;
}

export class Uploads {
  private readonly folder: string;
  private readonly uploads = new Map<string, Upload>();
  private readonly newId: () => string;
  private readonly now: () => number;

  /** What a killed daemon left is removed: an upload lives in one process. */
  constructor(stateFolder: string, newId: () => string, now: () => number) {
    this.folder = join(stateFolder, 'uploads');
    this.newId = newId;
    this.now = now;
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  async create(size: number): Promise<Upload> {
    await this.sweep();
    const room = await statfs(this.folder);
    const free = room.bavail * room.bsize;
    // Said before the first byte, and again when a write fails: others fill the disk too.
    if (size > free)
      throw new MusterError(
        'disk-full',
        `The upload has ${size} bytes, and the head's disk has room for ${free}; free some and repeat.`,
      );
    const id = this.newId();
    const upload = { id, size, offset: 0, base: 0, path: join(this.folder, id), touched: this.now(), busy: false };
    await (await open(upload.path, 'wx', 0o600)).close();
    this.uploads.set(id, upload);
    return upload;
  }

  get(id: string): Upload {
    const upload = this.uploads.get(id);
    if (!upload) throw new MusterError('upload-incomplete', `There is no upload ${id} any more; begin it again.`);
    return upload;
  }

  /** Takes bytes from `offset` on, as far as they come. A connection that breaks leaves what has arrived. */
  async append(id: string, offset: number, bytes: Readable, rules: UploadRules): Promise<Upload> {
    const upload = this.get(id);
    if (upload.busy) throw new MusterError('conflict', `The upload ${id} is being written by another connection.`);
    if (offset !== upload.offset)
      throw new MusterError(
        'conflict',
        `The upload ${id} is at byte ${upload.offset}, not ${offset}; go on from there.`,
      );
    upload.busy = true;
    const handle = await open(upload.path, 'r+');
    try {
      for await (const chunk of inPieces(bytes)) await this.write(upload, handle, chunk, rules);
    } catch (error) {
      throw asDiskFull(error, 'The upload');
    } finally {
      upload.busy = false;
      upload.touched = this.now();
      await handle.close();
    }
    return upload;
  }

  /** The SHA-256 of a whole upload's own bytes; an incomplete one is refused. */
  async digest(upload: Upload): Promise<string> {
    if (upload.offset !== upload.size) {
      throw new MusterError(
        'upload-incomplete',
        `The upload has ${upload.offset} of ${upload.size} bytes; nothing was stored.`,
      );
    }
    const hash = createHash('sha256');
    const handle = await open(upload.path, 'r');
    try {
      const stream = handle.createReadStream({ start: upload.base, autoClose: false, highWaterMark: 1 << 20 });
      for await (const chunk of stream) hash.update(chunk as Buffer);
    } finally {
      await handle.close();
    }
    return hash.digest('hex');
  }

  /** The upload's file belongs to the caller now. */
  release(id: string): void {
    this.uploads.delete(id);
  }

  async remove(id: string): Promise<void> {
    const upload = this.uploads.get(id);
    this.uploads.delete(id);
    if (upload) await rm(upload.path, { force: true });
  }

  private async write(upload: Upload, handle: FileHandle, chunk: Buffer, rules: UploadRules): Promise<void> {
    if (upload.offset === 0) upload.base = rules.baseFor(chunk);
    if (upload.offset + chunk.length > upload.size) {
      throw new MusterError('bad-value', `The upload sends more than the ${upload.size} bytes it announced.`);
    }
    await handle.write(chunk, 0, chunk.length, upload.base + upload.offset);
    upload.offset += chunk.length;
  }

  private async sweep(): Promise<void> {
    const old = [...this.uploads.values()].filter(upload => !upload.busy && this.now() - upload.touched > IDLE_MS);
    for (const upload of old) await this.remove(upload.id);
  }
}

/** The first piece has at least eight bytes, if there are so many: enough to know the format. */
async function* inPieces(bytes: Readable): AsyncGenerator<Buffer> {
  let first: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (first === undefined) {
      yield chunk as Buffer;
      continue;
    }
    first = Buffer.concat([first, chunk as Buffer]);
    if (first.length < 8) continue;
    yield first;
    first = undefined;
  }
  if (first && first.length > 0) yield first;
}
