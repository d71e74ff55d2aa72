// Which of two kernel releases is newer: runs of digits compare as numbers, so that 5.14.0-70 comes before 5.14.0-362.

/** Negative when `left` is older, positive when newer, 0 when equal. `~` sorts before the end, as in Debian and RPM. */
export function compareVersions(left: string, right: string): number {
  const a = runs(left);
  const b = runs(right);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compareRuns(a[i] ?? '', b[i] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** The newest of some releases; undefined of none. */
export function newestVersion(versions: readonly string[]): string | undefined {
  return [...versions].sort(compareVersions).at(-1);
}

function runs(version: string): string[] {
  return version.match(/\d+|~|[^\d~]+/g) ?? [];
}

function compareRuns(a: string, b: string): number {
  if (a === b) return 0;
  if (a === '~') return -1;
  if (b === '~') return 1;
  const aDigits = /^\d/.test(a);
  const bDigits = /^\d/.test(b);
  if (aDigits && bDigits) {
    const difference = BigInt(a) - BigInt(b);
    return difference === 0n ? 0 : difference < 0n ? -1 : 1;
  }
  // A number is newer than letters, and either is newer than the end: 6.1 < 6.1-rc < 6.1.2.
  if (aDigits !== bDigits && a !== '' && b !== '') return aDigits ? 1 : -1;
  return a < b ? -1 : 1;
}
