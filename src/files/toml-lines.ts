// The line of a TOML text that gives a value: the parser itself returns values without their places.
import { parse } from 'smol-toml';

/** Attempts to parse a beginning of the text. A text that has values over thousands of lines is not worth more. */
const MOST_ATTEMPTS = 500;
/** Characters of a text. */
const MOST_TEXT = 256 * 1024;

/**
 * Returns the line, from 1, of the statement that gives the value at a path, or the nearest table above it. Undefined when it is not there,
 * or too much work to find.
 * @param text valid TOML
 */
export function lineOf(text: string, path: readonly PropertyKey[]): number | undefined {
  if (text.length > MOST_TEXT) return undefined;
  const lines = text.split('\n');
  let attempts = 0;
  /** How much of the path the first lines define; undefined when they end inside a statement. */
  const depthAt = (count: number): number | undefined => {
    attempts += 1;
    try {
      return depthOf(parse(lines.slice(0, count).join('\n')), path);
    } catch {
      return undefined;
    }
  };
  /** The same for the longest beginning of these lines that ends with a statement. */
  const wholeAt = (count: number): { end: number; depth: number } => {
    for (let end = count; end > 0 && attempts < MOST_ATTEMPTS; end -= 1) {
      const depth = depthAt(end);
      if (depth !== undefined) return { end, depth };
    }
    return { end: 0, depth: 0 };
  };
  const { depth: wanted } = wholeAt(lines.length);
  if (wanted === 0) return undefined;
  let [without, within] = [0, lines.length];
  while (within - without > 1) {
    const middle = Math.floor((without + within) / 2);
    if (wholeAt(middle).depth >= wanted) within = middle;
    else without = middle;
  }
  const { end } = wholeAt(within - 1);
  return attempts < MOST_ATTEMPTS ? end + 1 : undefined;
}

function depthOf(value: unknown, path: readonly PropertyKey[]): number {
  let inner = value;
  for (const [depth, key] of path.entries()) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return depth;
    inner = (inner as Record<PropertyKey, unknown>)[key];
  }
  return path.length;
}
