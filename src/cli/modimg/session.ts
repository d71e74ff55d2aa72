// The start of a modimg run: cleans the workspace, and unpacks the image it works on.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdminClient } from '../../api/client.ts';
import { unpackedSize } from '../../image/inspect.ts';
import type { Progress } from '../../image/progress.ts';
import { type TreeState, treeState } from '../../image/tree-changes.ts';
import { locateRoot, unpackImage } from '../../image/unpack.ts';
import { baseOf, isOvertaken, type Local, type Remote } from '../../image/workspace/manifest.ts';
import { newUid, Workspace } from '../../image/workspace/workspace.ts';
import { progressLines } from '../progress-lines.ts';
import type { Context } from '../table.ts';
import { userSettings } from '../user-settings.ts';
import { fetchImage, remoteImage, remoteImages } from './head-images.ts';
import type { Report } from './report.ts';

export interface Session {
  context: Context;
  client: AdminClient;
  progress: Progress;
  workspace: Workspace;
  /** The head's images; undefined when no daemon answers. */
  remotes: Remote[] | undefined;
  /** Filled during the run. */
  report: Report;
}

/** Opens the workspace; reports what a killed modimg left, and which copies it removed because the head has the same. */
export async function openSession(context: Context): Promise<Session> {
  const { client, terminal, given } = context;
  const sudo = { uid: Number(process.env['SUDO_UID']), gid: Number(process.env['SUDO_GID']) };
  const workspace = await Workspace.open(userSettings().workspace, Number.isInteger(sudo.uid) ? sudo : undefined);
  const progress = progressLines(terminal, given.quiet);
  for (const about of await workspace.cleanUp())
    progress.say(`Cleaned up after a modimg that was killed: ${about}. Its changes were discarded.`);
  const remotes = await remoteImages(client);
  for (const { name, uid } of await workspace.evict(remotes ?? []))
    progress.say(`The local copy of ${name} (${uid}) was removed: it is older than an hour and the head has the same.`);
  return { context, client, progress, workspace, remotes, report: {} };
}

/** Returns the local copy of an image, fetched if there is none or if a fresh one is requested. */
export async function localImage(session: Session, id: string, folder: string, fresh: boolean): Promise<Local> {
  const { workspace, client, progress } = session;
  const found = fresh ? undefined : await workspace.find(id);
  if (
    found &&
    isOvertaken(
      found,
      session.remotes?.find(({ uid }) => uid === found.uid),
    )
  )
    progress.say(
      `WARNING: Somebody changed the head's ${found.name} after your copy was fetched. This works on your copy; --freshen fetches the head's.`,
    );
  if (found) return found;
  const remote = await remoteImage(client, id);
  const file = join(folder, 'fetched');
  const sha256 = await fetchImage(client, remote, file, progress);
  const { uid, name } = remote;
  return workspace.keep(file, { uid, name, remote: true, base: baseOf({ uid, sha256 }) }, sha256);
}

/** An unpacked tree, and its original state. */
export interface Tree {
  root: string;
  before: TreeState | undefined;
  /** The image to keep it as. */
  local: Omit<Local, 'sha256' | 'time' | 'previous'>;
}

/** Verifies and unpacks a local image, in the specification's words. */
export async function unpackLocal(session: Session, local: Local, folder: string): Promise<Tree> {
  const { workspace, progress } = session;
  progress.say(`Checksumming image ${local.uid}`);
  const verified = await progress.timed(async () => workspace.verify(local));
  progress.say(`Unpacking image ${local.uid}`);
  const root = join(folder, 'root');
  const file = workspace.file(local);
  await progress.measured(
    async update => {
      await unpackImage({ file, root, onProgress: update });
      return {
        packed: (await stat(file)).size,
        unpacked: (await unpackedSize(file, (await locateRoot(file)).offset)) ?? 0,
      };
    },
    ({ packed, unpacked }) => saved(packed, unpacked),
  );
  progress.say('Checksumming...');
  const before = await progress.timed(async () => treeState(root));
  const { sha256: _sha256, time: _time, previous: _previous, ...rest } = verified;
  return { root, before, local: rest };
}

/** The share of the bytes that packing saves. */
export function saved(packed: number, unpacked: number): number {
  return unpacked > 0 ? Math.max(0, 1 - packed / unpacked) : 0;
}

/**
 * Returns a new image's place in the manifest: the place of a local image of the same name, if there is one, but not of one that was
 * deleted on the head, because a new image is not sent there.
 */
export async function newLocal({ workspace, remotes }: Session, name: string): Promise<Tree['local']> {
  const old = await workspace.find(name);
  const isGone = old?.remote === true && remotes !== undefined && !remotes.some(({ uid }) => uid === old.uid);
  return old && !isGone ? { uid: old.uid, name, remote: old.remote } : { uid: newUid(), name, remote: false };
}
