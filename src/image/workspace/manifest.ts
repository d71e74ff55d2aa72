// `manifest.json` of a workspace: which local images there are. An administrator may edit it: the text says where it is wrong.

import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { problemOf } from '../../issue.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const local = z.object({
  /** The image's on the head; one of its own until it was uploaded. The packed image has this name as a file. */
  uid: z.string().regex(/^[0-9a-f]{32}$/, 'must be a UID of 32 hex digits'),
  name: z.string().min(1),
  /** SHA-256 of the file. */
  sha256: digest,
  /** Read from workspaces of older versions: the digest of the file before, while a new one was being put in its place. */
  previous: digest.optional(),
  /** When the file was fetched or made, as ISO 8601. */
  time: z.iso.datetime(),
  /** Whether the head has, or had, an image of this UID. */
  remote: z.boolean(),
  /**
   * What the head had when this was fetched or sent: the beginning of the image's UID, and the content. An administrator who
   * replaces this UID by another one, to send the old content to a new image, need not change it.
   */
  base: z.object({ image: z.string(), sha256: digest }).optional(),
  /** The name of the distro it was created from, and of the image it came from, for the head when it is uploaded. */
  distro: z.string().optional(),
  parent: z.string().optional(),
});

/** Written while a file is put in its place: what the manifest says when that did not happen. */
const pending = z.object({ uid: z.string().regex(/^[0-9a-f]{32}$/), sha256: digest, images: z.array(local) });

const manifest = z.object({ images: z.array(local), pending: pending.optional() });

/** The content of a manifest. */
export type Manifest = z.infer<typeof manifest>;

/** A local image. */
export type Local = z.infer<typeof local>;

/** `source` names the file in errors. */
export function readManifest(text: string, source: string): Manifest {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new MusterError('bad-workspace', `${source} is not JSON: ${(error as Error).message}`, { hint: REMEDY });
  }
  const read = manifest.safeParse(data);
  if (!read.success)
    throw new MusterError('bad-workspace', `${source}: ${problemOf('it', read.error)}.`, { hint: REMEDY });
  const seen = new Set<string>();
  for (const { uid, name } of read.data.images) {
    for (const key of [uid, name]) {
      if (seen.has(key)) throw new MusterError('bad-workspace', `${source}: ${key} is there twice.`, { hint: REMEDY });
      seen.add(key);
    }
  }
  return read.data;
}

const REMEDY = 'Mend it, or remove the file: local images are then fetched from the head again.';

export function manifestText({ images, pending }: Manifest): string {
  return `${JSON.stringify({ images, ...(pending && { pending }) }, null, 2)}\n`;
}

/** The images whose files must be looked at before the manifest is right again: those that a killed program was replacing. */
export function unsettled({ images, pending }: Manifest): Local[] {
  const left = images.filter(({ previous }) => previous !== undefined);
  return [...left, ...images.filter(({ uid, previous }) => uid === pending?.uid && previous === undefined)];
}

/**
 * The manifest that fits the files.
 * @param digests of the files of `unsettled`, by UID; absent when there is no file
 */
export function settle({ images, pending }: Manifest, digests: ReadonlyMap<string, string>): Manifest {
  if (pending && digests.get(pending.uid) !== pending.sha256) return { images: pending.images };
  return {
    images: images.map(({ previous, ...local }) => {
      if (previous === undefined || digests.get(local.uid) !== previous) return local;
      // What the head had when the old file was fetched is not known any more.
      const { base: _base, ...old } = local;
      return { ...old, sha256: previous };
    }),
  };
}

/** What the head says of an image. */
export interface Remote {
  uid: string;
  name: string;
  /** SHA-256 of its content; undefined when it has none. */
  sha256: string | undefined;
  frozen: boolean;
}

export function baseOf({ uid, sha256 }: { uid: string; sha256: string }): NonNullable<Local['base']> {
  return { image: uid.slice(0, 8), sha256 };
}

/** Whether the head has had new content since the local image was fetched: somebody else's, that sending this one would undo. */
export function isOvertaken({ base, uid, sha256 }: Local, remote: Remote | undefined): boolean {
  if (!base || base.image !== uid.slice(0, 8) || remote?.uid !== uid || remote.sha256 === undefined) return false;
  return remote.sha256 !== base.sha256 && remote.sha256 !== sha256;
}

/** How old a local image must be so that it may be dropped. */
const EVICTION_MS = 3_600_000;

/** The local images to drop: older than an hour, and the head has the same, by UID, name and content. */
export function toEvict(images: readonly Local[], remotes: readonly Remote[], now: number): Local[] {
  return images.filter(
    ({ uid, name, sha256, time }) =>
      now - Date.parse(time) > EVICTION_MS &&
      remotes.some(remote => remote.uid === uid && remote.name === name && remote.sha256 === sha256),
  );
}

/** By name, UID, or the beginning of a UID (5 digits or more). */
export function findLocal(images: readonly Local[], id: string): Local | undefined {
  const exact = images.find(({ uid, name }) => name === id || uid === id);
  if (exact || !/^[0-9a-f]{5,}$/.test(id)) return exact;
  const [first, ...more] = images.filter(({ uid }) => uid.startsWith(id));
  if (more.length > 0)
    throw new MusterError('ambiguous-id', `${id} fits several local images; give the full UID or the name.`);
  return first;
}
