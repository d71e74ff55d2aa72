// A backup of a head as a stream: a snapshot of the database, and every stored file that it names, while musterd runs.
import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blobs } from '../blobs/blobs.ts';
import { digestFile } from '../durable/digest.ts';
import { makeFolder } from '../durable/folders.ts';
import { asDiskFull } from '../durable/replace.ts';
import { systemCode } from '../errors.ts';
import { version } from '../package-root.ts';
import { schemaVersion, snapshotDatabase } from '../store/snapshot.ts';
import { DATABASE } from '../store/state-folder.ts';
import { archive, archiveSize, type Content } from './archive.ts';
import type { ConfigurationFiles } from './configuration.ts';
import { type BackedUp, FORMAT, HEAD_FILES, type Manifest, type NamedFile } from './manifest.ts';
import { namedFiles } from './named-files.ts';

export interface Backup {
  /** Bytes of the whole archive. */
  size: number;
  manifest: Manifest;
  /** Yields the archive. What it needs is kept until it ends, is broken off, or fails. */
  stream(): AsyncGenerator<Buffer>;
  /** Releases what a stream that never began would have needed. */
  drop(): Promise<void>;
}

export interface BackupSource {
  state: string;
  blobs: Blobs;
  /** The name of the head. */
  head: string;
  configuration: ConfigurationFiles;
  /** Milliseconds since 1970. */
  now: number;
}

/**
 * Takes the snapshot and keeps its files from being collected. Later commits are not in the backup. The snapshot is in a folder
 * that musterd cleans when it starts, so a killed backup leaves nothing.
 */
export async function beginBackup({ state, blobs, head, configuration, now }: BackupSource): Promise<Backup> {
  const snapshot = join(state, 'uploads', `backup-${randomBytes(8).toString('hex')}.db`);
  // All of them, before the snapshot: its files are known only afterwards.
  const holds = new Map(
    (await blobs.list()).map(({ sha256, size }) => [sha256, { size, release: blobs.hold(sha256) }]),
  );
  const drop = async (): Promise<void> => {
    for (const { release } of holds.values()) release();
    holds.clear();
    await rm(snapshot, { force: true });
  };
  try {
    await makeFolder(join(state, 'uploads'));
    await snapshotDatabase(state, snapshot);
    const named = await namedFiles(snapshot);
    for (const [sha256, { release }] of holds) {
      if (named.objects.has(sha256) || named.boots.has(sha256)) continue;
      release();
      holds.delete(sha256);
    }
    const contentOf = ({ path }: Pick<BackedUp, 'path'>): Content =>
      path === DATABASE ? snapshot : (configuration.files.get(path) ?? join(state, path));
    const files: BackedUp[] = [];
    for (const path of HEAD_FILES)
      files.push(...(await fileRow(path, path === DATABASE ? snapshot : join(state, path))));
    for (const [path, content] of configuration.files)
      files.push({ path, size: content.length, sha256: createHash('sha256').update(content).digest('hex') });
    for (const [sha256, { size }] of holds) {
      const used_by = [...(named.objects.get(sha256) ?? []), ...(named.boots.get(sha256) ?? [])];
      files.push({ path: `blobs/${sha256.slice(0, 2)}/${sha256}`, size, sha256, used_by });
    }
    const missing: NamedFile[] = [];
    for (const [sha256, used_by] of named.objects) if (!holds.has(sha256)) missing.push({ sha256, used_by });
    const schema = await schemaVersion(snapshot);
    const manifest: Manifest = {
      format: FORMAT,
      muster: version,
      head,
      created: now,
      schema,
      files,
      missing,
      left_out: configuration.leftOut,
    };
    return { size: archiveSize(manifest), manifest, stream: () => dropping(archive(manifest, contentOf), drop), drop };
  } catch (error) {
    await drop();
    throw asDiskFull(error, 'The copy of the database for the backup');
  }
}

async function* dropping(chunks: AsyncIterable<Buffer>, drop: () => Promise<void>): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } finally {
    await drop();
  }
}

/** None for a missing file. */
async function fileRow(path: string, place: string): Promise<BackedUp[]> {
  try {
    const { whole, size } = await digestFile(place);
    return [{ path, size, sha256: whole }];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
