// Figures in the sentences of `why`.

/** `4 s`, `3 min`, `2 h`. */
export function span(given: number): string {
  const seconds = Math.max(0, given);
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

/** Returns a size for people: `0 MiB`, `20 GiB`. */
export function size(bytes: number): string {
  return bytes < 2 ** 33 ? `${mebibytes(bytes)} MiB` : `${(bytes / 2 ** 30).toFixed(0)} GiB`;
}

/** Returns nothing for 1, else ` 3 times`. */
export function count(times: number): string {
  return times === 1 ? '' : ` ${times} times`;
}

/** Makes a sentence of a clause. */
export function sentence(text: string): string {
  const plain = text.trim();
  // iPXE and iSCSI are names.
  const first = /^i[A-Z]/.test(plain) ? 'i' : plain.charAt(0).toUpperCase();
  return `${first}${plain.slice(1)}${/[.!?]$/.test(plain) ? '' : '.'}`;
}
