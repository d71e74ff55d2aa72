// Collects commander's options of every level of a command line in one record.
import type { Command } from 'commander';
import { MusterError } from '../errors.ts';
import type { Given } from './table.ts';

/** `-i`, `-s` and `-v` before and after the action add up; for any other option, the one nearest the action counts. */
export function mergeOptions(command: Command): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const level of levels(command)) {
    for (const [name, value] of Object.entries(level.opts())) {
      // Commander adds `pretty: true` for `--no-pretty`; only typed options count.
      if (level.getOptionValueSource(name) === 'default') continue;
      const before = merged[name];
      if (Array.isArray(before) && Array.isArray(value)) merged[name] = [...before, ...value];
      else if (typeof before === 'number' && typeof value === 'number') merged[name] = before + value;
      else merged[name] = value;
    }
  }
  return merged;
}

function levels(command: Command): Command[] {
  return command.parent ? [...levels(command.parent), command] : [command];
}

export function givenBy(options: Record<string, unknown>, words: readonly string[]): Given<Record<string, unknown>> {
  const { ids = [], select = [], fields, verbose, pretty, ...rest } = options;
  const is = (name: string): boolean => rest[name] === true;
  const given: Given<Record<string, unknown>> = {
    ids: ids as string[],
    select: select as string[],
    all: is('all'),
    up: is('up'),
    down: is('down'),
    json: is('json'),
    yaml: is('yaml'),
    csv: is('csv'),
    pretty: pretty !== false,
    quiet: is('quiet'),
    verbose: Number(verbose ?? 0),
    showUids: is('showUids'),
    dryRun: is('dryRun'),
    fields: typeof fields === 'string' ? namesIn(fields) : undefined,
    table: is('table'),
    config: typeof rest['config'] === 'string' ? rest['config'] : undefined,
    options: rest,
    words: [...words],
  };
  refuseContradictions(given);
  return given;
}

function namesIn(text: string): string[] {
  return text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
}

function refuseContradictions(given: Given): void {
  const forms = [given.json, given.yaml, given.csv].filter(Boolean).length;
  const pairs: [boolean, string][] = [
    [forms > 1, '--json, --yaml and --csv'],
    [given.table && forms > 0, '--table and --json, --yaml or --csv'],
    [given.all && given.ids.length > 0, '--all and -i'],
    [given.up && given.down, '--up and --down'],
    [given.quiet && given.verbose > 0, '--quiet and --verbose'],
  ];
  const wrong = pairs.find(([both]) => both);
  if (wrong) throw new MusterError('bad-usage', `${wrong[1]} cannot be combined.`);
}

/** Returns the value of a count option; `fallback` when it was not given. */
export function countOf(flag: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (!/^[1-9]\d{0,8}$/.test(String(value)))
    throw new MusterError('bad-usage', `${flag} '${String(value)}' must be a whole number, 1 or more.`);
  return Number(value);
}
