// The actions that every kind of object has: list, create, update, replace, clone, delete, and the like.
import { MEMBERS } from '../api/members.ts';
import { type Changed, OBJECTS } from '../api/objects.ts';
import { MusterError } from '../errors.ts';
import type { Kind } from '../model/kind-words.ts';
import { contentOf, readAssignments, sendFiles } from './assignments.ts';
import type { Fields } from './content.ts';
import { printChanged } from './differences.ts';
import { fetchShown, list } from './list-action.ts';
import { chosen, dryRun, refuseEmpty, type SelectionQuery, selection } from './selection.ts';
import { type Action, action, type Context, type Option, type OptionsOf } from './table.ts';

const CONTENT = {
  flags: '--content <file>',
  meaning: 'read fields from @FILE (@- is standard input): JSON, YAML, INI, or lines of name=value',
  takes: 'files',
} as const satisfies Option;
type ContentOption = OptionsOf<readonly [typeof CONTENT]>;

export const create = action({
  name: 'create',
  selects: false,
  words: '[field=value...]',
  takes: 'assignments',
  summary: 'create an object from its fields, or several from a file; `field=@FILE` sends a file',
  options: [CONTENT],
  async run(context) {
    const { client, given, kind } = context;
    const bodies = await bodiesOf(context, 'create');
    const [only, ...more] = bodies;
    const body = only && more.length === 0 ? only : bodies;
    printChanged(context, await client.call(OBJECTS.create, { kind, query: dryRun(given), body }));
    return 0;
  },
});

export const update = action({
  name: 'update',
  words: '[field=value...]',
  takes: 'assignments',
  summary: 'change fields of the selected objects; `field=@FILE` sends a file',
  options: [CONTENT],
  run: async context => {
    const { query, body } = await changeOf(context, 'update');
    return finish(context, context.client.call(OBJECTS.update, { kind: context.kind, query, body }));
  },
});

export const replace = action({
  name: 'replace',
  words: '[field=value...]',
  takes: 'assignments',
  summary: 'set these fields of the selected objects and reset all others to their defaults',
  options: [CONTENT],
  run: async context => {
    const { query, body } = await changeOf(context, 'replace');
    const whole = await withName(context, body);
    return finish(context, context.client.call(OBJECTS.replace, { kind: context.kind, query, body: whole }));
  },
});

/** The objects, and their new fields. */
async function changeOf(
  context: Context<ContentOption>,
  action: string,
): Promise<{ query: SelectionQuery; body: Fields }> {
  const query = selection(context, action);
  const [body = {}, ...more] = await bodiesOf(context, action);
  if (more.length > 0)
    throw new MusterError(
      'bad-usage',
      `'${action}' takes the fields of one object, but the file has ${more.length + 1}.`,
    );
  return { query, body };
}

/** Keeps the name by which one object was selected, because PUT resets every field that is not given. */
async function withName(context: Context, body: Fields): Promise<Fields> {
  if (context.kind === 'node' || 'name' in body) return body;
  const [object, ...more] = await fetchShown(context);
  return object && more.length === 0 ? { name: object.name, ...body } : body;
}

async function finish(context: Context, change: Promise<Changed>): Promise<number> {
  const changed = await change;
  refuseEmpty(context, changed.uids.length);
  printChanged(context, changed);
  return 0;
}

/** Returns the fields of the words and of `--content`, with files uploaded; words win over the file. */
async function bodiesOf(context: Context<ContentOption>, action: string): Promise<Fields[]> {
  const { given } = context;
  const { content } = given.options;
  const assigned = readAssignments(given.words);
  if (content === undefined && given.words.length === 0)
    throw new MusterError('bad-usage', `'${action}' needs field=value, or --content @FILE.`);
  const records = content === undefined ? [{}] : await contentOf(content);
  const bodies: Fields[] = [];
  for (const record of records) bodies.push(await sendFiles(context, { ...record, ...assigned }));
  return bodies;
}

export const clone: Action = {
  name: 'clone',
  words: '<field=value...>',
  takes: 'assignments',
  summary: 'copy an object under a new name',
  run: async context => {
    const { client, kind, given } = context;
    const parts = { kind, query: selection(context, 'clone'), body: readAssignments(given.words) };
    return finish(context, client.call(OBJECTS.clone, parts));
  },
};

