// The content of served files: read once, shared by all transfers, read again when the file changed, bounded in memory.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { systemCode } from '../errors.ts';

/** A served file cannot be read; the message is for the administrator. */
export class FileUnavailable extends Error {
  /** The code of the system's error, and the file. */
  readonly facts: { code?: string; path?: string };

  constructor(message: string, facts: FileUnavailable['facts'] = {}, cause?: unknown) {
    super(message, { cause });
    this.facts = facts;
  }
}

/** A piece of a file, in bytes. */
export interface Part {
  offset: number;
  size: number;
}

interface Stamp {
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  ino: number;
}

interface Cached {
  stamp: Stamp;
  content: Buffer;
}

export interface FileCacheLimits {
  /** Bytes of content kept in all; content in use by a transfer lives until that ends. */
  keepBytes: number;
  /** The largest file that is served at all. */
  fileBytes: number;
}

/** Room for loaders, and for kernels and initramfs of several images if those use TFTP too. */
const LIMITS: FileCacheLimits = { keepBytes: 512 * 2 ** 20, fileBytes: 256 * 2 ** 20 };

export class FileCache {
  /** By path, least recently used first. */
  private readonly cached = new Map<string, Cached>();
  private readonly reading = new Map<string, Promise<Buffer>>();
  private readonly netascii = new WeakMap<Buffer, Buffer>();
  private readonly limits: FileCacheLimits;
  private kept = 0;

  constructor(limits: FileCacheLimits = LIMITS) {
    this.limits = limits;
  }

  /** Bytes of content kept now. */
  get bytes(): number {
    return this.kept;
  }

  /** Returns the file's current content, in memory that threads share; concurrent transfers share one reading. Do not write to it. */
  async read(path: string, part?: Part): Promise<Buffer> {
    const key = part ? `${path} ${part.offset} ${part.size}` : path;
    const reading = this.reading.get(key) ?? this.readNow(path, key, part).finally(() => this.reading.delete(key));
    this.reading.set(key, reading);
    return reading;
  }

  /** RFC 764 as RFC 1350 §1 means it: LF is sent as CR LF and CR as CR NUL. Made once for each content. */
  asNetascii(content: Buffer): Buffer {
    const known = this.netascii.get(content);
    if (known) return known;
    const translated = toNetascii(content);
    this.netascii.set(content, translated);
    return translated;
  }

  private async readNow(path: string, key: string, part: Part | undefined): Promise<Buffer> {
    try {
      const cached = this.cached.get(key);
      if (cached && sameStamp(cached.stamp, await stat(path))) {
        this.cached.delete(key);
        this.cached.set(key, cached);
        return cached.content;
      }
      this.forget(key);
      const fresh = await readWhole(path, this.limits.fileBytes, part);
      this.keep(key, fresh);
      return fresh.content;
    } catch (error) {
      this.forget(key);
      if (error instanceof FileUnavailable) throw error;
      const code = systemCode(error);
      const facts = { path, ...(code !== undefined && { code }) };
      throw new FileUnavailable(`${path} cannot be read (${code ?? 'unknown error'})`, facts, error);
    }
  }

  private keep(path: string, fresh: Cached): void {
    if (fresh.content.length > this.limits.keepBytes) return;
    this.cached.set(path, fresh);
    this.kept += fresh.content.length;
    for (const oldest of this.cached.keys()) {
      if (this.kept <= this.limits.keepBytes) break;
      this.forget(oldest);
    }
  }

  private forget(path: string): void {
    this.kept -= this.cached.get(path)?.content.length ?? 0;
    this.cached.delete(path);
  }
}

async function readWhole(path: string, most: number, part: Part | undefined): Promise<Cached> {
  // Without O_NONBLOCK this would wait for a named pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stamp = await stampOf(file, path);
    const { offset, size } = part ?? { offset: 0, size: stamp.size };
    if (size > most) throw new FileUnavailable(`${path} has ${size} bytes, more than TFTP serves (${most})`);
    if (stamp.size < offset + size)
      throw new FileUnavailable(`${path} has ${Math.max(0, stamp.size - offset)} of ${size} bytes`);
    const content = await readBytes(file, offset, size);
    const unchanged = content.length === size && sameStamp(stamp, await file.stat());
    if (!unchanged) throw new FileUnavailable(`${path} was written to while it was read`);
    return { stamp, content };
  } finally {
    await file.close();
  }
}

/** Reads at most `size` bytes, however fast the file grows. */
async function readBytes(file: FileHandle, from: number, size: number): Promise<Buffer> {
  const content = sharedBuffer(size);
  let used = 0;
  while (used < size) {
    const { bytesRead } = await file.read(content, used, size - used, from + used);
    if (bytesRead === 0) break;
    used += bytesRead;
  }
  return content.subarray(0, used);
}

async function stampOf(file: FileHandle, path: string): Promise<Stamp> {
  const stats = await file.stat();
  if (!stats.isFile()) throw new FileUnavailable(`${path} is not a regular file`);
  return stats;
}

function sameStamp(one: Stamp, other: Stamp): boolean {
  return (
    one.size === other.size && one.mtimeMs === other.mtimeMs && one.ctimeMs === other.ctimeMs && one.ino === other.ino
  );
}

function toNetascii(content: Buffer): Buffer {
  let extra = 0;
  for (const byte of content) if (byte === 10 || byte === 13) extra += 1;
  const translated = sharedBuffer(content.length + extra);
  let at = 0;
  for (const byte of content) {
    if (byte === 10) translated[at++] = 13;
    translated[at++] = byte;
    if (byte === 13) translated[at++] = 0;
  }
  return translated;
}

/** Memory that threads share; filled with zeros. */
export function sharedBuffer(length: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(length));
}
