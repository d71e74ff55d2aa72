// Select expressions such as `status[ram_free] < 1GB and not attributes[rack] =~ '^b'`: parsed into a tree, and evaluated for one
// object.

import { MusterError } from '../errors.ts';
import { own } from '../own.ts';
import { bad, type Token, tokensOf } from './expression-tokens.ts';

/** The place of a value: `index` is a field, `status[ram_free]` a fact below one. */
export interface Path {
  name: string;
  key?: string;
}

type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '=~' | '!~';

export type Expression =
  | { type: 'and' | 'or'; left: Expression; right: Expression }
  | { type: 'not'; inner: Expression }
  /** A path alone: whether it is present and says yes. */
  | { type: 'true'; path: Path }
  | { type: 'compare'; path: Path; operator: Operator; text: string; quantity: Quantity | undefined; pattern?: RegExp }
  /** `name in (n0, n1)`. */
  | { type: 'among'; path: Path; texts: string[] }
  /** `gpu in groups`. */
  | { type: 'contains'; path: Path; text: string };

interface Quantity {
  number: number;
  /** Whether it had a unit, and so is in bytes. */
  bytes: boolean;
}

/** Longer ones are refused, so that the parser's depth is bounded. */
const LIMIT = 1000;
const PATTERN_LIMIT = 200;

/** Bytes of each unit: kB is 1000 (SI), KiB and the bare K are 1024 (IEC 80000-13). */
const UNITS: Record<string, number> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
};

/** Facts of the agent that are kB of /proc/meminfo, which are units of 1024 bytes. */
const IN_KIB = /^ram_|_kb$/;

/** Reads an expression. Throws `bad-selection` with the character where it fails. */
export function parseExpression(text: string): Expression {
  if (text.length > LIMIT) throw new MusterError('bad-selection', `The expression is longer than ${LIMIT} characters.`);
  const parser = new Parser(text, tokensOf(text));
  return parser.whole();
}

/** Returns whether the expression holds for an object with the values of `lookUp`; undefined is an absent value. */
export function holds(expression: Expression, lookUp: (path: Path) => unknown): boolean {
  switch (expression.type) {
    case 'and':
      return holds(expression.left, lookUp) && holds(expression.right, lookUp);
    case 'or':
      return holds(expression.left, lookUp) || holds(expression.right, lookUp);
    case 'not':
      return !holds(expression.inner, lookUp);
    case 'true':
      return textsOf(lookUp(expression.path)).some(text => !/^(|0|false|no|off)$/i.test(text));
    case 'among':
      return textsOf(lookUp(expression.path)).some(text => expression.texts.includes(text));
    case 'contains':
      return textsOf(lookUp(expression.path)).includes(expression.text);
    case 'compare':
      return compare(expression, textsOf(lookUp(expression.path)));
  }
}

/** Returns the names at the left of brackets or alone, to check that they are fields. */
export function pathsOf(expression: Expression): Path[] {
  if ('left' in expression) return [...pathsOf(expression.left), ...pathsOf(expression.right)];
  return expression.type === 'not' ? pathsOf(expression.inner) : [expression.path];
}

/** A list matches if one of its items does; `!=` and `!~` hold when no item is equal or matches. */
function compare(expression: Expression & { type: 'compare' }, texts: readonly string[]): boolean {
  const { operator, text, quantity, pattern, path } = expression;
  const equal = (value: string): boolean => {
    const number = quantity && numberOf(value, path, quantity.bytes);
    return value === text || (number !== undefined && number === quantity?.number);
  };
  switch (operator) {
    case '==':
      return texts.some(equal);
    case '!=':
      return !texts.some(equal);
    case '=~':
      return texts.some(value => pattern?.test(value));
    case '!~':
      return !texts.some(value => pattern?.test(value));
    default:
      return texts.some(value => {
        const number = numberOf(value, path, quantity?.bytes === true);
        return number !== undefined && quantity !== undefined && ordered(operator, number, quantity.number);
      });
  }
}

function ordered(operator: '<' | '<=' | '>' | '>=', left: number, right: number): boolean {
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  return operator === '>' ? left > right : left >= right;
}

/** Returns a value as a number, in bytes when the other side is in bytes. */
function numberOf(value: string, { name, key }: Path, inBytes: boolean): number | undefined {
  const quantity = readQuantity(value);
  if (!quantity) return undefined;
  const kib = inBytes && !quantity.bytes && IN_KIB.test(key ?? name);
  return kib ? quantity.number * 1024 : quantity.number;
}

function readQuantity(text: string): Quantity | undefined {
  const match = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (!match) return undefined;
  const unit = (match[2] ?? '').toUpperCase();
  if (unit === '') return { number: Number(match[1]), bytes: false };
  const factor = own(UNITS, unit);
  return factor === undefined ? undefined : { number: Number(match[1]) * factor, bytes: true };
}

function textsOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(String);
  return [typeof value === 'object' ? JSON.stringify(value) : String(value)];
}

