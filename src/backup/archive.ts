// The bytes of a backup as they are read from the head: the manifest, each file, and at the end a list of damaged stored files.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MusterError, reasonOf } from '../errors.ts';
import { type BackedUp, ENDING, isStoredFile, MANIFEST, type Manifest, type NamedFile } from './manifest.ts';
import { BLOCK, type Member, padding, tarHeader, tarSize } from './tar.ts';

const CHUNK = 1 << 20;

/** A file by its path, or its bytes. */
export type Content = string | Buffer;

/**
 * Room for the ending, in bytes: it has a fixed size, because its content is unknown when the total size is announced. The unused
 * part is filled with spaces.
 */
function endingSize(files: readonly BackedUp[]): number {
  return Buffer.byteLength(endingText(files.filter(isStoredFile).map(namedFile)));
}

function endingText(damaged: readonly NamedFile[]): string {
  return `${JSON.stringify({ damaged }, null, 1)}\n`;
}

function namedFile({ sha256, used_by = [] }: BackedUp): NamedFile {
  return { sha256, used_by };
}

/** Bytes of the whole archive. */
export function archiveSize(manifest: Manifest): number {
  return tarSize([
    { path: MANIFEST, size: manifestText(manifest).length },
    ...manifest.files,
    { path: ENDING, size: endingSize(manifest.files) },
  ]);
}

/**
 * Yields the archive. The ending names a stored file that is damaged, too short or unreadable, and the rest is backed up; any
 * other file must match the manifest (`bad-backup`).
 */
export async function* archive(manifest: Manifest, contentOf: (file: BackedUp) => Content): AsyncGenerator<Buffer> {
  const { created, files } = manifest;
  yield* member(MANIFEST, manifestText(manifest), created);
  const damaged: NamedFile[] = [];
  for (const file of files) {
    yield tarHeader(file, created);
    const hash = createHash('sha256');
    const problem = yield* fileBytes(contentOf(file), file, hash);
    const isRight = hash.digest('hex') === file.sha256;
    if (!isRight && !isStoredFile(file))
      throw new MusterError('bad-backup', `${file.path} ${problem ?? 'changed'} while it was backed up. Repeat.`);
    if (!isRight) damaged.push(namedFile(file));
    yield Buffer.alloc(padding(file.size));
  }
  const text = endingText(damaged);
  yield* member(ENDING, Buffer.from(text.padEnd(text.length + endingSize(files) - Buffer.byteLength(text))), created);
  yield Buffer.alloc(2 * BLOCK);
}

function manifestText(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
}

function* member(path: string, content: Buffer, created: number): Generator<Buffer> {
  yield tarHeader({ path, size: content.length }, created);
  yield Buffer.concat([content, Buffer.alloc(padding(content.length))]);
}

/** Yields exactly as many bytes as the header says; zeros for unreadable ones. Returns what was wrong. */
async function* fileBytes(
  content: Content,
  { size }: Member,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Buffer, string | undefined> {
  if (Buffer.isBuffer(content)) {
    hash.update(content);
    yield content;
    return undefined;
  }
  let sent = 0;
  let problem: string | undefined;
  let handle: FileHandle | undefined;
  try {
    handle = await open(content, constants.O_RDONLY | constants.O_NOFOLLOW);
    while (sent < size) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - sent));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, sent);
      if (bytesRead === 0) break;
      sent += bytesRead;
      const chunk = buffer.subarray(0, bytesRead);
      hash.update(chunk);
      yield chunk;
    }
    if (sent < size) problem = `ends at byte ${sent} of ${size}`;
  } catch (error) {
    problem = `cannot be read: ${reasonOf(error)}`;
  } finally {
    await handle?.close();
  }
  // A short file is padded, and its digest is that of its real bytes.
  while (sent < size) {
    const zeros = Buffer.alloc(Math.min(CHUNK, size - sent));
    sent += zeros.length;
    yield zeros;
  }
  return problem;
}
