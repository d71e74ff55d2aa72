// An administrator's workspace: packed local copies of images, with a manifest, and work folders. Several programs may use it.
import { randomBytes } from 'node:crypto';
import { chmod, chown, link, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestFile } from '../../durable/digest.ts';
import { linkInto, makeFolder, moveInto } from '../../durable/folders.ts';
import { replaceFile } from '../../durable/replace.ts';
import { MusterError, reasonOf, systemCode } from '../../errors.ts';
import { type Lock, takeLock, withLock } from '../../process/lock.ts';
import { run } from '../../process/run.ts';
import {
  baseOf,
  findLocal,
  type Local,
  type Manifest,
  manifestText,
  type Remote,
  readManifest,
  settle,
  toEvict,
  unsettled,
} from './manifest.ts';

/** The purpose of a work folder, reported when it is found left over. */
export interface Work {
  folder: string;
  /** Removes the folder and its contents. */
  close(): Promise<void>;
}

const WORK = 'work-';
const LOCKS = '.locks';

export class Workspace {
  readonly folder: string;
  /** The owner, who also gets files that root writes there. */
  private readonly owner: { uid: number; gid: number };

  private constructor(folder: string, owner: { uid: number; gid: number }) {
    this.folder = folder;
    this.owner = owner;
  }

  /** Opens the folder, and creates it if it is absent. */
  static async open(folder: string, parent?: { uid: number; gid: number }): Promise<Workspace> {
    try {
      const made = await makeFolders(folder, LOCKS);
      const { uid, gid } = await stat(folder);
      if (made !== undefined && parent && process.getuid?.() === 0) {
        // Everything that was created, from ~/.scyldcw on.
        for (let path = join(folder, LOCKS); path.startsWith(made); path = dirname(path))
          await chown(path, parent.uid, parent.gid);
        return new Workspace(folder, parent);
      }
      return new Workspace(folder, { uid, gid });
    } catch (error) {
      throw new MusterError('bad-workspace', `The workspace ${folder} cannot be used: ${reasonOf(error)}.`, {
        cause: error,
        hint: 'Name another folder in ~/.scyldcw/settings.ini, one that root can use too: [modimg] workspace = /FOLDER',
      });
    }
  }

  get manifestFile(): string {
    return join(this.folder, 'manifest.json');
  }

  /** The packed image of a local image. */
  file({ uid }: Pick<Local, 'uid'>): string {
    return join(this.folder, uid);
  }

  /** Returns the local images, each with the digest of its actual file, even after a program was killed while it replaced one. */
  async list(): Promise<Local[]> {
    const manifest = await this.read();
    return unsettled(manifest).length === 0 && !manifest.pending
      ? manifest.images
      : this.changing(async images => ({ images, result: images }));
  }

