// What a schema has against a value, in the house's words.
import type { z } from 'zod';
import { isSecretName, maskPassword } from './masking.ts';
import { didYouMean } from './nearest.ts';
import { own } from './own.ts';

/** The validator, as a parameter of schemas: it takes long to load, and the command line needs no more than their types. */
export type Zod = typeof z;

/** For `superRefine`: a value in which `problemOf` finds a problem has that as its issue. */
export function noneOf<T>(problemOf: (value: T) => string | undefined) {
  return (value: T, context: { addIssue(issue: { code: 'custom'; message: string }): void }): void => {
    const message = problemOf(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  };
}

/** The library's names of types that people call something else. */
const SHAPES: Readonly<Record<string, string>> = {
  array: 'a list',
  int: 'a whole number',
  object: 'a JSON object',
  record: 'names with values',
  string: 'a text',
};

/** Returns what the value must be: `must be one of a, b; did you mean 'a'?`. */
export function issueText(issue: z.core.$ZodIssue | undefined, value?: unknown): string {
  if (issue === undefined) return 'is not possible';
  // The schema's own words; the library's begin like this
  if (!/^(Invalid|Too (small|big)|Unrecognized)\b/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_value') {
    const words = issue.values.map(String);
    const hint = typeof value === 'string' ? didYouMean(value, words) : '';
    const empty = words.includes('') ? 'empty or ' : '';
    return `must be ${empty}one of ${words.filter(Boolean).join(', ')}${hint && `; ${hint}`}`;
  }
  if (issue.code === 'invalid_union') {
    const texts = issue.errors.flat().map(one => issueText(one));
    return texts.find(text => text.startsWith('must')) ?? texts[0] ?? 'is not possible';
  }
  if (issue.code === 'invalid_type') return `must be ${own(SHAPES, issue.expected) ?? `a ${issue.expected}`}`;
  if (issue.code === 'invalid_format') return 'has the wrong form';
  if (issue.code === 'too_small') return `must be ${issue.minimum} at least`;
  return issue.code === 'too_big' ? `must be ${issue.maximum} at most` : 'is not possible';
}

/** Returns what a part of a value must be, with its place: `'subnet' must be a network (entry 2)`. */
export function placedText(issue: z.core.$ZodIssue | undefined): string {
  const place = issue?.path ?? [];
  const [name] = place.filter(part => typeof part === 'string');
  const [entry] = place.filter(part => typeof part === 'number');
  const text = issueText(issue);
  return `${name === undefined ? '' : `'${name}' `}${text}${entry === undefined ? '' : ` (entry ${entry + 1})`}`;
}

/**
 * Returns the first thing that is wrong with a value, as a sentence without its full stop.
 * @param whole what the value as a whole is called: `The body`
 * @param given the value, when parts of it may be shown
 */
export function problemOf(whole: string, { issues: [issue] }: z.ZodError, given?: unknown): string {
  if (issue?.code === 'unrecognized_keys') return `${whole} has no '${issue.keys[0]}'`;
  const path = issue?.path ?? [];
  const value = path.reduce<unknown>((inner, name) => part(inner, name), given);
  const name = path.filter(one => typeof one !== 'number').join('.');
  const shown = name === '' || isSecretName(name) ? '' : shownValue(value);
  const entries = path.filter(one => typeof one === 'number').map(entry => ` (entry ${entry + 1})`);
  return `${name || whole}${shown} ${issueText(issue, value)}${entries.join('')}`;
}

/** Text and numbers as they were given, which lists and objects are too long for. */
function shownValue(value: unknown): string {
  if (typeof value === 'string') return `='${maskPassword(value.slice(0, 100))}'`;
  return typeof value === 'number' || typeof value === 'boolean' ? `=${value}` : '';
}

function part(value: unknown, name: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<PropertyKey, unknown>)[name]
    : undefined;
}
