// Node sets such as `n[0-3,7],n9`: expanded to names, and folded again for people.
import { MusterError } from '../errors.ts';

/** The most names of a selection, so that `n[0-999999999]` is an error and does not fill the memory. */
const LIMIT = 1_000_000;
/** The most characters of all its names. */
const MOST_CHARACTERS = 32_000_000;
/** Characters of a selection that an error repeats. */
const QUOTED = 80;

/** Returns the names of a node set, in its order, each once. Without brackets the text is one name. Names are counted before any is made. */
export function expandNodeSet(text: string): string[] {
  const parts = splitOutside(text).map(part => readPart(part, text));
  const count = sum(parts.map(({ count }) => count));
  const characters = sum(parts.map(part => part.count * part.length));
  if (count > LIMIT || characters > MOST_CHARACTERS) throw bad(text, `it names more than ${LIMIT} nodes`);
  const names = new Set<string>();
  for (const part of parts) for (const name of namesOf(part)) names.add(name);
  return [...names];
}

/** Folds names into the shortest node set: `n0 n1 n2 n7` is `n[0-2,7]`; zero-padded numbers fold only with the same width. */
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
  // `n10` belongs to `n[08-10]`: if one number of a width is padded, all of that width are.
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

interface Range {
  first: number;
  count: number;
  stride: number;
  width: number;
}

/** `r[0-1]n[0-3]x`: the texts before, between and after the brackets, and the brackets' content. */
interface Part {
  texts: string[];
  brackets: Range[][];
  /** The number of names, and the most characters of one. */
  count: number;
  length: number;
}

function readPart(part: string, whole: string): Part {
  const texts: string[] = [];
  const brackets: Range[][] = [];
  let position = 0;
  for (let open = part.indexOf('['); open >= 0; open = part.indexOf('[', position)) {
    const close = part.indexOf(']', open);
    texts.push(part.slice(position, open));
    const ranges = part.slice(open + 1, close).split(',');
    brackets.push(ranges.map(range => readRange(range.trim(), whole)));
    position = close + 1;
  }
  texts.push(part.slice(position));
  const counts = brackets.map(ranges => sum(ranges.map(({ count }) => count)));
  const digits = brackets.map(ranges => ranges.reduce((most, range) => Math.max(most, lengthOf(range)), 0));
  return {
    texts,
    brackets,
    // Beyond the limit it need not be exact.
    count: counts.reduce((product, count) => Math.min(product * count, Number.MAX_SAFE_INTEGER), 1),
    length: sum([...texts.map(text => text.length), ...digits]),
  };
}

/** The first bracket turns slowest. */
function* namesOf({ texts, brackets, count }: Part): Generator<string> {
  const values = brackets.map(ranges => ranges.flatMap(numbersOf));
  for (let index = 0; index < count; index += 1) {
    let rest = index;
    let name = texts.at(-1) ?? '';
    for (let place = values.length - 1; place >= 0; place -= 1) {
      const numbers = values[place] ?? [];
      name = `${texts[place]}${numbers[rest % numbers.length]}${name}`;
      rest = Math.floor(rest / numbers.length);
    }
    yield name;
  }
}

function numbersOf({ first, count, stride, width }: Range): string[] {
  return Array.from({ length: count }, (_, index) => String(first + index * stride).padStart(width, '0'));
}

function lengthOf({ first, count, stride, width }: Range): number {
  return Math.max(width, String(first + (count - 1) * stride).length);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function readRange(range: string, whole: string): Range {
  const match = /^(\d{1,15})(?:-(\d{1,15})(?:\/(\d{1,9}))?)?$/.exec(range);
  if (!match) throw bad(whole, `'${quoted(range)}' is neither a number nor a range such as 0-15`);
  const [, from = '', to = from, step = '1'] = match;
  const [first, last, stride] = [Number(from), Number(to), Number(step)];
  if (last < first) throw bad(whole, `the range '${range}' runs backwards`);
  if (stride < 1) throw bad(whole, `the step of '${range}' must be 1 or more`);
  const isPadded = (text: string): boolean => text.length > 1 && text.startsWith('0');
  if (from.length !== to.length && (isPadded(from) || isPadded(to)))
    throw bad(whole, `the ends of '${range}' are padded to different widths`);
  return { first, count: Math.floor((last - first) / stride) + 1, stride, width: isPadded(from) ? from.length : 0 };
}

function bad(text: string, why: string): MusterError {
  return new MusterError('bad-selection', `The selection '${quoted(text)}' cannot be read: ${why}.`);
}

function quoted(text: string): string {
  return text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text;
}
