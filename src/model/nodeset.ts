// Node sets such as `n[0-3,7],n9`: read into names, and folded back for people.
import { MusterError } from '../errors.ts';

/** No selection may name more than this, so that `n[0-999999999]` is an error and not a full memory. */
const LIMIT = 1_000_000;

/** The names of a node set, in its order, each once. Without brackets the text is one name. */
export function expandNodeSet(text: string): string[] {
  const names = new Set<string>();
  for (const part of splitOutside(text)) {
    for (const name of expandPart(part, text)) {
      names.add(name);
      if (names.size > LIMIT) throw bad(text, `it names more than ${LIMIT} nodes`);
    }
  }
  return [...names];
}

/** Folds names into the shortest node set: `n0 n1 n2 n7` is `n[0-2,7]`; zero-padded numbers fold among their own width. */
export function foldNodeSet(names: readonly string[]): string {
  const families = new Map<string, Family>();
  const plain: string[] = [];
  for (const name of new Set(names)) {
    const match = /^(.*?)(\d{1,15})(\D*)$/.exec(name);
    if (!match) {
      plain.push(name);
      continue;
    }
    const [, prefix = '', digits = '', suffix = ''] = match;
    const key = `${prefix} ${suffix}`;
    const family = families.get(key) ?? { prefix, suffix, digits: [] };
    families.set(key, family);
    family.digits.push(digits);
  }
  return [...Array.from(families.values(), foldFamily), ...plain].join(',');
}

/** Names that differ in one number. */
interface Family {
  prefix: string;
  suffix: string;
  digits: string[];
}

function foldFamily({ prefix, suffix, digits }: Family): string {
  // `n10` belongs to `n[08-10]`: where one number of a width is padded, all of that width are.
  const padded = new Set(digits.filter(text => text.length > 1 && text.startsWith('0')).map(text => text.length));
  const byWidth = new Map<number, number[]>();
  for (const text of digits) {
    const width = padded.has(text.length) ? text.length : 0;
    const numbers = byWidth.get(width) ?? [];
    numbers.push(Number(text));
    byWidth.set(width, numbers);
  }
  const ranges = [...byWidth]
    .sort(([left], [right]) => left - right)
    .flatMap(([width, numbers]) => fold(width, numbers));
  const single = ranges.length === 1 && !ranges[0]?.includes('-');
  return `${prefix}${single ? ranges[0] : `[${ranges.join(',')}]`}${suffix}`;
}

function fold(width: number, numbers: number[]): string[] {
  numbers.sort((left, right) => left - right);
  const ranges: string[] = [];
  const show = (value: number): string => String(value).padStart(width, '0');
  for (let start = 0; start < numbers.length; ) {
    let end = start;
    while (numbers[end + 1] === (numbers[end] ?? 0) + 1) end += 1;
    const [first = 0, last = 0] = [numbers[start], numbers[end]];
    ranges.push(first === last ? show(first) : `${show(first)}-${show(last)}`);
    start = end + 1;
  }
  return ranges;
}

/** Splits at the commas that are not inside brackets. */
function splitOutside(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const [position, character] of Array.from(text).entries()) {
    if (character === '[') depth += 1;
    if (character === ']') depth -= 1;
    if (depth < 0 || depth > 1) throw bad(text, `the bracket at character ${position + 1} has no partner`);
    if (character === ',' && depth === 0) {
      parts.push(current);
      current = '';
    } else current += character;
  }
  if (depth !== 0) throw bad(text, "a '[' is not closed");
  parts.push(current);
  if (parts.some(part => part.trim() === '')) throw bad(text, 'a name is missing before or after a comma');
  return parts.map(part => part.trim());
}

function expandPart(part: string, whole: string): string[] {
  const open = part.indexOf('[');
  if (open < 0) return [part];
  const close = part.indexOf(']', open);
  const [prefix, inside, suffix] = [part.slice(0, open), part.slice(open + 1, close), part.slice(close + 1)];
  const rest = expandPart(suffix, whole);
  const numbers = inside.split(',').flatMap(range => expandRange(range.trim(), whole));
  if (numbers.length * rest.length > LIMIT) throw bad(whole, `it names more than ${LIMIT} nodes`);
  return numbers.flatMap(number => rest.map(tail => `${prefix}${number}${tail}`));
}

function expandRange(range: string, whole: string): string[] {
  const match = /^(\d{1,15})(?:-(\d{1,15})(?:\/(\d{1,9}))?)?$/.exec(range);
  if (!match) throw bad(whole, `'${range}' is neither a number nor a range such as 0-15`);
  const [, from = '', to = from, step = '1'] = match;
  const [first, last, stride] = [Number(from), Number(to), Number(step)];
  if (last < first) throw bad(whole, `the range '${range}' runs backwards`);
  if (stride < 1) throw bad(whole, `the step of '${range}' must be 1 or more`);
  if ((last - first) / stride > LIMIT) throw bad(whole, `it names more than ${LIMIT} nodes`);
  const isPadded = (text: string): boolean => text.length > 1 && text.startsWith('0');
  if (from.length !== to.length && (isPadded(from) || isPadded(to)))
    throw bad(whole, `the ends of '${range}' are padded to different widths`);
  const width = isPadded(from) ? from.length : 0;
  const result: string[] = [];
  for (let value = first; value <= last; value += stride) result.push(String(value).padStart(width, '0'));
  return result;
}

function bad(text: string, why: string): MusterError {
  return new MusterError('bad-selection', `The selection '${text}' cannot be read: ${why}.`);
}
