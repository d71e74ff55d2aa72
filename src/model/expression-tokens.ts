// The words, texts and operators of a select expression.
import { MusterError } from '../errors.ts';

export interface Token {
  type: 'word' | 'text' | 'sign' | 'end';
  text: string;
  /** The character it begins at, from 1. */
  at: number;
}

const SIGNS = /^(==|!=|<=|>=|=~|!~|&&|\|\||[<>=!()[\],])/;
const WORD = /^[^\s'"()[\],<>=!&|]+/;

/** Returns the tokens of an expression, with one for the end. Throws `bad-selection` with the character that has no meaning. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const blank = /^\s+/.exec(rest)?.[0];
    if (blank) {
      at += blank.length;
      continue;
    }
    const quote = rest[0] === "'" || rest[0] === '"' ? rest[0] : undefined;
    if (quote) {
      const end = rest.indexOf(quote, 1);
      if (end < 0) throw bad(text, at + 1, `the quotation that begins with ${quote} does not end`);
      tokens.push({ type: 'text', text: rest.slice(1, end), at: at + 1 });
      at += end + 1;
      continue;
    }
    const sign = SIGNS.exec(rest)?.[0];
    const word = sign ?? WORD.exec(rest)?.[0];
    if (word === undefined) throw bad(text, at + 1, `'${rest[0]}' has no meaning here`);
    tokens.push({ type: sign === undefined ? 'word' : 'sign', text: word, at: at + 1 });
    at += word.length;
  }
  return [...tokens, { type: 'end', text: 'the end', at: text.length + 1 }];
}

/** Returns the error of an expression that cannot be read. @param at the character, from 1 */
export function bad(text: string, at: number, why: string): MusterError {
  return new MusterError('bad-selection', `The expression "${text}" cannot be read at character ${at}: ${why}.`);
}
