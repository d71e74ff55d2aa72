// The objects: the same operations for every kind, `{many}` for several at once, `{one}` with an identifier for one.

import type { Zod } from '../issue.ts';
import { KIND_NAMES, type Kind } from '../model/kind-words.ts';
import { type Operations, type Out, READ } from './operation.ts';
import { DRY_RUN, FORCE, SECRETS, SELECTION } from './parameters.ts';

/** An object as it is shown: its fields, references as names. */
export const shown = (z: Zod) =>
  z.looseObject({
    uid: z.string(),
    revision: z.number().describe('counts up with each change'),
    created: z.number().describe('milliseconds since 1970'),
    modified: z.number().describe('milliseconds since 1970'),
    name: z.string(),
  });
export type Shown = Out<typeof shown>;
export const shownList = (z: Zod) => z.array(shown(z));

/** The entity tag of an object's revision, for `If-Match`. It contains the UID, because a new object of the same name begins at 1 again. */
export function revisionTag(object: { uid: string; revision: number }): string {
  return `"${object.uid}.${object.revision}"`;
}

export const difference = (z: Zod) =>
  z.object({
    kind: z.enum(KIND_NAMES),
    uid: z.string(),
    name: z.string(),
    action: z.enum(['created', 'changed', 'deleted']),
    fields: z.record(z.string(), z.object({ before: z.unknown(), after: z.unknown() })),
  });
export type Difference = Out<typeof difference>;

export const changed = (z: Zod) =>
  z.object({
    uids: z.array(z.string()),
    differences: z.array(difference(z)).describe('what changed in each object, field by field'),
    broken: z.array(z.string()).describe('what a forced deletion broke'),
    dryRun: z.boolean(),
  });
export type Changed = Out<typeof changed>;

/** Fields of an object; a finished upload, as `{"upload": "<id>"}`, is the content of a file. */
const fields = (z: Zod) => z.record(z.string(), z.unknown(), 'must be a JSON object of fields');
export const newFields = (z: Zod) => fields(z);
export const someFields = (z: Zod) => fields(z);
export const newFieldsOfMany = (z: Zod) =>
  z.union([fields(z), z.array(fields(z))], 'must be a JSON object of fields, or a list of them');

const CHANGE = { output: changed, reply: 'json', may: 'change', ifMatch: true } as const;
const UPDATE = { ...CHANGE, method: 'PATCH', body: someFields, audit: 'update {many}' } as const;
const REPLACE = { ...CHANGE, method: 'PUT', body: newFields, audit: 'replace {many}' } as const;
const DELETE = { ...CHANGE, method: 'DELETE', audit: 'delete {many}' } as const;
const OF_SEVERAL = { path: '/{many}', kinds: KIND_NAMES, query: { ...SELECTION, ...DRY_RUN } } as const;
const OF_ONE = { path: '/{one}/:id', kinds: KIND_NAMES, query: DRY_RUN } as const;
/** There is only one, so it needs no identifier. */
const OF_SETTINGS = { path: '/{one}', kinds: ['cluster'], query: DRY_RUN } as const;
/** The first start creates the settings, and each head creates its own object. */
const CREATED: readonly Kind[] = KIND_NAMES.filter(kind => kind !== 'cluster' && kind !== 'head');
const DELETED: readonly Kind[] = KIND_NAMES.filter(kind => kind !== 'cluster');
const SOME = 'changes the fields that are given';
const ALL = 'changes all fields: those not given get their defaults';

export const OBJECTS = {
  list: {
    ...READ,
    path: '/{many}',
    kinds: KIND_NAMES,
    query: { ...SELECTION, ...SECRETS },
    output: shownList,
    summary: 'The selected objects of kind {label}; without a selection, all.',
  },
  get: {
    ...READ,
    path: '/{one}/:id',
    kinds: KIND_NAMES,
    query: SECRETS,
    output: shown,
    etag: true,
    summary: 'One {label}, with its revision as ETag.',
  },
  settings: {
    ...READ,
    path: '/cluster',
    output: shown,
    summary: 'The settings of the whole cluster.',
  },
  meta: {
    ...READ,
    path: '/{many}/meta',
    kinds: KIND_NAMES,
    output: z =>
      z.array(
        z.object({
          name: z.string(),
          meaning: z.string(),
          required: z.boolean(),
          read_only: z.boolean(),
          file: z.boolean().describe('a stored file'),
          refers: z.enum(KIND_NAMES).optional().describe('a reference to an object of this kind'),
        }),
      ),
    summary: 'The fields of {a label}, with their meaning and behaviour.',
  },
  names: {
    ...READ,
    path: '/{many}/names',
    kinds: KIND_NAMES,
    query: { prefix: z => z.coerce.string().default('').describe('only names with this beginning') },
    output: z => z.array(z.string()),
    summary: 'The names of {many}, at most 1000, for completion.',
  },
  create: {
    ...CHANGE,
    method: 'POST',
    path: '/{many}',
    kinds: CREATED,
    query: DRY_RUN,
    body: newFieldsOfMany,
    ifMatch: undefined,
    creates: true,
    audit: 'create {many}',
    summary: 'Creates {a label} from its fields, or several from a list: all or none.',
  },
  clone: {
    ...CHANGE,
    method: 'POST',
    path: '/{many}/clone',
    kinds: CREATED,
    query: { ...SELECTION, ...DRY_RUN },
    body: someFields,
    creates: true,
    audit: 'clone',
    summary: 'Copies one {label} under a new name.',
  },
  update: { ...UPDATE, ...OF_SEVERAL, summary: `For every selected {label}, ${SOME}; all or none.` },
  updateOne: { ...UPDATE, ...OF_ONE, summary: `Of one {label}, ${SOME}.` },
  updateSettings: { ...UPDATE, ...OF_SETTINGS, summary: `Of the settings of the whole cluster, ${SOME}.` },
  replace: { ...REPLACE, ...OF_SEVERAL, summary: `For every selected {label}, ${ALL}; all or none.` },
  replaceOne: { ...REPLACE, ...OF_ONE, summary: `Of one {label}, ${ALL}.` },
  replaceSettings: { ...REPLACE, ...OF_SETTINGS, summary: `Of the settings of the whole cluster, ${ALL}.` },
  delete: {
    ...DELETE,
    ...OF_SEVERAL,
    kinds: DELETED,
    query: { ...SELECTION, ...FORCE, ...DRY_RUN },
    summary: 'Deletes every selected {label}, or none.',
  },
  deleteOne: {
    ...DELETE,
    ...OF_ONE,
    kinds: DELETED,
    query: { ...FORCE, ...DRY_RUN },
    summary: 'Deletes one {label}.',
  },
} as const satisfies Operations;
