// Encodes a text as one column of an index: a word of printable ASCII.

/** Percent-encodes the bytes of the text (UTF-8) that are not printable ASCII, and space and `%`. */
export function encodeWord(text: string): string {
  let word = '';
  for (const byte of Buffer.from(text))
    word +=
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return word;
}

/** Returns the text of a word, or undefined for what `encodeWord` cannot have written: an empty word, a bad escape, or bytes that are not UTF-8. */
export function readWord(word: string | undefined): string | undefined {
  if (!word || /%(?![0-9A-F]{2})|[^!-~]/.test(word)) return undefined;
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}
