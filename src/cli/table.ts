// The shape of the command line: nouns with actions, each a row. Help, completion, man pages and docs/cli.md come from here.
import type { AdminClient } from '../api/client.ts';
import type { Kind } from '../model/kind-words.ts';
import type { Terminal } from './terminal.ts';

/** The type of a word, for completion: names of objects, fixed words, fields of the noun's kind, attributes, files. */
export type Takes =
  | { names: Kind }
  | { words: readonly string[] }
  /** Names of the noun's own kind. */
  | 'names'
  | 'fields'
  | 'stored-files'
  | 'assignments'
  | 'attributes'
  | 'attribute-names'
  /** Attributes, and fields of boot configs. */
  | 'update'
  /** A file set, then paths in it. */
  | 'set-paths'
  /** A file set, a path in it, then a file of this machine. */
  | 'set-file'
  | 'files';

export interface Option {
  /** In commander's form: `-l, --long`, `--force`, `--limit <count>`. */
  flags: string;
  meaning: string;
  /** May be repeated. */
  repeats?: boolean;
  takes?: Takes;
}

/** The name under which commander stores `-l, --boot-config <name>`: `bootConfig`; for `--no-discard` it is `discard`. */
type KeyOf<Flags extends string> = Flags extends `${string}--no-${infer Rest}`
  ? Camel<FirstWord<Rest>>
  : Flags extends `${string}--${infer Rest}`
    ? Camel<FirstWord<Rest>>
    : never;
type FirstWord<Text extends string> = Text extends `${infer Word} ${string}` ? Word : Text;
type Camel<Text extends string> = Text extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Text;
/** `<x>` gives a text, `[x]` a text or true, `…` a list, and an option without a value true or false. */
type ValueOf<Row extends Option> = Row['flags'] extends `${string}...${string}`
  ? string[]
  : Row['flags'] extends `${string}<${string}`
    ? Row extends { repeats: true }
      ? string[]
      : string
    : Row['flags'] extends `${string}[${string}`
      ? string | true
      : boolean;

/** The values of the options in the rows; code cannot read an option that no row declares. */
export type OptionsOf<Rows extends readonly Option[]> = {
  readonly [Row in Rows[number] as KeyOf<Row['flags']>]?: ValueOf<Row> | undefined;
};

/** An action; its `run` can read only the options of its rows. */
export function action<const Rows extends readonly Option[] = readonly []>(
  row: Omit<Action, 'options' | 'run'> & {
    options?: Rows;
    run(context: Context<OptionsOf<Rows>>): Promise<number>;
  },
): Action {
  return row;
}

/** The values of the common options, and of the action's own. */
export interface Given<Own = unknown> {
  /** Identifiers of `-i`, in order. */
  ids: string[];
  all: boolean;
  up: boolean;
  down: boolean;
  /** Expressions of `-s`; each one narrows. */
  select: string[];
  json: boolean;
  yaml: boolean;
  csv: boolean;
  /** JSON with line breaks. */
  pretty: boolean;
  quiet: boolean;
  verbose: number;
  showUids: boolean;
  dryRun: boolean;
  fields: string[] | undefined;
  table: boolean;
  /** The file of `--config`. */
  config: string | undefined;
  /** The action's own options by their long name in camel case. */
  options: Own;
  /** Words after the action. */
  words: string[];
}

export interface Context<Own = unknown> {
  given: Given<Own>;
  /** The command line, without the program's own name. */
  typed: readonly string[];
  /** Connected on first use. */
  client: AdminClient;
  socket: string;
  /** Runs another command line (without the program's own name) on the same daemon; returns its exit status. */
  run(words: readonly string[]): Promise<number>;
  terminal: Terminal;
  /** The noun's kind of object; `node` for those without one. */
  kind: Kind;
}

export interface Action {
  name: string;
  /** Other names for it. */
  aliases?: string[];
  /** The words after the name: `<field=value...>`, `[name]`. */
  words?: string;
  takes?: Takes;
  summary: string;
  options?: readonly Option[];
  /** Whether everything after its first word is a separate command, including options. */
  passesThrough?: true;
  /** False when it does not act on existing objects (`create`). */
  selects?: false;
  /** Complete command lines. */
  examples?: string[];
  /** Runs it; returns the exit status. */
  run(context: Context): Promise<number>;
}

export interface Noun {
  /** `node`. */
  name: string;
  /** The specification's names: `nodectl`. */
  aliases: string[];
  kind: Kind;
  summary: string;
  /** The heading in `muster --help`; absent for a noun below another one. */
  task?: string;
  /** Whether `-i`, `--all` and `-s` select objects of the kind. */
  selects: boolean;
  actions: Action[];
  /** Nouns below this one (`clusterctl repos`). */
  nouns?: Noun[];
  /** The action without an action word (`muster lab`, `clusterctl --get-distro`). */
  run?: Action;
}
