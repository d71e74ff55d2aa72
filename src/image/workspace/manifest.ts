// `manifest.json` of a workspace: which local images there are. An administrator may edit it: the text says where it is wrong.
import { z } from 'zod';
import { MusterError } from '../../errors.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const local = z.object({
  /** The image's on the head; one of its own until it was uploaded. The packed image has this name as a file. */
  uid: z.string().regex(/^[0-9a-f]{32}$/, 'must be a UID of 32 hex digits'),
  name: z.string().min(1),
  /** SHA-256 of the file. */
  sha256: digest,
  /** That of the file before, while a new one is being put in its place. */
  previous: digest.optional(),
  /** When the file was fetched or made, as ISO 8601. */
  time: z.iso.datetime(),
  /** Whether the head has, or had, an image of this UID. */
  remote: z.boolean(),
  /**
   * What the head had when this was fetched or sent: the beginning of the image's UID, and the content. An administrator who puts another
   * UID in place of this one, to send the old content to a new image, need not think of it.
   */
  base: z.object({ image: z.string(), sha256: digest }).optional(),
  /** The name of the distro it was created from, and of the image it came from, for the head when it is uploaded. */
  distro: z.string().optional(),
  parent: z.string().optional(),
});

const manifest = z.object({ images: z.array(local) });

/** A local image. */
export type Local = z.infer<typeof local>;

/** The local images, in order. `source` names the file in errors. */
export function readManifest(text: string, source: string): Local[] {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new MusterError('bad-workspace', `${source} is not JSON: ${(error as Error).message}`, { hint: REMEDY });
  }
  const read = manifest.safeParse(data);
  if (!read.success) {
    const [first] = read.error.issues;
    const where = first?.path.join('.') || 'it';
    throw new MusterError('bad-workspace', `${source}: ${where} ${first?.message ?? 'is wrong'}.`, { hint: REMEDY });
  }
  const seen = new Set<string>();
  for (const { uid, name } of read.data.images) {
    for (const key of [uid, name]) {
      if (seen.has(key)) throw new MusterError('bad-workspace', `${source}: ${key} is there twice.`, { hint: REMEDY });
      seen.add(key);
    }
  }
  return read.data.images;
}

const REMEDY = 'Mend it, or remove the file: local images are then fetched from the head again.';

export function manifestText(images: readonly Local[]): string {
  return `${JSON.stringify({ images }, null, 2)}\n`;
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
export const EVICTION_MS = 3_600_000;

/** The local images to drop: older than an hour, and the head has the same, by UID, name and content. */
export function toEvict(images: readonly Local[], remotes: readonly Remote[], now: number): Local[] {
  return images.filter(
    ({ uid, name, sha256, previous, time }) =>
      now - Date.parse(time) > EVICTION_MS &&
      previous === undefined &&
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
