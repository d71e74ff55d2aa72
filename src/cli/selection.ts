// Turns `-i`, `--all`, `--up`, `--down`, `-s` and the words after an action into a query for the daemon.
import { MusterError } from '../errors.ts';
import { KIND_WORDS } from '../model/kind-words.ts';
import type { Context } from './table.ts';

/** A type, because an interface would not be a record of parameters. */
export type SelectionQuery = {
  id?: string[];
  all?: 'true';
  state?: string[];
  select?: string[];
  dry_run?: 'true';
};

/** For actions that change something: an empty selection is an error, so that an omission changes nothing. */
export function selection({ given, kind }: Context, action: string): SelectionQuery {
  const query = chosen(given);
  if (Object.keys(query).length === 0) {
    const states = kind === 'node' ? ', --up, --down' : '';
    throw new MusterError('bad-usage', `'${action}' needs a selection: -i NAME, --all${states}, or -s EXPRESSION.`);
  }
  return { ...query, ...dryRun(given) };
}

/** For actions that only read: an empty selection means all. Words after the action are identifiers too. */
export function chosen(given: Context['given'], words: readonly string[] = []): SelectionQuery {
  const ids = [...given.ids, ...words];
  const states = [...(given.up ? ['up'] : []), ...(given.down ? ['down'] : [])];
  return {
    ...(given.all && { all: 'true' }),
    ...(ids.length > 0 && { id: ids }),
    ...(states.length > 0 && { state: states }),
    ...(given.select.length > 0 && { select: given.select }),
  };
}

export function dryRun(given: Context['given']): { dry_run?: 'true' } {
  return given.dryRun ? { dry_run: 'true' } : {};
}

/** Reports a narrowed selection that is empty and so changes nothing. */
export function refuseEmpty({ given, kind }: Context, count: number): void {
  if (count > 0 || (given.select.length === 0 && !given.up && !given.down)) return;
  throw new MusterError('no-such-object', `No ${KIND_WORDS[kind].label} matches the selection; nothing was changed.`);
}
