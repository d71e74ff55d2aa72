// Kickstart files with placeholders: `<node[ip]>`, `<a[_boot_config]>`, `<hardware[mac]>`, `<head[lang]>`, `<root_url()>`.
// Placeholders without a value are reported with line and column; nothing is guessed, since the result wipes disks.
import { didYouMean } from '../nearest.ts';

export interface KickstartValues {
  /** By full name: node, attributes, hardware, head. */
  dictionaries: Readonly<Record<string, ReadonlyMap<string, string>>>;
  /** By name, without `()`; an empty one has no value now, for the reason in `missing`. */
  functions: ReadonlyMap<string, { value: string; missing?: string }>;
}

export type Rendered = { text: string } | { problems: Problem[] };

export interface Problem {
  /** Both from 1. */
  line: number;
  column: number;
  text: string;
}

/** How many problems of a file are reported; the rest are mostly the same. */
const PROBLEMS = 10;

/** `<word[key]>` and `<word()>`; a preceding backslash leaves them as they are. */
export const PLACEHOLDER = /(\\?)<([A-Za-z_]\w*)(?:\[([^\]\n<>]*)\]|\(([^)\n<>]*)\))>/g;

export function renderKickstart(text: string, values: KickstartValues): Rendered {
  const problems: Problem[] = [];
  const rendered = text.replace(
    PLACEHOLDER,
    (whole, backslash: string, name: string, key?: string, args?: string, at = 0) => {
      if (backslash !== '') return whole.slice(1);
      const found = key === undefined ? callOf(name, args ?? '', values) : lookUp(name, key, values);
      if ('value' in found) return found.value;
      problems.push({ ...positionOf(text, at), text: `${whole} ${found.problem}` });
      return whole;
    },
  );
  return problems.length === 0 ? { text: rendered } : { problems: problems.slice(0, PROBLEMS) };
}

/** `basic.ks:3:12: <node[adress]> is unknown; did you mean 'address'?`, a line for each. */
export function problemText(file: string, problems: readonly Problem[]): string {
  return problems.map(({ line, column, text }) => `${file}:${line}:${column}: ${text}`).join('\n');
}

type Looked = { value: string } | { problem: string };

function lookUp(name: string, key: string, { dictionaries }: KickstartValues): Looked {
  // By full name or initial; `h` is hardware and head, with different keys.
  const chosen = Object.entries(dictionaries).filter(([full]) => full === name || full[0] === name);
  if (chosen.length === 0) {
    const names = Object.keys(dictionaries);
    return { problem: `is unknown: there are ${names.map(full => `<${full}[…]>`).join(', ')}${guess(name, names)}` };
  }
  for (const [, dictionary] of chosen) {
    const value = dictionary.get(key);
    if (value !== undefined) return { value };
  }
  const keys = chosen.flatMap(([, dictionary]) => [...dictionary.keys()]);
  const which = chosen.map(([full]) => full).join(' and ');
  return { problem: `has no value: ${which} ${chosen.length > 1 ? 'have' : 'has'} no '${key}'${guess(key, keys)}` };
}

function callOf(name: string, args: string, { functions }: KickstartValues): Looked {
  const found = functions.get(name);
  const names = [...functions.keys()];
  if (!found)
    return { problem: `is unknown: there are ${names.map(one => `<${one}()>`).join(', ')}${guess(name, names)}` };
  if (args.trim() !== '') return { problem: `takes nothing between its parentheses` };
  return found.missing === undefined ? { value: found.value } : { problem: `has no value: ${found.missing}` };
}

function guess(word: string, known: readonly string[]): string {
  const hint = didYouMean(word, known);
  return hint && `; ${hint}`;
}

function positionOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const start = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: Array.from(before.slice(start)).length + 1 };
}
