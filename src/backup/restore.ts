// A backup becomes a state folder: everything is written and verified in a separate folder, then takes effect by one rename.
import { existsSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder, moveInto, syncFolder } from '../durable/folders.ts';
import { asDiskFull, openNew, replaceFile, writeWhole } from '../durable/replace.ts';
import { MusterError } from '../errors.ts';
import type { Value } from '../model/kinds.ts';
import { decideRestore, OLD, PLAN, RESTORING, type RestorePlan } from '../store/pending-restore.ts';
import { checkDatabase, readContents, SCHEMA_VERSION } from '../store/snapshot.ts';
import { DATABASE, SIDE_FILES } from '../store/state-folder.ts';
import { lockState } from '../store/state-lock.ts';
import { CONFIGURATION_LIMIT } from './configuration.ts';
import { CONFIGURATION, HEAD_FILES, isStoredFile, type Manifest } from './manifest.ts';
import { asOwner, stateOwner } from './owner.ts';
import { type ReadBackup, readBackup } from './read.ts';

export interface RestoreOptions {
  /** Replaces the content of the state folder, which is kept in a folder next to it. */
  force: boolean;
  /** Milliseconds since 1970. */
  now: number;
}

export interface Restored extends ReadBackup {
  /** The files of the configuration, for `placeConfiguration`. */
  configuration: ReadonlyMap<string, Buffer>;
  /** Where the previous database and keys are now. */
  old: string | undefined;
  nodes: Value<'node'>[];
}

/** Marks of a state folder in use; an existing stored file is always the same file. */
const IN_USE = ['muster.db', 'head.key'];

/**
 * Restores with the rights of the folder's owner. Throws `not-ready` when musterd runs on the folder, `conflict` when it has
 * content and `force` is not set. Whenever it is interrupted, the folder has the old head or the new one.
 */
export async function restoreBackup(
  state: string,
  chunks: AsyncIterable<Buffer>,
  options: RestoreOptions,
): Promise<Restored> {
  const owner = await stateOwner(state);
  return asOwner(owner, async () => {
    const release = await lockState(state);
    if (!release) throw new MusterError('not-ready', `musterd runs on ${state}. Stop it first: systemctl stop musterd`);
    try {
      return await restoreLocked(state, chunks, options);
    } finally {
      await release();
    }
  });
}

async function restoreLocked(
  state: string,
  chunks: AsyncIterable<Buffer>,
  { force, now }: RestoreOptions,
): Promise<Restored> {
  if (IN_USE.some(name => existsSync(join(state, name))) && !force) {
    throw new MusterError(
      'conflict',
      `${state} has a database already. --force replaces it, and keeps it in a folder next to it.`,
    );
  }
  const aside = join(state, RESTORING);
  await rm(aside, { recursive: true, force: true });
  try {
    // On disk before anything else: musterd makes no empty head while it exists.
    await makeFolder(aside);
    const read = await unpack(chunks, aside);
    await checkDatabase(join(aside, DATABASE));
    const { objects } = await readContents(join(aside, DATABASE));
    const nodes = objects.flatMap(({ kind, value }) => (kind === 'node' ? [value as Value<'node'>] : []));
    await placeStoredFiles(state, aside, read);
    await prepare(aside, planOf(read.manifest));
    const old = await decideRestore(state, new Date(now).toISOString().replace(/[:.]/g, '-'));
    return { ...read, old, nodes };
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw asDiskFull(error, 'The restore');
  }
}

/** Reads and verifies everything, and writes nothing. */
export async function verifyBackup(chunks: AsyncIterable<Buffer>): Promise<ReadBackup> {
  return readBackup(chunks, {
    manifest: refuseNewer,
    file: async (_file, content) => {
      for await (const _chunk of content);
    },
    damaged: () => {},
  });
}

async function unpack(
  chunks: AsyncIterable<Buffer>,
  folder: string,
): Promise<ReadBackup & Pick<Restored, 'configuration'>> {
  const configuration = new Map<string, Buffer>();
  const read = await readBackup(chunks, {
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
      if (path.startsWith(CONFIGURATION)) {
        configuration.set(path, await small(path, content));
        return;
      }
      const place = join(folder, path);
      await makeFolder(dirname(place));
      const file = await openNew(place);
      try {
        let position = 0;
        for await (const chunk of content) {
          await writeWhole(file, chunk, position);
          position += chunk.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await syncFolder(dirname(place));
    },
    damaged: async ({ path }) => rm(join(folder, path)),
  });
  return { ...read, configuration };
}

async function small(path: string, content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > CONFIGURATION_LIMIT) throw new MusterError('bad-backup', `The backup is damaged: ${path} is too large.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuseNewer({ schema, muster }: Manifest): void {
  if (schema <= SCHEMA_VERSION) return;
  throw new MusterError(
    'store-newer',
    `muster ${muster} wrote this backup, with a database of version ${schema}; this muster knows up to ${SCHEMA_VERSION}. Install that muster, then restore.`,
  );
}

/** They get their names before the database that needs them. Until then they are unused files. */
async function placeStoredFiles(state: string, aside: string, { manifest, damaged }: ReadBackup): Promise<void> {
  const left = new Set(damaged.map(({ sha256 }) => sha256));
  const folders = new Set<string>();
  await makeFolder(join(state, 'blobs'));
  for (const { path, sha256 } of manifest.files.filter(isStoredFile)) {
    if (left.has(sha256)) continue;
    const place = join(state, path);
    await makeFolder(dirname(place));
    await moveInto(join(aside, path), place, { sync: false });
    folders.add(dirname(place));
  }
  for (const folder of folders) await syncFolder(folder);
}

/** A backup of format 1 has only the database and the head's key, and leaves the rest. */
function planOf({ format, files }: Manifest): RestorePlan {
  const bring = files
    .filter(file => !isStoredFile(file) && !file.path.startsWith(CONFIGURATION))
    .map(({ path }) => path);
  const own: readonly string[] = format === 1 ? IN_USE : HEAD_FILES;
  return { bring, remove: [...SIDE_FILES, ...own.filter(path => !bring.includes(path))] };
}

async function prepare(aside: string, plan: RestorePlan): Promise<void> {
  for (const path of [...plan.bring, ...plan.remove]) await makeFolder(dirname(join(aside, OLD, path)));
  await replaceFile(join(aside, PLAN), JSON.stringify(plan));
}
