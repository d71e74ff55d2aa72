// The lines in which two texts differ: those outside their longest common subsequence.

/** Returns removed lines with `- ` before them and new ones with `+ `, in order. The time is the product of the lengths, so texts must be short. */
export function lineDifferences(before: readonly string[], after: readonly string[]): string[] {
  const common = commonLengths(before, after);
  const lines: string[] = [];
  let [left, right] = [0, 0];
  while (left < before.length || right < after.length) {
    if (left < before.length && right < after.length && before[left] === after[right]) {
      left += 1;
      right += 1;
    } else if (
      right >= after.length ||
      (left < before.length && at(common, left + 1, right) >= at(common, left, right + 1))
    )
      lines.push(`- ${before[left++]}`);
    else lines.push(`+ ${after[right++]}`);
  }
  return lines;
}

/** Row `i`, column `j`: the number of common lines from `before[i]` and `after[j]` on. */
function commonLengths(before: readonly string[], after: readonly string[]): number[][] {
  const lengths = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  for (let left = before.length - 1; left >= 0; left -= 1)
    for (let right = after.length - 1; right >= 0; right -= 1) {
      const row = lengths[left];
      if (row)
        row[right] =
          before[left] === after[right]
            ? at(lengths, left + 1, right + 1) + 1
            : Math.max(at(lengths, left + 1, right), at(lengths, left, right + 1));
    }
  return lengths;
}

function at(lengths: readonly number[][], left: number, right: number): number {
  return lengths[left]?.[right] ?? 0;
}