/** One method per rule: or, and, not, one test. */
class Parser {
  private readonly text: string;
  private readonly tokens: readonly Token[];
  private position = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.text = text;
    this.tokens = tokens;
  }

  whole(): Expression {
    const expression = this.either();
    if (this.next.type !== 'end') throw this.unexpected("'and', 'or' or the end");
    return expression;
  }

  private either(): Expression {
    let left = this.both();
    while (this.takeWord('or', '||')) left = { type: 'or', left, right: this.both() };
    return left;
  }

  private both(): Expression {
    let left = this.negation();
    while (this.takeWord('and', '&&')) left = { type: 'and', left, right: this.negation() };
    return left;
  }

  private negation(): Expression {
    if (this.takeWord('not', '!')) return { type: 'not', inner: this.negation() };
    if (this.takeWord('(')) {
      const inner = this.either();
      this.expect(')');
      return inner;
    }
    return this.test();
  }

  private test(): Expression {
    const first = this.value('a field such as name, attributes[x] or status[x]');
    const key = this.takeWord('[') ? this.key() : undefined;
    if (key === undefined && this.takeWord('in')) return this.membership(first);
    const path = this.path(first, key);
    const sign = this.next;
    if (sign.type !== 'sign' || !/^(==?|!=|[<>]=?|=~|!~)$/.test(sign.text)) {
      if (this.takeWord('in')) return this.among(path);
      return { type: 'true', path };
    }
    this.position += 1;
    const right = this.value('a value');
    return this.comparison(path, sign, this.withUnit(right));
  }

  /** `1 GB` is `1GB`. */
  private withUnit(number: Token): Token {
    if (number.type !== 'word' || !/^-?[\d.]+$/.test(number.text)) return number;
    const { type, text } = this.next;
    if (type !== 'word' || own(UNITS, text.toUpperCase()) === undefined) return number;
    this.position += 1;
    return { ...number, text: number.text + text };
  }

  private comparison(path: Path, sign: Token, right: Token): Expression {
    const operator = (sign.text === '=' ? '==' : sign.text) as Operator;
    const quantity = right.type === 'word' ? readQuantity(right.text) : undefined;
    if (/^[<>]/.test(operator) && !quantity)
      throw bad(
        this.text,
        right.at,
        `'${operator}' compares numbers and sizes such as 12 or 1GB, and '${right.text}' is neither`,
      );
    const pattern = operator === '=~' || operator === '!~' ? { pattern: this.pattern(right) } : {};
    return { type: 'compare', path, operator, text: right.text, quantity, ...pattern };
  }

  /** `gpu in groups`, or `name in (n0, n1)`. */
  private membership(first: Token): Expression {
    if (this.next.text === '(' && this.next.type === 'sign') return this.among(this.path(first, undefined));
    const list = this.value("a list such as groups, or '('");
    return { type: 'contains', path: this.path(list, undefined), text: first.text };
  }

  private among(path: Path): Expression {
    this.expect('(');
    const texts = [this.value('a value').text];
    while (this.takeWord(',')) texts.push(this.value('a value').text);
    this.expect(')');
    return { type: 'among', path, texts };
  }

  private path(name: Token, key: string | undefined): Path {
    if (name.type === 'text' || !/^[A-Za-z_]\w*$/.test(name.text))
      throw bad(
        this.text,
        name.at,
        `'${name.text}' is no name of a field; on the left stands a field, on the right a value`,
      );
    return { name: name.text, ...(key !== undefined && { key }) };
  }

  private key(): string {
    const { text } = this.value('a name inside the brackets');
    this.expect(']');
    return text;
  }

  private pattern({ text, at }: Token): RegExp {
    if (text.length > PATTERN_LIMIT) throw bad(this.text, at, `the pattern is longer than ${PATTERN_LIMIT} characters`);
    try {
      return new RegExp(text, 'u');
    } catch (error) {
      throw bad(this.text, at, `'${text}' is no regular expression: ${(error as Error).message.replace(/^.*: /, '')}`);
    }
  }

  private get next(): Token {
    return this.tokens[this.position] ?? { type: 'end', text: 'the end', at: this.text.length + 1 };
  }

  private takeWord(...texts: string[]): boolean {
    const { type, text } = this.next;
    if ((type !== 'word' && type !== 'sign') || !texts.includes(text)) return false;
    this.position += 1;
    return true;
  }

  private value(wanted: string): Token {
    const token = this.next;
    if (token.type !== 'word' && token.type !== 'text') throw this.unexpected(wanted);
    this.position += 1;
    return token;
  }

  private expect(text: string): void {
    if (!this.takeWord(text)) throw this.unexpected(`'${text}'`);
  }

  private unexpected(wanted: string): MusterError {
    const { type, text, at } = this.next;
    const quotes = text === '[' ? '; a value with brackets is written in quotes' : '';
    return bad(this.text, at, `${wanted} is wanted here, not ${type === 'end' ? 'the end' : `'${text}'`}${quotes}`);
  }
}
