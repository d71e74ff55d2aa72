// The shape of the command line: nouns with actions, each a row. Help, completion, man pages and docs/cli.md come from here.
import type { AdminClient } from '../admin/client.ts';
import type { Kind } from '../admin/contract.ts';
import type { Terminal } from './terminal.ts';

export interface Option {
  /** As commander takes it: `-l, --long`, `--force`, `--limit <count>`. */
  flags: string;
  meaning: string;
  /** May be given several times. */
  repeats?: boolean;
}

/** What the common options of every command say, and what the action's own did. */
export interface Given {
  /** Identifiers of `-i`, in order. */
  ids: string[];
  all: boolean;
  json: boolean;
  yaml: boolean;
  quiet: boolean;
  verbose: number;
  showUids: boolean;
  dryRun: boolean;
  fields: string[] | undefined;
  table: boolean;
  /** The action's own options by their long name in camel case. */
  options: Record<string, unknown>;
  /** Words behind the action. */
  words: string[];
}

export interface Context {
  given: Given;
  /** Connected on first use. */
  client: AdminClient;
  socket: string;
  terminal: Terminal;
  /** The noun's kind of object; `node` for those without one. */
  kind: Kind;
}

export interface Action {
  name: string;
  /** Other names for the same. */
  aliases?: string[];
  /** What stands behind the name: `<field=value...>`, `[name]`. */
  words?: string;
  summary: string;
  options?: Option[];
  /** Whole command lines. */
  examples?: string[];
  /** Carries it out; answers the exit status. */
  run(context: Context): Promise<number>;
}

export interface Noun {
  /** `node`. */
  name: string;
  /** The specification's names: `nodectl`. */
  aliases: string[];
  kind: Kind;
  summary: string;
  /** Whether `-i` and `--all` select objects of the kind. */
  selects: boolean;
  options?: Option[];
  actions: Action[];
  /** What runs without an action word (`muster lab`). */
  run?: Action;
}
