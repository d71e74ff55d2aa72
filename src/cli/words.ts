// Repairs words of a command line that a word processor changed: other dashes are read as `-`.

/** U+2010 to U+2015 and U+2212: hyphens, en dash, em dash, minus. */
const DASHES = /^[\u2010-\u2015\u2212]+(?=[A-Za-z])/u;

/** Returns the repaired words, and a note for each change. Words after `--` stay as they are. */
export function readDashes(words: readonly string[]): { words: string[]; notes: string[] } {
  const notes: string[] = [];
  const end = words.indexOf('--');
  const read = words.map((word, position) => {
    if (!DASHES.test(word) || (end >= 0 && position > end)) return word;
    const rest = word.replace(DASHES, '');
    const meant = rest.length === 1 ? `-${rest}` : `--${rest}`;
    notes.push(`'${word}' begins with a dash that is not '-'; muster reads it as '${meant}'.`);
    return meant;
  });
  return { words: read, notes };
}

/** `scyld-nodectl …` means `muster nodectl …`. */
export function wordsFor(program: string, words: readonly string[]): string[] {
  return program.startsWith('scyld-') ? [program.slice('scyld-'.length), ...words] : [...words];
}
