// The nearest right word to a wrong one, for every "did you mean".

/** The candidate with the fewest edits to `word`, when it is near enough to be meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    // Most candidates need no comparison of letters, and a word of megabytes is like none.
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Returns `did you mean 'X'?` for a wrong word, or the other text when no right one is near. */
export function didYouMean(word: string, candidates: readonly string[], otherwise = ''): string {
  const close = nearest(word, candidates);
  return close === undefined ? otherwise : `did you mean '${close}'?`;
}

/** Levenshtein's distance: insertions, deletions, replacements. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
