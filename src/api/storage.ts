// Stored files: uploads, downloads, checks and backups.

import type { Zod } from '../issue.ts';
import type { Kind } from '../model/kind-words.ts';
import type { Data, Operations, Out } from './operation.ts';
import { DRY_RUN, whole } from './parameters.ts';

const upload = (z: Zod) =>
  z.object({
    id: z.string(),
    size: z.number().describe('total bytes'),
    offset: z.number().describe('bytes received so far'),
    sha256: z.string().optional().describe('present when the upload is complete'),
  });
export type UploadState = Out<typeof upload>;

/** The value of a field that names a finished upload, instead of a file's content. */
export interface UploadReference {
  upload: string;
}

const blob = (z: Zod) =>
  z.object({
    sha256: z.string(),
    size: z.number().describe('bytes'),
    keptBy: z.array(z.string()).describe('what keeps it, as text; empty when nothing does'),
  });
export type StoredBlob = Out<typeof blob>;

/** The kinds with fields that are files. */
const WITH_FILES: readonly Kind[] = ['boot', 'image', 'files', 'repo'];

export const STORAGE = {
  beginUpload: {
    method: 'POST',
    path: '/uploads',
    body: z => {
      const text = 'must be the number of bytes';
      return z.object({ size: z.int(text).min(0, text) }, 'must be a JSON object of fields');
    },
    output: upload,
    reply: 'json',
    creates: true,
    may: 'change',
    example: { size: 4096 },
    summary: 'Begins an upload of this size; other operations refer to the finished upload.',
  },
  uploadState: {
    method: 'GET',
    path: '/upload/:id',
    output: upload,
    reply: 'json',
    may: 'change',
    summary: 'The progress of an upload.',
  },
  upload: {
    method: 'PATCH',
    path: '/upload/:id',
    query: { offset: z => whole(z, 0).describe('the first byte of the body within the upload') },
    body: 'bytes',
    output: upload,
    reply: 'json',
    may: 'change',
    summary: 'Receives bytes of an upload from an offset on, as many as arrive.',
  },
  dropUpload: {
    method: 'DELETE',
    path: '/upload/:id',
    output: z => z.null(),
    reply: 'json',
    may: 'change',
    summary: 'Drops an upload.',
  },
  download: {
    method: 'GET',
    path: '/{one}/:id/:field',
    kinds: WITH_FILES,
    reply: 'application/octet-stream',
    may: 'read',
    summary: 'A stored file of {a label}, with its SHA-256 in X-Muster-SHA256.',
  },
  collect: {
    method: 'POST',
    path: '/storage/collect',
    query: DRY_RUN,
    output: z =>
      z.object({
        removed: z.array(blob(z)).describe('files that were removed, or would be'),
        kept: z.array(blob(z)),
        missing: z.array(blob(z)).describe('files that objects refer to but that are not in storage'),
        short: z
          .array(blob(z).extend({ wanted: z.number() }))
          .describe('files that are too short for an object, with the bytes they should have'),
      }),
    reply: 'json',
    may: 'change',
    summary: 'Removes stored files that nothing refers to; reports what keeps the others.',
  },
  verify: {
    method: 'POST',
    path: '/storage/verify',
    output: z =>
      z.discriminatedUnion('type', [
        z.object({ type: z.literal('progress'), done: z.number(), total: z.number() }),
        blob(z).extend({ type: z.literal('damaged'), problem: z.string() }),
      ]),
    reply: 'lines',
    may: 'read',
    summary:
      'Reads every stored file and names the damaged ones; returns progress and damage as lines, as they arrive.',
  },
  backup: {
    method: 'GET',
    path: '/backup',
    reply: 'application/x-tar',
    may: 'copy',
    summary: 'A backup of the database and the stored files, as a tar archive; it contains secrets.',
  },
} as const satisfies Operations;

export type Collected = Data<typeof STORAGE.collect>;
export type VerifyLine = Data<typeof STORAGE.verify>;
