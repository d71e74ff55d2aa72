// The first and the last member of a backup: its contents, so that a restore can refuse before it writes; and what turned out to
// be damaged.

import { z } from 'zod';
import { MusterError } from '../errors.ts';
import { problemOf } from '../issue.ts';

export const MANIFEST = 'muster-backup.json';
/** After all files, since it is known only when they have been read. */
export const ENDING = 'muster-backup-end.json';

/** The layout of backups; unknown ones are refused. Format 1 had no ending, no ssh key and no configuration. */
export const FORMAT = 2;

/** The largest manifest, in bytes: some hundred thousand stored files. */
export const MANIFEST_LIMIT = 64 << 20;

/** Files of the state folder that belong to one head alone. */
export const HEAD_FILES = [
  'muster.db',
  'head.key',
  'tls/key.pem',
  'tls/certificate.pem',
  'ssh/id_ed25519',
  'ssh/id_ed25519.pub',
  'ssh/known_servers',
] as const;

/** Where the files of the configuration are in a backup; see `configuration`. */
export const CONFIGURATION = 'configuration/';

const NAME = '[A-Za-z0-9_][A-Za-z0-9._+-]*';
const PATH = new RegExp(
  `^(${HEAD_FILES.join('|').replaceAll('.', '\\.')}|blobs/[0-9a-f]{2}/[0-9a-f]{64}|${CONFIGURATION}(${NAME}/)?${NAME})$`,
);

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A stored file, with its users: `image DefaultImage`. */
const named = z.object({ sha256, used_by: z.array(z.string()) });

const schema = z.object({
  format: z.number().int(),
  /** The muster that wrote it. */
  muster: z.string(),
  head: z.string(),
  /** Milliseconds since 1970. */
  created: z.number(),
  /** Version of the database. */
  schema: z.number().int(),
  files: z.array(
    z.object({
      path: z.string().regex(PATH),
      size: z.number().int().nonnegative(),
      sha256,
      used_by: z.array(z.string()).optional(),
    }),
  ),
  /** Stored files that objects name but that did not exist. */
  missing: z.array(named.or(sha256.transform(digest => ({ sha256: digest, used_by: [] })))),
  /** Files of the configuration that are not in the backup. */
  left_out: z.array(z.string()).default([]),
});

const endingSchema = z.object({
  /** Stored files with wrong bytes; their copies in the backup are worthless. */
  damaged: z.array(named),
});

export type Manifest = z.infer<typeof schema>;
export type BackedUp = Manifest['files'][number];
export type NamedFile = z.infer<typeof named>;
export type Ending = z.infer<typeof endingSchema>;

/** Returns whether a file in a backup is a stored file, named by its digest. */
export function isStoredFile({ path }: Pick<BackedUp, 'path'>): boolean {
  return path.startsWith('blobs/');
}

export function readManifest(bytes: Buffer): Manifest {
  const content = parsed(bytes, MANIFEST);
  const format = (content as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT) {
    throw new MusterError(
      'store-newer',
      `The backup is of format ${format}, this muster knows up to ${FORMAT}. Install the newer muster, then restore.`,
    );
  }
  return checked(schema, content, MANIFEST);
}

export function readEnding(bytes: Buffer): Ending {
  return checked(endingSchema, parsed(bytes, ENDING), ENDING);
}

function parsed(bytes: Buffer, member: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw new MusterError('bad-backup', `The file is not a backup of muster: ${member} in it is not JSON.`, {
      cause: error,
    });
  }
}

function checked<T>(wanted: z.ZodType<T>, content: unknown, member: string): T {
  const result = wanted.safeParse(content);
  if (result.success) return result.data;
  const problem = problemOf('it', result.error);
  throw new MusterError('bad-backup', `The file is not a backup of muster: ${member}: ${problem}.`);
}
