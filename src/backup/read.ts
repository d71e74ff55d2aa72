// Reads a backup as it arrives: verifies every file against the manifest, and passes it on.
import { createHash } from 'node:crypto';
import { MusterError } from '../errors.ts';
import {
  type BackedUp,
  ENDING,
  type Ending,
  isStoredFile,
  MANIFEST,
  MANIFEST_LIMIT,
  type Manifest,
  type NamedFile,
  readEnding,
  readManifest,
} from './manifest.ts';
import { BLOCK, padding, readTarHeader } from './tar.ts';

export interface BackupReader {
  /** Called before the first file; an error here ends the reading. */
  manifest(manifest: Manifest): Promise<void> | void;
  /** Receives a file's content; the file counts only when the whole backup was read without an error. */
  file(file: BackedUp, content: AsyncIterable<Buffer>): Promise<void>;
  /** A stored file that was passed on was damaged when the backup was made: it does not count. */
  damaged(file: BackedUp): Promise<void> | void;
}

export interface ReadBackup {
  manifest: Manifest;
  damaged: NamedFile[];
}

/**
 * Reads the whole. Throws `bad-backup` with what is wrong with it, and `store-newer` when a newer muster wrote it. Stored files
 * that were already damaged on the head are no error: the backup names them.
 */
export async function readBackup(chunks: AsyncIterable<Buffer>, reader: BackupReader): Promise<ReadBackup> {
  const bytes = new Bytes(chunks);
  const first = readTarHeader(await bytes.exactly(BLOCK));
  if (first?.path !== MANIFEST || first.size > MANIFEST_LIMIT)
    throw new MusterError('bad-backup', `The file is not a backup of muster: it does not begin with ${MANIFEST}.`);
  const manifest = readManifest(await content(bytes, first.size));
  await reader.manifest(manifest);
  const wrong: BackedUp[] = [];
  for (const file of manifest.files) if (!(await isWhole(bytes, file, reader))) wrong.push(file);
  const { damaged } = manifest.format === 1 ? { damaged: [] } : await ending(bytes);
  const known = new Set(damaged.map(({ sha256 }) => sha256));
  for (const file of wrong) {
    if (!isStoredFile(file) || !known.has(file.sha256))
      throw new MusterError('bad-backup', `The backup is damaged: ${file.path} has other bytes than were backed up.`);
    await reader.damaged(file);
  }
  if (readTarHeader(await bytes.exactly(BLOCK)) !== undefined)
    throw new MusterError('bad-backup', 'The backup is damaged: it contains more files than its list.');
  // To its end, so that the sender can finish.
  for await (const _rest of bytes.next(Number.POSITIVE_INFINITY));
  return { manifest, damaged };
}

async function isWhole(bytes: Bytes, file: BackedUp, reader: BackupReader): Promise<boolean> {
  const member = readTarHeader(await bytes.exactly(BLOCK));
  if (member?.path !== file.path || member.size !== file.size)
    throw new MusterError('bad-backup', `The backup is damaged: ${file.path} is not where it should be.`);
  const hash = createHash('sha256');
  await reader.file(file, hashed(bytes.next(file.size), hash));
  await bytes.exactly(padding(file.size));
  return hash.digest('hex') === file.sha256;
}

async function ending(bytes: Bytes): Promise<Ending> {
  const member = readTarHeader(await bytes.exactly(BLOCK));
  if (member?.path !== ENDING || member.size > MANIFEST_LIMIT)
    throw new MusterError('bad-backup', `The backup is damaged: ${ENDING} is not where it should be.`);
  return readEnding(await content(bytes, member.size));
}

async function content(bytes: Bytes, size: number): Promise<Buffer> {
  const read = await bytes.exactly(size);
  await bytes.exactly(padding(size));
  return read;
}

async function* hashed(content: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

/** A stream of chunks of any size, read byte by byte. */
class Bytes {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.next(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Yields the next bytes, as they arrive; an end before `count` of them is an error unless everything was requested. */
  async *next(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.rest.length === 0) {
        const { value, done } = await this.chunks.next();
        if (done && count === Number.POSITIVE_INFINITY) return;
        if (done) throw new MusterError('bad-backup', 'The backup ends too early: it is not whole.');
        this.rest = value;
        continue;
      }
      const part = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
