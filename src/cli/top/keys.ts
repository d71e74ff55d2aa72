// Translates terminal input to names of keys. Pure.
import { own } from '../../own.ts';

const SEQUENCES: Readonly<Record<string, string>> = {
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  '\u001b[5~': 'page-up',
  '\u001b[6~': 'page-down',
  '\u001b[H': 'home',
  '\u001b[1~': 'home',
  '\u001bOH': 'home',
  '\u001b[F': 'end',
  '\u001b[4~': 'end',
  '\u001bOF': 'end',
  '\u001b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0003': 'interrupt',
  '\u001a': 'suspend',
  '\f': 'redraw',
};

/** Translates one chunk of input, which may contain several keys. Drops unknown sequences whole. */
export function keysIn(chunk: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's keys are control characters
  const words = chunk.match(/\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|./gsu) ?? [];
  return words.flatMap(word => {
    const name = own(SEQUENCES, word);
    if (name !== undefined) return [name];
    return word.length === 1 && word >= ' ' ? [word] : [];
  });
}
