// Words as a POSIX shell reads them back.

/** Returns a word in single quotes. */
export function inQuotes(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Returns a word as it is when no shell changes it, else in single quotes. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : inQuotes(word);
}

export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}
