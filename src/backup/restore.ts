// A backup becomes a state folder: everything is written and verified aside first, then put in place by renames.
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asDiskFull, writeWhole } from '../blobs/blobs.ts';
import { MusterError } from '../errors.ts';
import { checkDatabase, lockState, SCHEMA_VERSION } from '../store/snapshot.ts';
import type { Manifest } from './manifest.ts';
import { readBackup } from './read.ts';

export interface RestoreOptions {
  /** Replaces what the state folder has; that is kept in a folder beside. */
  force: boolean;
  now: number;
}

export interface Restored {
  manifest: Manifest;
  /** Where the database and the key that were there are now. */
  old: string | undefined;
}

/** What makes a state folder one that is in use; a stored file that is there already is the same file. */
const OWN = ['muster.db', 'muster.db-wal', 'muster.db-shm', 'head.key'];

/** `not-ready` when musterd runs on the folder, `conflict` when it has content and `force` is not given. Needs to own the folder, or root. */
export async function restoreBackup(
  state: string,
  chunks: AsyncIterable<Buffer>,
  options: RestoreOptions,
): Promise<Restored> {
  const owner = ownerOf(state);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const release = await lockState(state);
  if (!release) throw new MusterError('not-ready', `musterd runs on ${state}. Stop it first: systemctl stop musterd`);
  const aside = join(state, 'restoring');
  try {
    if (OWN.some(name => existsSync(join(state, name))) && !options.force) {
      throw new MusterError(
        'conflict',
        `${state} has a database already. With --force it is replaced, and kept in a folder beside it.`,
      );
    }
    await rm(aside, { recursive: true, force: true });
    mkdirSync(aside, { mode: 0o700 });
    const manifest = await unpack(chunks, aside);
    await checkDatabase(join(aside, 'muster.db'));
    const old = await replace(state, aside, manifest, options.now);
    return { manifest, old };
  } finally {
    await rm(aside, { recursive: true, force: true });
    await release();
    giveTo(state, owner);
  }
}

/** Reads and verifies the whole, and writes nothing. */
export async function verifyBackup(chunks: AsyncIterable<Buffer>): Promise<Manifest> {
  return readBackup(chunks, {
    manifest: refuseNewer,
    file: async (_file, content) => {
      for await (const _chunk of content);
    },
  });
}

async function unpack(chunks: AsyncIterable<Buffer>, folder: string): Promise<Manifest> {
  return readBackup(chunks, {
    manifest: async manifest => {
      refuseNewer(manifest);
      const { bavail, bsize } = await statfs(folder);
      const needed = manifest.files.reduce((sum, { size }) => sum + size, 0);
      if (needed > bavail * bsize)
        throw new MusterError(
          'disk-full',
          `The backup needs ${needed} bytes, and there is room for ${bavail * bsize}.`,
        );
    },
    file: async ({ path }, content) => {
      const place = join(folder, path);
      mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
      let file: FileHandle | undefined;
      try {
        file = await open(place, 'wx', 0o600);
        let position = 0;
        for await (const chunk of content) {
          await writeWhole(file, chunk, position);
          position += chunk.length;
        }
        await file.sync();
      } catch (error) {
        throw asDiskFull(error, place);
      } finally {
        await file?.close();
      }
    },
  });
}

function refuseNewer({ schema, muster }: Manifest): void {
  if (schema <= SCHEMA_VERSION) return;
  throw new MusterError(
    'store-newer',
    `muster ${muster} wrote this backup, with a database of version ${schema}; this muster knows up to ${SCHEMA_VERSION}. Install that muster, then restore.`,
  );
}

/** Stored files first, the database last: whatever happens in between, there is one whole database. */
async function replace(state: string, aside: string, { files }: Manifest, now: number): Promise<string | undefined> {
  for (const { path } of files.filter(file => file.path.startsWith('blobs/'))) {
    mkdirSync(dirname(join(state, path)), { recursive: true, mode: 0o700 });
    await rename(join(aside, path), join(state, path));
  }
  const present = OWN.filter(name => existsSync(join(state, name)));
  const old =
    present.length > 0 ? join(state, `before-restore-${new Date(now).toISOString().replace(/[:.]/g, '-')}`) : undefined;
  if (old !== undefined) {
    mkdirSync(old, { mode: 0o700 });
    for (const name of present) await rename(join(state, name), join(old, name));
  }
  for (const { path } of files.filter(file => !file.path.startsWith('blobs/')))
    await rename(join(aside, path), join(state, path));
  const folder = await open(state, 'r');
  await folder.sync();
  await folder.close();
  return old;
}

interface Owner {
  uid: number;
  gid: number;
}

/** Whom the folder belongs to: its owner, else the user muster when there is one. */
function ownerOf(state: string): Owner | undefined {
  if (existsSync(state)) return statSync(state);
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(row => row.startsWith('muster:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Root restores, and musterd must be able to write. */
function giveTo(state: string, owner: Owner | undefined): void {
  if (process.getuid?.() !== 0 || owner === undefined) return;
  chownSync(state, owner.uid, owner.gid);
  for (const name of readdirSync(state, { recursive: true }) as string[])
    chownSync(join(state, name), owner.uid, owner.gid);
}
