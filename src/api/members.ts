// What nodes, groups and distros contain: attributes (`set`, `clear`), membership (`join`, `leave`), repos (`import`).

import type { Zod } from '../issue.ts';
import { changed } from './objects.ts';
import { type Operations, READ } from './operation.ts';
import { DRY_RUN, SELECTION } from './parameters.ts';

const attributes = (z: Zod) =>
  z.record(
    z.string(),
    z
      .union([z.string(), z.number(), z.boolean(), z.null()], 'must be a text')
      .transform(value => (value === null ? null : String(value))),
    'must be a JSON object of attributes',
  );
const names = (z: Zod) => {
  const must = 'must be a list of names of attribute groups';
  return z.array(z.string(must), must);
};

const CHANGE = { output: changed, reply: 'json', may: 'change', ifMatch: true } as const;
const SET = {
  ...CHANGE,
  method: 'PATCH',
  kinds: ['node', 'attrib'],
  body: attributes,
  wrong: 'bad-value',
  audit: 'set attributes',
  example: { _boot_style: 'roram', rack: null },
} as const;

/** Repository files have few sections; thousands are a mistake. */
const MOST_REPOS = 1000;
const limited = `must be a list of ${MOST_REPOS} items at most`;

export const MEMBERS = {
  set: {
    ...SET,
    path: '/{many}/attributes',
    query: { ...SELECTION, ...DRY_RUN },
    summary: 'Sets attributes of every selected {label}; null clears.',
  },
  setOne: {
    ...SET,
    path: '/{one}/:id/attributes',
    query: DRY_RUN,
    summary: 'Sets attributes of one {label}; null clears.',
  },
  used: {
    ...READ,
    path: '/attribs/used',
    output: z => z.array(z.string()),
    summary: 'The names of all attributes that are set.',
  },
  changeGroups: {
    ...CHANGE,
    method: 'PATCH',
    path: '/nodes/groups',
    query: { ...SELECTION, ...DRY_RUN },
    body: z =>
      z
        .object({ join: names(z).optional(), leave: names(z).optional() }, 'must be a JSON object with join or leave')
        .refine(({ join, leave }) => !join || !leave, 'must have join or leave, not both'),
    audit: body => (typeof body === 'object' && body !== null && 'join' in body ? 'join groups' : 'leave groups'),
    example: { join: ['gpu'] },
    summary: 'Adds the selected nodes to attribute groups, or removes them.',
  },
  joinGroups: {
    ...CHANGE,
    method: 'POST',
    path: '/node/:id/groups',
    query: DRY_RUN,
    body: names,
    audit: 'join groups',
    example: ['gpu'],
    summary: 'Adds one node to attribute groups, last in their order.',
  },
  replaceGroups: {
    ...CHANGE,
    method: 'PATCH',
    path: '/node/:id/groups',
    query: DRY_RUN,
    body: names,
    audit: 'replace groups',
    example: ['gpu', 'rack2'],
    summary: 'Replaces the list of attribute groups of one node.',
  },
  importDistro: {
    method: 'POST',
    path: '/distros/import',
    query: DRY_RUN,
    body: z =>
      z.object(
        {
          name: z.string('must be the name of the new distro'),
          release: z.unknown().optional(),
          package_manager: z.unknown().optional(),
          repos: z
            .array(z.record(z.string(), z.unknown()), limited)
            .max(MOST_REPOS, limited)
            .default([])
            .describe('fields of new repos'),
          present: z
            .array(z.string('must be the name of a repo'), limited)
            .max(MOST_REPOS, limited)
            .default([])
            .describe('repos that already exist'),
        },
        'must be a JSON object of fields',
      ),
    output: changed,
    reply: 'json',
    creates: true,
    may: 'change',
    audit: 'import {name}',
    example: { name: 'Rocky9', repos: [{ name: 'Rocky9-base', urls: 'http://mirror.example.com/rocky/9/' }] },
    summary: 'Creates repos and a distro of them, all or none.',
  },
} as const satisfies Operations;
