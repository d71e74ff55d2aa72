// Words of a command line as people and word processors write them: a dash that is none is read as the one that was meant.

/** U+2010 to U+2015 and U+2212: hyphens, en dash, em dash, minus. */
const DASHES = /^[\u2010-\u2015\u2212]+(?=[A-Za-z])/u;

/** The words as they were meant, and a note for each that was changed. What stands behind `--` stays. */
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

/** `scyld-nodectl …` is `muster nodectl …`. */
export function wordsFor(program: string, words: readonly string[]): string[] {
  return program.startsWith('scyld-') ? [program.slice('scyld-'.length), ...words] : [...words];
}
