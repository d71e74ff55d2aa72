// A backup of a state folder as a stream: a snapshot of the database, and every stored file that it names, while musterd goes on.
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Blobs, digestFile } from '../blobs/blobs.ts';
import { MusterError } from '../errors.ts';
import { version } from '../package-root.ts';
import { digestsNamed, schemaVersion, snapshotDatabase } from '../store/snapshot.ts';
import { type BackedUp, FORMAT, MANIFEST, type Manifest } from './manifest.ts';
import { BLOCK, padding, tarHeader, tarSize } from './tar.ts';

export interface Backup {
  /** Bytes of the whole archive. */
  size: number;
  manifest: Manifest;
  /** The archive. What it needs is kept until it ends, is broken off, or fails. */
  stream(): AsyncGenerator<Buffer>;
  /** Lets go of what a stream that never began would have needed. */
  drop(): Promise<void>;
}

/**
 * Takes the snapshot and keeps the files in it from being collected. What is committed afterwards is not in the backup. The snapshot
 * lies where a start of musterd clears up, so that a killed one leaves nothing.
 */
export async function beginBackup(stateFolder: string, blobs: Blobs, head: string, now: number): Promise<Backup> {
  const snapshot = join(stateFolder, 'uploads', `backup-${randomBytes(8).toString('hex')}.db`);
  mkdirSync(join(stateFolder, 'uploads'), { recursive: true, mode: 0o700 });
  // All of them, before the snapshot: which ones it names is known only afterwards.
  const holds = new Map(
    (await blobs.list()).map(({ sha256, size }) => [sha256, { size, release: blobs.hold(sha256) }]),
  );
  const drop = async (): Promise<void> => {
    for (const { release } of holds.values()) release();
    holds.clear();
    await rm(snapshot, { force: true });
  };
  try {
    await snapshotDatabase(stateFolder, snapshot);
    const named = await digestsNamed(snapshot);
    for (const [sha256, { release }] of holds) {
      if (named.objects.has(sha256) || named.boots.has(sha256)) continue;
      release();
      holds.delete(sha256);
    }
    const key = join(stateFolder, 'head.key');
    const files = [
      await fileRow('muster.db', snapshot),
      ...(existsSync(key) ? [await fileRow('head.key', key)] : []),
      ...Array.from(holds, ([sha256, { size }]) => ({ path: `blobs/${sha256.slice(0, 2)}/${sha256}`, size, sha256 })),
    ];
    const missing = [...named.objects].filter(sha256 => !holds.has(sha256));
    const schema = await schemaVersion(snapshot);
    const manifest: Manifest = { format: FORMAT, muster: version, head, created: now, schema, files, missing };
    const first = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
    const placeOf = ({ path }: BackedUp): string => (path === 'muster.db' ? snapshot : join(stateFolder, path));
    return {
      size: tarSize([{ path: MANIFEST, size: first.length }, ...files]),
      manifest,
      stream: () => archive(first, manifest, placeOf, drop),
      drop,
    };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function* archive(
  first: Buffer,
  { created, files }: Manifest,
  placeOf: (file: BackedUp) => string,
  drop: () => Promise<void>,
): AsyncGenerator<Buffer> {
  try {
    yield tarHeader({ path: MANIFEST, size: first.length }, created);
    yield Buffer.concat([first, Buffer.alloc(padding(first.length))]);
    for (const file of files) {
      yield tarHeader(file, created);
      let sent = 0;
      // An end is given so that a file that grows is not sent beyond what its header says.
      const end = Math.max(file.size - 1, 0);
      for await (const chunk of createReadStream(placeOf(file), { end, highWaterMark: 1 << 20 })) {
        sent += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
      if (sent !== file.size)
        throw new MusterError('bad-backup', `${placeOf(file)} has ${sent} bytes, and should have ${file.size}.`);
      yield Buffer.alloc(padding(file.size));
    }
    yield Buffer.alloc(2 * BLOCK);
  } finally {
    await drop();
  }
}

async function fileRow(path: string, place: string): Promise<BackedUp> {
  const { whole } = await digestFile(place);
  return { path, size: statSync(place).size, sha256: whole };
}
