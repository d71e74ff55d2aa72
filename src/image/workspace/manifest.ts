// `manifest.json` of a workspace: the list of local images. An administrator may edit it, so errors name the place of a fault.

import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { problemOf } from '../../issue.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const local = z.object({
  /** The UID of the image on the head, or a local one before the upload. It is the file name of the packed image. */
  uid: z.string().regex(/^[0-9a-f]{32}$/, 'must be a UID of 32 hex digits'),
  name: z.string().min(1),
  /** SHA-256 of the file. */
  sha256: digest,
  /** From workspaces of older versions: the digest of the old file while a new one replaced it. */
  previous: digest.optional(),
  /** When the file was fetched or created, in ISO 8601. */
  time: z.iso.datetime(),
  /** Whether the head has, or had, an image with this UID. */
  remote: z.boolean(),
  /**
   * The head's version when this was fetched or sent: the beginning of the image's UID, and the content. An administrator may
   * set another UID, to send the old content to a new image, without changing this.
   */
  base: z.object({ image: z.string(), sha256: digest }).optional(),
  /** The name of the distro it was created from, and of the image it came from, for the head when it is uploaded. */
  distro: z.string().optional(),
  parent: z.string().optional(),
});

/** Present while a file is being replaced: the entry that holds if the replacement does not happen. */
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
      if (seen.has(key)) throw new MusterError('bad-workspace', `${source}: ${key} appears twice.`, { hint: REMEDY });
      seen.add(key);
    }
  }
  return read.data;
}

const REMEDY = 'Correct it, or remove the file; local images are then fetched from the head again.';

export function manifestText({ images, pending }: Manifest): string {
  return `${JSON.stringify({ images, ...(pending && { pending }) }, null, 2)}\n`;
}

/** Returns the images with files to check before the manifest is right: those that a killed program was replacing. */
export function unsettled({ images, pending }: Manifest): Local[] {
  const left = images.filter(({ previous }) => previous !== undefined);
  return [...left, ...images.filter(({ uid, previous }) => uid === pending?.uid && previous === undefined)];
}

/**
 * Returns the manifest that matches the files.
 * @param digests of the files of `unsettled`, by UID; absent when there is no file
 */
export function settle({ images, pending }: Manifest, digests: ReadonlyMap<string, string>): Manifest {
  if (pending && digests.get(pending.uid) !== pending.sha256) return { images: pending.images };
  return {
    images: images.map(({ previous, ...local }) => {
      if (previous === undefined || digests.get(local.uid) !== previous) return local;
      // The head's version at the time of the old file is no longer known.
      const { base: _base, ...old } = local;
      return { ...old, sha256: previous };
    }),
  };
}

/** The head's data about an image. */
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

/** Returns whether somebody changed the head's content since the local image was fetched, which an upload would undo. */
export function isOvertaken({ base, uid, sha256 }: Local, remote: Remote | undefined): boolean {
  if (!base || base.image !== uid.slice(0, 8) || remote?.uid !== uid || remote.sha256 === undefined) return false;
  return remote.sha256 !== base.sha256 && remote.sha256 !== sha256;
}

/** The minimum age at which a local image may be removed. */
const EVICTION_MS = 3_600_000;

/** Returns the local images to remove: older than an hour, and equal to the head's by UID, name and content. */
export function toEvict(images: readonly Local[], remotes: readonly Remote[], now: number): Local[] {
  return images.filter(
    ({ uid, name, sha256, time }) =>
      now - Date.parse(time) > EVICTION_MS &&
      remotes.some(remote => remote.uid === uid && remote.name === name && remote.sha256 === sha256),
  );
}

/** Finds an image by name, UID, or the beginning of a UID (at least 5 digits). */
export function findLocal(images: readonly Local[], id: string): Local | undefined {
  const exact = images.find(({ uid, name }) => name === id || uid === id);
  if (exact || !/^[0-9a-f]{5,}$/.test(id)) return exact;
  const [first, ...more] = images.filter(({ uid }) => uid.startsWith(id));
  if (more.length > 0)
    throw new MusterError('ambiguous-id', `${id} matches several local images; give the full UID or the name.`);
  return first;
}