  private async read(): Promise<Manifest> {
    const text = await readFile(this.manifestFile, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return manifestText({ images: [] });
      throw new MusterError('bad-workspace', `${this.manifestFile} cannot be read: ${reasonOf(error)}.`);
    });
    return readManifest(text, this.manifestFile);
  }

  /** With the lock, so no other program is replacing a file. */
  private async settled(): Promise<Local[]> {
    const manifest = await this.read();
    const digests = new Map<string, string>();
    for (const local of unsettled(manifest)) {
      const digest = await digestOf(this.file(local)).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw new MusterError('bad-workspace', `${this.file(local)} cannot be read: ${reasonOf(error)}.`);
      });
      if (digest !== undefined) digests.set(local.uid, digest);
    }
    return settle(manifest, digests).images;
  }

  /** Returns the local image with this name or UID, if its file exists. */
  async find(id: string): Promise<Local | undefined> {
    const local = findLocal(await this.list(), id);
    if (!local) return undefined;
    const isThere = await stat(this.file(local)).then(
      found => found.isFile(),
      () => false,
    );
    if (!isThere) return undefined;
    return local;
  }

  /** Runs exclusively among all programs that change the manifest. */
  private async changing<T>(change: (images: Local[]) => Promise<{ images: Local[]; result: T }>): Promise<T> {
    return withLock(join(this.folder, LOCKS, 'manifest'), async () => {
      const { images, result } = await change(await this.settled());
      await this.writeManifest({ images });
      return result;
    });
  }

  private async writeManifest(manifest: Manifest): Promise<void> {
    const owner = this.newOwner;
    await replaceFile(this.manifestFile, manifestText(manifest), owner ? { owner } : {});
  }

  /** The user who gets files that root writes; undefined when files have the right owner anyway. */
  private get newOwner(): { uid: number; gid: number } | undefined {
    return process.getuid?.() === 0 && this.owner.uid !== 0 ? this.owner : undefined;
  }

  /**
   * Takes a packed image into the workspace, replacing the one with the same UID or name. `file` must be on the same file system
   * and is gone afterwards. Whenever this is interrupted, the old image or the new one is complete and in the manifest.
   */
  async keep(file: string, local: Omit<Local, 'sha256' | 'time' | 'previous'>, sha256?: string): Promise<Local> {
    // The image may contain files that only root may read.
    await chmod(file, 0o600);
    const owner = this.newOwner;
    if (owner) await chown(file, owner.uid, owner.gid);
    const digest = sha256 ?? (await digestOf(file));
    const kept: Local = { ...local, sha256: digest, time: new Date().toISOString() };
    const gone = await this.changing(async images => {
      const others = images.filter(({ uid, name }) => uid !== kept.uid && name !== kept.name);
      // First the manifest, which has both states until the file is in place.
      await this.writeManifest({ images: [...others, kept], pending: { uid: kept.uid, sha256: digest, images } });
      await moveInto(file, this.file(kept));
      const result = images.filter(({ uid, name }) => name === kept.name && uid !== kept.uid);
      return { images: [...others, kept], result };
    });
    for (const local of gone) await rm(this.file(local), { force: true });
    return kept;
  }

  /** Records that the local image is now the head's image with this UID. */
  async becomes(local: Local, remote: { uid: string; sha256: string }): Promise<Local> {
    const { previous: _previous, ...rest } = local;
    const now: Local = { ...rest, uid: remote.uid, sha256: remote.sha256, remote: true, base: baseOf(remote) };
    await this.changing(async images => {
      if (local.uid !== now.uid) {
        // The file has both names until the manifest has the new one.
        await linkInto(this.file(local), this.file(now));
      }
      const others = images.filter(({ uid }) => uid !== local.uid && uid !== now.uid);
      return { images: [...others, now], result: undefined };
    });
    if (local.uid !== now.uid) await rm(this.file(local), { force: true });
    return now;
  }

  /** Removes local images; does not touch the head's. */
  async drop(chosen: (images: readonly Local[]) => readonly Local[]): Promise<Local[]> {
    return this.changing(async images => {
      const gone = [...chosen(images)];
      for (const local of gone)
        await rm(this.file(local), { force: true }).catch((error: unknown) => {
          throw cannotWrite(this.folder, error);
        });
      return { images: images.filter(local => !gone.includes(local)), result: gone };
    });
  }

  /** Removes local images that are older than an hour and equal to the head's; returns them. */
  async evict(remotes: readonly Remote[], now = Date.now()): Promise<Local[]> {
    if (toEvict(await this.list(), remotes, now).length === 0) return [];
    const dropped: Local[] = [];
    for (const local of toEvict(await this.list(), remotes, now)) {
      // Keeps an image that somebody is working on.
      const lock = await this.lockOf(local.name);
      if (!lock) continue;
      dropped.push(...(await this.drop(images => images.filter(({ uid }) => uid === local.uid))));
      await lock.release();
    }
    return dropped;
  }

  /** Returns the local image with the digest of its current file, which another program may have replaced. Errors: `bad-digest`. */
  async verify(local: Local): Promise<Local> {
    for (let tries = 0; tries < 3; tries += 1) {
      const digest = await digestOf(this.file(local));
      const listed = (await this.list()).find(({ uid }) => uid === local.uid);
      if (listed?.sha256 === digest) return listed;
    }
    throw new MusterError('bad-digest', `The local copy of ${local.name} is damaged: its bytes have another digest.`, {
      hint: `Fetch it again: muster modimg -i ${local.name} --freshen; or remove it: muster modimg -i ${local.name} --delete`,
    });
  }

  /** Gives the packed image a second name, so that it survives a replacement; returns its digest. `to` must be on the same file system. */
  async take(local: Local, to: string): Promise<string> {
    await link(this.file(local), to);
    return digestOf(to);
  }

  /** One program works on an image at a time. */
  async lock(name: string): Promise<Lock> {
    const lock = await this.lockOf(name);
    if (lock) return lock;
    throw new MusterError('in-use', `Another modimg is working on ${name}; wait until it ends.`);
  }

  private async lockOf(name: string): Promise<Lock | undefined> {
    const file = join(this.folder, LOCKS, `image-${name.replace(/[^\w.-]/g, '_')}`);
    return takeLock(file, { wait: false });
  }

  /** Creates a work folder below the workspace, so that renaming suffices to keep results. */
  async work(about: string): Promise<Work> {
    return withLock(join(this.folder, LOCKS, 'work'), async () => {
      const folder = await mkdtemp(join(this.folder, WORK)).catch((error: unknown) => {
        throw cannotWrite(this.folder, error);
      });
      await writeFile(join(folder, 'about'), `${about}\n`);
      const lock = await takeLock(join(folder, 'lock'), { wait: false }).catch(async (error: unknown) => {
        await removeFolder(folder);
        throw error;
      });
      return {
        folder,
        close: async () => {
          await removeFolder(folder);
          await lock?.release();
        },
      };
    });
  }

  /** Removes folders of killed programs; returns the purpose of each. */
  async cleanUp(): Promise<string[]> {
    const names = (await readdir(this.folder)).filter(name => name.startsWith(WORK));
    if (names.length === 0) return [];
    return withLock(join(this.folder, LOCKS, 'work'), async () => {
      const cleaned: string[] = [];
      for (const name of names) {
        const folder = join(this.folder, basename(name));
        const lock = await takeLock(join(folder, 'lock'), { wait: false }).catch(() => undefined);
        if (!lock) continue;
        cleaned.push((await readFile(join(folder, 'about'), 'utf8').catch(() => '')).trim() || name);
        await removeFolder(folder);
        await lock.release();
      }
      return cleaned;
    });
  }
}

