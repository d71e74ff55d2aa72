// The files that file sets give to nodes: one of them line by line, and what would change.
import { FILES_STATES } from '../files/live-state.ts';
import type { Zod } from '../issue.ts';
import { type Operations, type Out, READ } from './operation.ts';
import { SECRETS, SELECTION } from './parameters.ts';

const line = (z: Zod) =>
  z.object({
    text: z.string(),
    template: z.string().describe('`SET:PATH` of the template, the partial or the file'),
    line: z.number(),
    reads: z
      .array(z.object({ name: z.string(), source: z.string().optional() }))
      .describe('the values that the line shows, and where an attribute comes from'),
  });

const traced = (z: Zod) =>
  z.object({
    uid: z.string(),
    name: z.string(),
    path: z.string(),
    set: z.string().optional().describe('absent when no file set of the node has the file'),
    secret: z.boolean().optional(),
    hidden: z.array(z.string()).optional().describe('sets with a file of this path that is not used'),
    lines: z.array(line(z)).optional(),
    refusal: z.string().optional().describe('why the file cannot be rendered'),
  });
export type TracedNodeFile = Out<typeof traced>;

/** A change of one file of a node. */
export const fileChange = (z: Zod) =>
  z.object({
    path: z.string(),
    change: z.enum(['added', 'removed', 'changed']),
    secret: z.boolean(),
    lines: z.array(z.string()).describe('removed lines with `- ` and new ones with `+ `; stars for a secret file'),
  });
export type FileChange = Out<typeof fileChange>;

const preview = (z: Zod) =>
  z.object({
    same: z.number().describe('nodes that keep all their files'),
    groups: z
      .array(z.object({ nodes: z.array(z.string()), changes: z.array(fileChange(z)) }))
      .describe('nodes with equal changes together, the largest group first'),
    failed: z
      .array(z.object({ nodes: z.array(z.string()), reason: z.string() }))
      .describe('nodes with files that cannot be rendered'),
  });
export type Preview = Out<typeof preview>;

const state = (z: Zod) =>
  z.object({
    uid: z.string(),
    name: z.string(),
    state: z.enum(FILES_STATES),
    reason: z.string().optional().describe('why it is no further, what failed, or the changed paths'),
    since: z
      .number()
      .optional()
      .describe('since when, in milliseconds since 1970; absent when it began before musterd did'),
    sets: z.array(z.string()),
    index: z.string().optional().describe('SHA-256 of the index that its file sets give now'),
    applied: z.string().optional().describe('SHA-256 of the index that the node has applied'),
    live: z.enum(['auto', 'manual']).describe('whether it follows changes by itself'),
  });
export type NodeFilesState = Out<typeof state>;

export const NODE_FILES = {
  states: {
    ...READ,
    path: '/nodes/files',
    query: SELECTION,
    output: z => z.array(state(z)),
    summary: 'How far running nodes are with the files of their file sets.',
  },
  release: {
    method: 'POST',
    reply: 'json',
    may: 'operate',
    audit: 'release files',
    path: '/nodes/files/release',
    query: SELECTION,
    output: z => z.array(state(z)),
    summary:
      'Releases the current files to running nodes with `_files_live=manual`; they take them with their next heartbeat.',
  },
  file: {
    ...READ,
    path: '/nodes/file',
    query: {
      ...SELECTION,
      path: z => z.string().describe('the absolute path on the node'),
      ...SECRETS,
    },
    output: z => z.array(traced(z)),
    summary: 'A file that the file sets of nodes give, with the origin of each line.',
  },
  preview: {
    ...READ,
    path: '/nodes/files/preview',
    query: SELECTION,
    output: z => preview(z),
    summary: 'Which files of the nodes would change with the next boot, by equal change.',
  },
  try: {
    method: 'POST',
    path: '/nodes/files/preview',
    query: SELECTION,
    body: z =>
      z.object(
        {
          set: z.string('must be the name of a file set').describe('the file set, by name'),
          upload: z
            .string('must be a finished upload')
            .describe('an uploaded archive: the files of the set that are tried'),
        },
        'must be a JSON object of fields',
      ),
    wrong: 'bad-value',
    output: z => preview(z),
    reply: 'json',
    may: 'read',
    example: { set: 'slurm', upload: '0123456789abcdef' },
    summary: 'What other files in a file set would change, by equal change. Changes nothing.',
  },
} as const satisfies Operations;
