// The table of nouns from commands.json, which the build writes. Help and completion load no action; an action is loaded when it runs.
import { readFileSync } from 'node:fs';
import type { Kind } from '../model/kind-words.ts';
import type { Action, Noun } from './table.ts';

export interface ActionData extends Omit<Action, 'run'> {
  /** The module that exports the action, relative to this one, and the name of the export. */
  from: { module: string; name: string };
}

export interface NounData extends Omit<Noun, 'actions' | 'nouns' | 'run'> {
  actions: ActionData[];
  nouns?: NounData[];
  run?: ActionData;
}

/** The facts about a field that completion needs. */
export interface FieldData {
  name: string;
  isReadOnly: boolean;
  isFile: boolean;
  refers?: Kind;
  /** The values of an enumeration or a boolean. */
  choices: readonly string[];
}

export interface CommandData {
  nouns: readonly NounData[];
  /** By kind. */
  fields: Readonly<Record<string, readonly FieldData[]>>;
  reservedAttributes: readonly string[];
  bootStyles: readonly string[];
}

let read: CommandData | undefined;
let nouns: readonly Noun[] | undefined;

function data(): CommandData {
  read ??= JSON.parse(readFileSync(new URL('./commands.json', import.meta.url), 'utf8')) as CommandData;
  return read;
}

/** Returns all nouns, each action a row that loads its work when it runs. */
export function commands(): readonly Noun[] {
  nouns ??= data().nouns.map(nounOf);
  return nouns;
}

export function fieldDataOf(kind: Kind): readonly FieldData[] {
  return data().fields[kind] ?? [];
}

/** Returns the names of the fields that are stored files. */
export function fileFieldsOf(kind: Kind): string[] {
  return fieldDataOf(kind).flatMap(row => (row.isFile ? [row.name] : []));
}

export function reservedNames(): readonly string[] {
  return data().reservedAttributes;
}

export function bootStyles(): readonly string[] {
  return data().bootStyles;
}

function nounOf({ actions, nouns, run, ...row }: NounData): Noun {
  return {
    ...row,
    actions: actions.map(actionOf),
    ...(nouns && { nouns: nouns.map(nounOf) }),
    ...(run && { run: actionOf(run) }),
  };
}

function actionOf({ from, ...row }: ActionData): Action {
  return {
    ...row,
    run: async context => {
      const loaded = (await import(from.module)) as Record<string, Action | undefined>;
      const action = loaded[from.name];
      if (!action) throw new Error(`${from.module} exports no ${from.name}; build again`);
      return action.run(context);
    },
  };
}
