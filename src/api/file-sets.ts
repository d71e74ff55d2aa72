// File sets: what is in one, what uses it, its earlier contents.
import type { Zod } from '../issue.ts';
import { changed } from './objects.ts';
import { type Operations, type Out, READ } from './operation.ts';
import { DRY_RUN, whole } from './parameters.ts';

const version = (z: Zod) => whole(z, 1).optional().describe('a version of the set; the current one when absent');

const row = (z: Zod) =>
  z.object({
    path: z.string().describe('in the archive: a template ends in .tmpl'),
    type: z.enum(['file', 'folder', 'link']),
    mode: z.string().describe('octal digits'),
    owner: z.string(),
    group: z.string(),
    size: z.number().describe('bytes'),
    target: z.string().describe('of a link'),
    xattrs: z.array(z.string()).describe('names of its extended attributes'),
    secret: z.boolean(),
  });
export type SetRow = Out<typeof row>;

const use = (z: Zod) =>
  z.object({
    name: z.string(),
    named_by: z.array(z.string()).describe('the groups and nodes that name it: `attribute group gpu`'),
    nodes: z.number().describe('the number of nodes that have it'),
    shipped: z.string().optional().describe('what it is for, if it comes with muster and no object has its name'),
  });
export type SetUse = Out<typeof use>;

export const FILE_SETS = {
  uses: {
    ...READ,
    path: '/filesets/uses',
    output: z => z.array(use(z)),
    summary: 'What uses each file set, with those that come with muster.',
  },
  tree: {
    ...READ,
    path: '/fileset/:id/tree',
    query: { version },
    output: z => z.array(row(z)),
    summary: 'The files, folders and links of a file set, without their contents.',
  },
  paths: {
    ...READ,
    path: '/fileset/:id/paths',
    query: { prefix: z => z.coerce.string().default('').describe('only paths with this beginning') },
    output: z => z.array(z.string()),
    summary: 'The paths of the files in a file set, at most 1000, for completion.',
  },
  archive: {
    method: 'GET',
    path: '/fileset/:id/archive',
    query: { version },
    reply: 'application/x-tar',
    may: 'read',
    audit: 'read a file set with secrets',
    summary: 'The archive of a file set. Reading one with secrets is a line of the audit trail.',
  },
  rollback: {
    method: 'POST',
    path: '/fileset/:id/rollback',
    query: DRY_RUN,
    body: z => {
      const text = 'must be the number of a version';
      return z.object({ version: z.int(text).min(1, text) }, 'must be a JSON object of fields');
    },
    wrong: 'bad-value',
    output: changed,
    reply: 'json',
    may: 'change',
    ifMatch: true,
    audit: 'roll back a file set',
    example: { version: 3 },
    summary: 'Makes an earlier content of a file set the current one, as a new version.',
  },
} as const satisfies Operations;
