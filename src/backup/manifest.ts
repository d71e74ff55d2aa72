// The first member of a backup: what is in it, so that a restore can refuse before it writes, and verify what it wrote.
import { z } from 'zod';
import { MusterError } from '../errors.ts';

export const MANIFEST = 'muster-backup.json';

/** The layout of backups; one that a muster does not know is refused. */
export const FORMAT = 1;

/** No manifest is larger, in bytes: some hundred thousand stored files. */
export const MANIFEST_LIMIT = 64 << 20;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

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
      path: z.string().regex(/^(muster\.db|head\.key|blobs\/[0-9a-f]{2}\/[0-9a-f]{64})$/),
      size: z.number().int().nonnegative(),
      sha256,
    }),
  ),
  /** Digests of stored files that objects name and that were not there. */
  missing: z.array(sha256),
});

export type Manifest = z.infer<typeof schema>;
export type BackedUp = Manifest['files'][number];

export function readManifest(bytes: Buffer): Manifest {
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString());
  } catch (error) {
    throw new MusterError('bad-backup', `The file is no backup of muster: ${MANIFEST} in it is no JSON.`, {
      cause: error,
    });
  }
  const format = (content as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT) {
    throw new MusterError(
      'store-newer',
      `The backup is of format ${format}, this muster knows up to ${FORMAT}. Install the newer muster, then restore.`,
    );
  }
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MusterError(
    'bad-backup',
    `The file is no backup of muster: ${MANIFEST}: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}
