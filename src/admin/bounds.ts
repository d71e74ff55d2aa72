// How large the parts of a request may be. A schema reads every entry before it refuses one, and nothing else is answered meanwhile.

/** Entries of one list or object: more than a cluster has nodes. */
const MOST_ENTRIES = 100_000;
/** Lists and objects inside each other: more than any field has. */
const MOST_DEPTH = 32;

/** Returns what is too large in a JSON value, as the rest of a sentence; undefined when nothing is. */
export function boundsProblem(value: unknown): string | undefined {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_DEPTH) return `has more than ${MOST_DEPTH} lists or objects inside each other`;
    const next: unknown[] = [];
    for (const part of level) {
      if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) continue;
      const entries = Object.values(part);
      if (entries.length > MOST_ENTRIES) return `has a list of ${entries.length} entries; ${MOST_ENTRIES} at most`;
      for (const entry of entries) if (typeof entry === 'object') next.push(entry);
    }
    level = next;
  }
  return undefined;
}
