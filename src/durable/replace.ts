// The one way to replace a file that must survive: write a new file, fsync it, rename it over the old one, fsync the folder.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { MusterError, systemCode } from '../errors.ts';
import { syncFolder } from './folders.ts';

export interface DraftOptions {
  /** Mode of the file; the umask does not change it. */
  mode?: number;
  /** The owner of the file; that of this process when absent. */
  owner?: { uid: number; gid: number };
  /** The name until the file is complete; a unique one when absent. Leftovers under it are removed. */
  draft?: string;
}

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Makes a new file to write to. Follows no link and opens nothing that another program made: EEXIST. */
export async function openNew(path: string, mode = 0o600): Promise<FileHandle> {
  return open(path, NEW, mode);
}

/** A file that gets its name only once it is complete and on disk. End it with `keep` or `drop`. */
export class Draft {
  /** Where the bytes are until then. */
  readonly path: string;
  readonly handle: FileHandle;
  private readonly target: string;
  private position = 0;
  private closed = false;

  private constructor(target: string, path: string, handle: FileHandle) {
    this.target = target;
    this.path = path;
    this.handle = handle;
  }

  /** Refuses to replace what is no file: renamed over `/dev/null`, a file would take the place of the device. */
  static async open(target: string, { mode = 0o600, owner, draft }: DraftOptions = {}): Promise<Draft> {
    const there = await lstat(target).catch(() => undefined);
    if (there && !there.isFile() && !there.isSymbolicLink())
      throw new MusterError('bad-usage', `${target} is no regular file. Give the name of a file, which may be new.`);
    const name = `.${basename(target)}.${randomBytes(6).toString('hex')}.new`;
    const path = draft ?? join(dirname(target), name);
    if (draft !== undefined) await rm(draft, { force: true });
    const handle = await openNew(path, 0o600);
    const made = new Draft(target, path, handle);
    try {
      if (owner) await handle.chown(owner.uid, owner.gid);
      await handle.chmod(mode);
      return made;
    } catch (error) {
      await made.drop();
      throw error;
    }
  }

  /** Appends all of the bytes. */
  async write(bytes: Buffer): Promise<void> {
    await writeWhole(this.handle, bytes, this.position);
    this.position += bytes.length;
  }

  /** The same as a stream; its end is not the end of the draft. */
  stream(): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, next) => {
        this.write(chunk).then(() => next(), next);
      },
    });
  }

  /** Makes it durable under its name. `conflict` when another program has taken the draft's name. */
  async keep(): Promise<void> {
    try {
      await this.handle.sync();
      const [mine, there] = [await this.handle.stat(), await lstat(this.path).catch(() => undefined)];
      if (mine.ino !== there?.ino || mine.dev !== there.dev)
        throw new MusterError(
          'conflict',
          `Another program writes ${this.target} at the same time. Repeat when it has ended.`,
        );
      await rename(this.path, this.target);
    } catch (error) {
      await this.drop();
      throw error;
    }
    this.closed = true;
    await this.handle.close();
    await syncFolder(dirname(this.target));
  }

  /** Removes what was written, unless it has its final name already. */
  async drop(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const mine = await this.handle.stat();
    await this.handle.close();
    const there = await lstat(this.path).catch(() => undefined);
    if (there?.ino === mine.ino) await rm(this.path, { force: true });
  }
}

/** Replaces a file completely: after a crash there is the old content or the new one. */
export async function replaceFile(target: string, content: string | Buffer, options: DraftOptions = {}): Promise<void> {
  const draft = await Draft.open(target, options);
  try {
    await draft.write(Buffer.from(content));
  } catch (error) {
    await draft.drop();
    throw error;
  }
  await draft.keep();
}

/** The same, unless the file has this content already: then nothing is written. Returns whether something was. */
export async function replaceIfChanged(target: string, content: string, options: DraftOptions = {}): Promise<boolean> {
  const old = await readFile(target, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (old === content) return false;
  await replaceFile(target, content, options);
  return true;
}

/** Writes all of the bytes: the kernel may accept only a part of them. */
export async function writeWhole(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Fills the target from the position, and returns it. Throws when the file ends before. */
export async function readWhole(handle: FileHandle, target: Buffer, position: number): Promise<Buffer> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${position + done}`);
    done += bytesRead;
  }
  return target;
}

/** Turns a write that failed for lack of space into `disk-full`; returns other errors unchanged. */
export function asDiskFull(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new MusterError(
    'disk-full',
    `${what}: the head's disk is full; nothing was stored. Free some room and repeat.`,
    { cause: error as Error },
  );
}