/** Reports a full disk with the workspace on it; returns other errors unchanged. */
export function noRoom(folder: string, error: unknown): unknown {
  if (!['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) return error;
  // An error about a file elsewhere, such as a temporary one, names that file.
  const { path } = error as NodeJS.ErrnoException;
  if (path !== undefined && !path.startsWith(folder)) return error;
  return new MusterError('disk-full', `There is no space left for the workspace ${folder}: ${reasonOf(error)}`, {
    cause: error,
    hint: 'Remove local images (muster modimg ls lists them), or name another folder in ~/.scyldcw/settings.ini: [modimg] workspace = /FOLDER',
  });
}

/** Creates the missing part of a path and a folder in it; returns the first folder created. `mkdir` with `recursive` alone hides EROFS. */
async function makeFolders(folder: string, name: string): Promise<string | undefined> {
  const first = (await makeFolder(folder)) ?? join(folder, name);
  const isThere = await mkdir(join(folder, name), { mode: 0o700 }).then(
    () => false,
    (error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
      return true;
    },
  );
  return isThere ? undefined : first;
}

function cannotWrite(folder: string, error: unknown): MusterError | unknown {
  if (!['EROFS', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) return error;
  return new MusterError('bad-workspace', `The workspace ${folder} cannot be written to: ${reasonOf(error)}.`, {
    cause: error,
    hint: 'Name another folder in ~/.scyldcw/settings.ini: [modimg] workspace = /FOLDER',
  });
}

/** Also handles immutable or append-only files (`chattr +i`), which even root cannot remove before that is undone. */
async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(async () => {
    await run('chattr', ['-R', '-f', '-i', '-a', folder], { package: 'e2fsprogs' });
    await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      throw new MusterError('bad-workspace', `${folder} cannot be removed: ${reasonOf(error)}.`, { cause: error });
    });
  });
}

/** Returns a UID for an image that the head does not have yet. */
export function newUid(): string {
  return randomBytes(16).toString('hex');
}

/** Returns the SHA-256 of a file. */
export async function digestOf(file: string): Promise<string> {
  return (await digestFile(file)).whole;
}
