// The content of commands.json, which the build writes: the table of nouns with the module of each action, and the facts for completion.
import { RESERVED_ATTRIBUTES } from '../model/attributes.ts';
import { fieldsOf, KIND_NAMES } from '../model/kinds.ts';
import { BOOT_STYLES } from '../model/values.ts';
import type { ActionData, CommandData, FieldData, NounData } from './commands.ts';
import { NOUNS } from './nouns.ts';
import type { Action, Noun } from './table.ts';

/** Modules of the command line by their path relative to this folder: `./node-list.js`. */
export type Modules = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

/** Returns the data of the table; throws when no module exports the work of an action. */
export function commandData(modules: Modules): CommandData {
  const places = placesIn(modules);
  return {
    nouns: NOUNS.map(noun => nounData(noun, places)),
    fields: Object.fromEntries(KIND_NAMES.map(kind => [kind, fieldsOf(kind).map(fieldData)])),
    reservedAttributes: Object.keys(RESERVED_ATTRIBUTES),
    bootStyles: BOOT_STYLES,
  };
}

type Places = ReadonlyMap<unknown, ActionData['from']>;

/** The location of each exported action, by its work: nouns may give one action different examples. */
function placesIn(modules: Modules): Places {
  const places = new Map<unknown, ActionData['from']>();
  for (const [module, exports] of modules)
    for (const [name, value] of Object.entries(exports))
      if (typeof value === 'object' && value !== null && 'run' in value) places.set(value.run, { module, name });
  return places;
}

function nounData({ actions, nouns, run, ...row }: Noun, places: Places): NounData {
  return {
    ...row,
    actions: actions.map(each => actionData(each, places)),
    ...(nouns && { nouns: nouns.map(each => nounData(each, places)) }),
    ...(run && { run: actionData(run, places) }),
  };
}

function actionData({ run, ...row }: Action, places: Places): ActionData {
  const from = places.get(run);
  if (!from) throw new Error(`no module of src/cli exports the action '${row.name}'`);
  return { ...row, from };
}

function fieldData({ name, meta, schema }: ReturnType<typeof fieldsOf>[number]): FieldData {
  return {
    name,
    isReadOnly: meta.readOnly === true,
    isFile: meta.file === true,
    ...(meta.refers && { refers: meta.refers }),
    choices: choicesOf(schema),
  };
}

/** The values of an enumeration or a boolean. */
function choicesOf(schema: unknown): readonly string[] {
  let inner = schema as { unwrap?(): unknown; options?: unknown; safeParse?(value: unknown): { success: boolean } };
  while (typeof inner.unwrap === 'function') inner = inner.unwrap() as typeof inner;
  if (Array.isArray(inner.options) && inner.options.every(option => typeof option === 'string')) return inner.options;
  const isFlag = inner.safeParse?.('true').success && !inner.safeParse('neither').success;
  return isFlag ? ['true', 'false'] : [];
}