export const remove = action({
  name: 'delete',
  aliases: ['rm'],
  summary: 'delete the selected objects',
  options: [{ flags: '--force', meaning: 'delete them even if other objects still refer to them' }],
  run: async context => {
    const { client, kind, given } = context;
    const query = { ...selection(context, 'delete'), ...(given.options.force && { force: 'true' }) };
    return finish(context, client.call(OBJECTS.delete, { kind, query }));
  },
});

export const set = action({
  name: 'set',
  words: '[name=value...]',
  takes: 'attributes',
  summary: 'set attributes of the selected objects',
  options: [
    {
      flags: '--content <file>',
      meaning: 'read attributes from @FILE (@- is standard input), to keep passwords off the command line',
      takes: 'files',
    },
  ],
  run: async context => changeAttributes(context, 'set', await attributesGiven(context)),
});

async function attributesGiven({ given }: Context<ContentOption>): Promise<Record<string, string>> {
  const words = readAssignments(given.words);
  const content = given.options.content;
  const [read = {}, ...more] = content === undefined ? [] : await contentOf(content);
  if (more.length > 0) throw new MusterError('bad-usage', '--content must contain the attributes of one object.');
  const wrong = Object.entries(read).find(([, value]) => typeof value === 'object');
  if (wrong) throw new MusterError('bad-value', `attribute '${wrong[0]}': the value must be a text.`);
  const texts = Object.entries(read).map(([name, value]) => [name, String(value)]);
  const all: Record<string, string> = { ...Object.fromEntries(texts), ...words };
  if (Object.keys(all).length === 0) throw new MusterError('bad-usage', "'set' needs attributes: name=value.");
  return all;
}

export const clear: Action = {
  name: 'clear',
  words: '<names...>',
  takes: 'attribute-names',
  summary: 'remove attributes of the selected objects',
  run: async context =>
    changeAttributes(context, 'clear', Object.fromEntries(context.given.words.map(name => [name, null]))),
};

async function changeAttributes(
  context: Context,
  action: string,
  body: Record<string, string | null>,
): Promise<number> {
  const { given, kind } = context;
  // The specification: without a selection, attributes of the default group.
  const ofDefault = kind === 'attrib' && Object.keys(chosen(given)).length === 0;
  const query = ofDefault ? dryRun(given) : selection(context, action);
  const having = kind === 'attrib' ? 'attrib' : 'node';
  return finish(context, context.client.call(MEMBERS.set, { kind: having, query, body }));
}

/** Returns the common actions of a kind, with suitable examples. */
export function commonActions(kind: Kind, tool: string, example: string): Action[] {
  const withExamples = (action: Action, ...examples: string[]): Action => ({
    ...action,
    ...(action.takes === 'names' && { takes: { names: kind } }),
    examples: examples.map(text => `${tool} ${text}`),
  });
  const fields = EXAMPLE_FIELDS[kind] ?? 'description="New description"';
  return [
    withExamples(list, 'ls', `-i ${example} ls -l`, 'ls --json'),
    withExamples(create, `create ${kind === 'node' ? '' : `name=${example} `}${fields}`, 'create --content @file.json'),
    withExamples(
      update,
      `-i ${example} update description="New description"`,
      `-i ${example} update ${fields} --dry-run`,
    ),
    withExamples(replace, `-i ${example} replace ${fields}`),
    ...(kind === 'node' ? [] : [withExamples(clone, `-i ${example} clone name=Other`)]),
    withExamples(remove, `-i ${example} delete`, `-i ${example} delete --dry-run`),
  ];
}

const EXAMPLE_FIELDS: Partial<Record<Kind, string>> = {
  node: 'mac=11:22:33:44:55:66',
  boot: 'cmdline="enforcing=0 console=ttyS1,115200"',
  image: 'content=@root.squashfs',
  repo: 'urls=http://mirror.example.com/os/',
  distro: 'repos=CentOS_base release=7',
  pool: 'pattern=c{:03d}',
};
