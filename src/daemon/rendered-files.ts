// Rendered files of nodes: indexes and contents by their digest, in memory and in `rendered/` of the state folder. They can be
// rendered again, so nothing is synced; what is secret is encrypted on disk.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { indexText, readIndex } from '../files/index-text.ts';
import type { Rendered } from '../files/rendered.ts';
import { isSealed, type Sealing } from '../sealing.ts';

/** Bytes of contents that are kept in memory. */
const MOST_MEMORY = 64 * 1024 * 1024;
/** Bytes that may wait to be written; a caller that adds more has to wait. */
const MOST_WAITING = 64 * 1024 * 1024;
/** Milliseconds for which contents that no boot needs are kept: a boot may be about to begin. */
const SPARED_MS = 60 * 60_000;
const DIGEST = /^[0-9a-f]{64}$/;

export interface Kept {
  /** SHA-256 of the index, in hex. */
  index: string;
  text: string;
  /** Bytes of index and contents together. */
  size: number;
  /** Whether any of its files or scripts is secret: then the index and all its contents are. */
  secret: boolean;
}

export interface RenderedFilesOptions {
  folder: string;
  sealing: Sealing;
  /** Receives why something could not be written. */
  failed(reason: unknown): void;
  now?(): number;
}

export class RenderedFiles {
  private readonly options: RenderedFilesOptions;
  /** By digest; the most recently used is the last. */
  private readonly memory = new Map<string, Buffer>();
  private memoryBytes = 0;
  /** Contents that are not on disk yet, each with its write. */
  private readonly waiting = new Map<string, { content: Buffer; written: Promise<void> }>();
  private waitingBytes = 0;
  /** Digests on disk. */
  private readonly stored = new Set<string>();
  /** Digests of what was written encrypted since the start: a content that becomes secret may be there in the clear. */
  private readonly sealed = new Set<string>();
  private writes: Promise<unknown> = Promise.resolve();

  private constructor(options: RenderedFilesOptions) {
    this.options = options;
  }

  static async open(options: RenderedFilesOptions): Promise<RenderedFiles> {
    const files = new RenderedFiles(options);
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(options.folder))
      if (DIGEST.test(name)) files.stored.add(name);
      else await rm(join(options.folder, name), { force: true });
    return files;
  }

  /** Keeps the files of a node; they are in memory at once, and on disk a moment later. */
  async put(rendered: Rendered): Promise<Kept> {
    const text = indexText(rendered);
    const index = digestOf(Buffer.from(text));
    const secret = [...rendered.entries, ...rendered.scripts].some(one => one.secret);
    const contents = new Map<string, { content: Buffer; secret: boolean }>();
    // Equal contents may be secret in one file and not in another: then they are secret
    for (const { type, sha256, content, secret: isSecret } of rendered.entries)
      if (type === 'file') contents.set(sha256, { content, secret: isSecret || contents.get(sha256)?.secret === true });
    for (const { content } of rendered.scripts) contents.set(digestOf(content), { content, secret });
    const bytes = [...contents.values()].reduce((sum, { content }) => sum + content.length, 0);
    for (const [sha256, one] of contents) this.add(sha256, one.content, one.secret);
    this.add(index, Buffer.from(text), secret);
    while (this.waitingBytes > MOST_WAITING) await this.writes;
    return { index, text, size: Buffer.byteLength(text) + bytes, secret };
  }

  /** Returns an index or a content; undefined when it is not there, or damaged. */
  async get(sha256: string): Promise<Buffer | undefined> {
    const known = this.waiting.get(sha256)?.content ?? this.memory.get(sha256);
    if (known) {
      this.remember(sha256, known);
      return known;
    }
    if (!this.stored.has(sha256)) return undefined;
    const content = await this.read(sha256);
    // Contents are verified when they are read, so that a damaged one is rendered again
    if (!content || digestOf(content) !== sha256) {
      this.stored.delete(sha256);
      return undefined;
    }
    this.remember(sha256, content);
    return content;
  }

  /** Removes contents that none of these indexes needs. @param needed digests of indexes */
  async sweep(needed: Iterable<string>): Promise<void> {
    const { folder, now = Date.now } = this.options;
    const keep = new Set<string>();
    for (const index of needed) {
      keep.add(index);
      const text = await this.get(index);
      const read = text && readIndex(text.toString());
      if (!read || 'refused' in read) continue;
      for (const { sha256 } of [...read.entries, ...read.scripts]) keep.add(sha256);
    }
    for (const sha256 of [...this.stored]) {
      if (keep.has(sha256) || this.waiting.has(sha256)) continue;
      const path = join(folder, sha256);
      const facts = await stat(path).catch(() => undefined);
      if (facts && now() - facts.mtimeMs < SPARED_MS) continue;
      this.stored.delete(sha256);
      this.sealed.delete(sha256);
      this.forget(sha256);
      await rm(path, { force: true });
    }
  }

  /** Resolves when all is on disk. */
  async settled(): Promise<void> {
    while (this.waiting.size > 0) await this.writes;
  }

  private add(sha256: string, content: Buffer, secret: boolean): void {
    this.remember(sha256, content);
    const isThere = this.stored.has(sha256) || this.waiting.has(sha256);
    if (isThere && (!secret || this.sealed.has(sha256))) return;
    if (secret) this.sealed.add(sha256);
    this.waitingBytes += content.length;
    // One after another: a boot storm must not take all threads that read images
    const written = this.writes.then(async () => this.write(sha256, content, secret));
    this.writes = written;
    const one = { content, written };
    this.waiting.set(sha256, one);
    void written.then(() => {
      // Another write may follow: of a content that became secret
      if (this.waiting.get(sha256) === one) this.waiting.delete(sha256);
      this.waitingBytes -= content.length;
    });
  }

  private async write(sha256: string, content: Buffer, secret: boolean): Promise<void> {
    const { folder, sealing, failed } = this.options;
    const path = join(folder, sha256);
    try {
      await writeFile(`${path}.new`, secret ? sealing.seal(content) : content, { mode: 0o600 });
      await rename(`${path}.new`, path);
      this.stored.add(sha256);
    } catch (error) {
      failed(error);
    }
  }

  private async read(sha256: string): Promise<Buffer | undefined> {
    try {
      const bytes = await readFile(join(this.options.folder, sha256));
      return isSealed(bytes) ? this.options.sealing.open(bytes, `the rendered file ${sha256}`) : bytes;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') this.options.failed(error);
      return undefined;
    }
  }

  private remember(sha256: string, content: Buffer): void {
    this.forget(sha256);
    this.memory.set(sha256, content);
    this.memoryBytes += content.length;
    for (const [oldest, bytes] of this.memory) {
      if (this.memoryBytes <= MOST_MEMORY) break;
      this.memory.delete(oldest);
      this.memoryBytes -= bytes.length;
    }
  }

  private forget(sha256: string): void {
    this.memoryBytes -= this.memory.get(sha256)?.length ?? 0;
    this.memory.delete(sha256);
  }
}

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
