// Texts on a terminal: makes control characters visible, and counts the columns of a text.
import { own } from '../own.ts';

/** Control characters, characters that change the direction of a line, and separators that some programs take for line ends. */
const HIDDEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Nearly every text: each character takes one column, and none is hidden. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Returns a text on one line: what a terminal would act on is written as `\n`, `\x1b` or `\u202e`. */
export function visible(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(HIDDEN, sign => {
    const code = sign.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return own(SHORT, sign) ?? (code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`);
  });
}

/** The same for a line of a file, whose tabs stay. */
export function visibleLine(line: string): string {
  return line.split('\t').map(visible).join('\t');
}

/** UAX #11: characters of two columns. */
const WIDE =
  /[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
/** Marks above or below another character, and invisible characters. */
const NARROW = /[\p{Mn}\p{Me}\u200b-\u200f\u2060\ufeff]/u;

function columnsOfOne(character: string): number {
  if (PLAIN.test(character)) return 1;
  if (NARROW.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Returns the number of terminal columns that a text takes. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

/** Cuts a text to a number of columns, with `…` for the rest; splits no character. */
export function cutTo(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    const more = columnsOfOne(character);
    if (used + more > columns - 1) break;
    kept += character;
    used += more;
  }
  return columns < 1 ? '' : `${kept}…`;
}

/** Adds spaces before (`start`) or after (`end`) a text, so that it takes that many columns. */
export function padded(text: string, columns: number, side: 'start' | 'end'): string {
  const spaces = ' '.repeat(Math.max(0, columns - columnsOf(text)));
  return side === 'start' ? spaces + text : text + spaces;
}
