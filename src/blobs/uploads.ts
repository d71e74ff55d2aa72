// Uploads in progress: bytes arrive in order in a temporary file, until it is complete. None survives the daemon.
import { createHash, type Hash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { asDiskFull, openNew, writeWhole } from '../durable/replace.ts';
import { MusterError, reasonOf } from '../errors.ts';

export interface Upload {
  id: string;
  /** Bytes that were announced. */
  size: number;
  /** Bytes that have arrived. */
  offset: number;
  /** The file offset of the first byte: there is room before it for the caller's wrapping. */
  base: number;
  path: string;
}

interface Running extends Upload {
  touched: number;
  busy: boolean;
  hash: Hash;
}

/** An upload that nobody continues for this long is removed, in milliseconds. */
const IDLE_MS = 60 * 60_000;

export interface UploadRules {
  /** Returns how many bytes to leave free before content that begins with these bytes. */
  baseFor(beginning: Buffer): number;
}

export class Uploads {
  private readonly folder: string;
  private readonly uploads = new Map<string, Running>();
  private readonly newId: () => string;
  private readonly now: () => number;

  /** Removes what a killed daemon left: an upload lives in one process. */
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
    // Checked before the first byte, and again when a write fails: others fill the disk too.
    if (size > free) {
      throw new MusterError(
        'disk-full',
        `The upload has ${size} bytes, and the head's disk has room for ${free}; free some ('muster storage gc') and repeat.`,
      );
    }
    const id = this.newId();
    const path = join(this.folder, id);
    try {
      await (await openNew(path)).close();
    } catch (error) {
      throw asDiskFull(error, 'The upload');
    }
    const hash = createHash('sha256');
    const upload = { id, size, offset: 0, base: 0, path, touched: this.now(), busy: false, hash };
    this.uploads.set(id, upload);
    return upload;
  }

  get(id: string): Upload {
    return this.running(id);
  }

  /**
   * Takes bytes from `offset` on, as they arrive. A broken connection keeps what has arrived, to continue from there; a full
   * disk, or more bytes than announced, ends the upload and frees its space.
   */
  async append(id: string, offset: number, bytes: Readable, rules: UploadRules): Promise<Upload> {
    const upload = this.running(id);
    if (upload.busy) throw busy(id);
    if (offset !== upload.offset) {
      throw new MusterError(
        'conflict',
        `The upload ${id} is at byte ${upload.offset}, not ${offset}; go on from there.`,
      );
    }
    upload.busy = true;
    try {
      await this.receive(upload, bytes, rules);
    } catch (error) {
      const refusal = asDiskFull(error, 'The upload');
      if (!(refusal instanceof MusterError)) {
        throw new MusterError(
          'upload-incomplete',
          `The upload ${id} broke off at byte ${upload.offset}: ${reasonOf(error)}.`,
          { cause: error as Error },
        );
      }
      await this.remove(id);
      throw refusal;
    } finally {
      upload.busy = false;
      upload.touched = this.now();
    }
    return upload;
  }

  /** Returns the SHA-256 of what has arrived. */
  digest(id: string): string {
    return this.running(id).hash.copy().digest('hex');
  }

  /** Hands a complete upload's file to the caller, who removes it; nobody else can get it from now on. */
  take(id: string): Upload & { sha256: string } {
    const upload = this.running(id);
    if (upload.busy) throw busy(id);
    if (upload.offset !== upload.size) {
      throw new MusterError(
        'upload-incomplete',
        `The upload has ${upload.offset} of ${upload.size} bytes; nothing was stored.`,
      );
    }
    this.uploads.delete(id);
    return { ...upload, sha256: upload.hash.digest('hex') };
  }

  async remove(id: string): Promise<void> {
    const upload = this.uploads.get(id);
    this.uploads.delete(id);
    if (upload) await rm(upload.path, { force: true });
  }

  private running(id: string): Running {
    const upload = this.uploads.get(id);
    if (!upload) throw new MusterError('upload-incomplete', `There is no upload ${id} any more; begin it again.`);
    return upload;
  }

  private async receive(upload: Running, bytes: Readable, rules: UploadRules): Promise<void> {
    const handle = await open(upload.path, 'r+');
    // A refusal must reach the sender: its connection stays, and the rest is read and dropped.
    const chunks = bytes.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    try {
      for await (const chunk of upload.offset === 0 ? withWholeStart(chunks, upload.size) : chunks)
        await this.write(upload, handle, chunk, rules);
    } finally {
      bytes.resume();
      await handle.close();
    }
  }

  private async write(upload: Running, handle: FileHandle, chunk: Buffer, rules: UploadRules): Promise<void> {
    if (upload.offset === 0) upload.base = rules.baseFor(chunk);
    if (upload.offset + chunk.length > upload.size) {
      throw new MusterError(
        'bad-value',
        `The upload sends more than the ${upload.size} bytes it announced; nothing was stored.`,
      );
    }
    await writeWhole(handle, chunk, upload.base + upload.offset);
    upload.hash.update(chunk);
    upload.offset += chunk.length;
  }

  /** Removes uploads that nobody has continued for an hour. */
  async sweep(): Promise<void> {
    const old = [...this.uploads.values()].filter(upload => !upload.busy && this.now() - upload.touched > IDLE_MS);
    for (const upload of old) await this.remove(upload.id);
  }
}

function busy(id: string): MusterError {
  return new MusterError('conflict', `The upload ${id} is being written by another connection.`);
}

/** The first piece has at least eight bytes, or all there are: enough to detect the format. Fewer do not count as arrived. */
async function* withWholeStart(bytes: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let first: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (first === undefined) {
      yield chunk;
      continue;
    }
    first = Buffer.concat([first, chunk]);
    if (first.length < Math.min(8, size)) continue;
    yield first;
    first = undefined;
  }
}
