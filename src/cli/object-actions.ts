// The actions that every kind of object has: list, create, update, clone, delete, and their like.
import type { Changed, Kind, Shown } from '../admin/contract.ts';
import { MusterError } from '../errors.ts';
import { KINDS } from '../model/kinds.ts';
import { readAssignments, sendAssignments } from './assignments.ts';
import { printChanged } from './differences.ts';
import { printList } from './listing.ts';
import type { Action, Context } from './table.ts';

/** The query that stands for `-i` and `--all`; nothing selected is an error for actions that change something. */
export function selection({ given }: Context, action: string): Record<string, string | string[]> {
  if (given.all) return { all: 'true', ...dryRun(given) };
  if (given.ids.length > 0) return { id: given.ids, ...dryRun(given) };
  throw new MusterError('bad-usage', `'${action}' needs a selection: -i NAME, or --all.`);
}

export function dryRun(given: Context['given']): Record<string, string> {
  return given.dryRun ? { dry_run: 'true' } : {};
}

export async function fetchShown({ client, given, kind }: Context, words: readonly string[] = []): Promise<Shown[]> {
  const ids = [...given.ids, ...words];
  return client.call<Shown[]>('GET', `/api/v1/${KINDS[kind].many}`, ids.length > 0 ? { id: ids } : {});
}

export const list: Action = {
  name: 'list',
  aliases: ['ls'],
  words: '[names...]',
  summary: 'list objects; all of them when nothing is selected',
  options: [
    { flags: '-l, --long', meaning: 'with the fields' },
    { flags: '-L, --long-long', meaning: 'with all there is to know' },
  ],
  async run(context) {
    const objects = await fetchShown(context, context.given.words);
    const { long, longLong } = context.given.options;
    const detail = longLong ? 'full' : long ? 'long' : 'names';
    printList(context.terminal, context.given, objects, { title: KINDS[context.kind].title, detail, now: Date.now() });
    return 0;
  },
};

export const create: Action = {
  name: 'create',
  words: '<field=value...>',
  summary: 'create an object from its fields; `field=@FILE` sends a file',
  async run(context) {
    const { client, terminal, given, kind } = context;
    const body = await sendAssignments(client, terminal, given.words, given.dryRun);
    printChanged(context, await client.call<Changed>('POST', `/api/v1/${KINDS[kind].many}`, dryRun(given), body));
    return 0;
  },
};

export const update: Action = {
  name: 'update',
  words: '<field=value...>',
  summary: 'change fields of the selected objects; `field=@FILE` sends a file',
  async run(context) {
    const { client, terminal, given, kind } = context;
    const query = selection(context, 'update');
    const body = await sendAssignments(client, terminal, given.words, given.dryRun);
    printChanged(context, await client.call<Changed>('PATCH', `/api/v1/${KINDS[kind].many}`, query, body));
    return 0;
  },
};

export const clone: Action = {
  name: 'clone',
  words: '<field=value...>',
  summary: 'copy an object under a new name',
  async run(context) {
    const { client, given, kind } = context;
    const query = selection(context, 'clone');
    const body = readAssignments(given.words);
    printChanged(context, await client.call<Changed>('POST', `/api/v1/${KINDS[kind].many}/clone`, query, body));
    return 0;
  },
};

export const remove: Action = {
  name: 'delete',
  aliases: ['rm'],
  summary: 'delete the selected objects',
  options: [{ flags: '--force', meaning: 'also when something still refers to them' }],
  async run(context) {
    const { client, given, kind } = context;
    const query = { ...selection(context, 'delete'), ...(given.options['force'] ? { force: 'true' } : {}) };
    printChanged(context, await client.call<Changed>('DELETE', `/api/v1/${KINDS[kind].many}`, query));
    return 0;
  },
};

export const set: Action = {
  name: 'set',
  words: '<name=value...>',
  summary: 'set attributes',
  async run(context) {
    return changeAttributes(context, 'set', readAssignments(context.given.words));
  },
};

export const clear: Action = {
  name: 'clear',
  words: '<names...>',
  summary: 'remove attributes',
  async run(context) {
    return changeAttributes(context, 'clear', Object.fromEntries(context.given.words.map(name => [name, null])));
  },
};

async function changeAttributes(
  context: Context,
  action: string,
  body: Record<string, string | null>,
): Promise<number> {
  const { client, given, kind } = context;
  // The specification: attributes without a selection are those of the default group.
  const ofDefault = kind === 'attrib' && given.ids.length === 0 && !given.all;
  const query = ofDefault ? dryRun(given) : selection(context, action);
  printChanged(context, await client.call<Changed>('PATCH', `/api/v1/${KINDS[kind].many}/attributes`, query, body));
  return 0;
}

/** The actions of a kind without further ones, with examples that fit it. */
export function commonActions(kind: Kind, tool: string, example: string): Action[] {
  const withExamples = (action: Action, ...examples: string[]): Action => ({
    ...action,
    examples: examples.map(text => `${tool} ${text}`),
  });
  return [
    withExamples(list, 'ls', `-i ${example} ls -l`, 'ls --json'),
    withExamples(create, kind === 'node' ? 'create mac=11:22:33:44:55:66' : `create name=${example}`),
    withExamples(update, `-i ${example} update description="New description"`),
    ...(kind === 'node' ? [] : [withExamples(clone, `-i ${example} clone name=Other`)]),
    withExamples(remove, `-i ${example} delete`),
  ];
}
