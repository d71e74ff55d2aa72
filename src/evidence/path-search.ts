// The search for the largest packet that passes a path: which sizes to try next, and what the answers mean. Pure.

/** IPv4 passes packets of 68 bytes on every link (RFC 791 §3.2). */
export const LEAST = 68;

/** Sizes that links have, in bytes of an IP packet: the first round tries them all. */
const USUAL = [LEAST, 576, 1006, 1280, 1400, 1450, 1492, 1500, 4352, 9000];

/** Sizes tried in a round. */
const AT_ONCE = 12;

export interface Search {
  /** The most that the interface sends. */
  mtu: number;
  answered: ReadonlySet<number>;
  tried: ReadonlySet<number>;
}

export interface PathResult {
  answers: boolean;
  passes?: number;
  fails?: number;
}

/** Returns the sizes to try next; none when there is nothing more to learn. */
export function nextSizes({ mtu, answered, tried }: Search): number[] {
  if (tried.size === 0) return [...new Set([...USUAL.filter(size => size < mtu), mtu])];
  const { passes, fails } = resultOf({ mtu, answered, tried });
  if (passes === undefined || fails === undefined || fails - passes <= 1) return [];
  const gap = fails - passes;
  const step = Math.max(1, Math.floor(gap / (AT_ONCE + 1)));
  const sizes: number[] = [];
  for (let size = passes + step; size < fails && sizes.length < AT_ONCE; size += step) sizes.push(size);
  return sizes;
}

/**
 * Returns what the answers mean. A size fails when neither it nor a larger one was answered; an answer to a larger size means
 * that
 * packets get lost by chance, and then sizes in between stay unknown.
 */
export function resultOf({ answered, tried }: Search): PathResult {
  if (answered.size === 0) return { answers: false };
  const passes = Math.max(...answered);
  const above = [...tried].filter(size => size > passes);
  return { answers: true, passes, ...(above.length > 0 && { fails: Math.min(...above) }) };
}
