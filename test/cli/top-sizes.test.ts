// The board of `muster top` on the smallest screens: what the foot counts is what can be seen.
import test from 'ava';
import type { Board, BoardRow } from '../../src/api/boots.ts';
import { rowsFor, screenLines, type View } from '../../src/cli/top/board-lines.ts';

const row = (index: number): BoardRow => ({
  uid: String(index),
  name: `node${index}`,
  state: 'up',
  verdict: 'fine' as BoardRow['verdict'],
  rule: '',
  cause: 'up',
});
const board = {
  at: 0,
  head: 'head1',
  version: '1',
  uptime: 1,
  nodes: 20,
  matched: 20,
  states: {},
  stages: {},
  power: { on: 0, off: 0, unknown: 20 },
  images: { running: 0, queued: 0, rate: 0, left: 0 },
  rows: Array.from({ length: 20 }, (_, index) => row(index)),
} as unknown as Board;
const view = (more: Partial<View> = {}): View => ({ sort: 'name', state: undefined, match: '', first: 0, ...more });
const plain = (_colour: unknown, text: string): string => text;
const linesOf = (height: number, more?: Partial<View>): string[] =>
  screenLines(board, view(more), { width: 80, height }, plain);
const rowsIn = (lines: readonly string[]): number => lines.filter(line => /^node\d+ /.test(line)).length;

for (const height of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
  test(`a terminal of ${height} lines: as many lines, and the rows that the foot counts`, t => {
    const lines = linesOf(height);
    t.is(lines.length, height);
    const rows = rowsIn(lines);
    t.is(rows, rowsFor(height));
    t.is(rows, height === 1 ? 0 : Math.max(1, height - 8));
    t.regex(lines.at(-1) ?? '', rows === 0 ? /^ 0 of 20 / : new RegExp(`^ 1-${rows} of 20 `));
  });
  test(`a terminal of ${height} lines with a problem: the problem replaces the header first, never the row`, t => {
    const lines = linesOf(height, { problem: 'musterd has not answered' });
    t.is(lines.length, height);
    t.is(
      lines.some(line => line.startsWith('musterd has not')),
      height >= 3,
    );
    t.is(rowsIn(lines), rowsFor(height));
  });
}

test('of the head, a low terminal keeps the names of the columns and the title longest', t => {
  t.regex(linesOf(3)[0] ?? '', /^NODE/);
  t.regex(linesOf(4)[0] ?? '', /^muster top/);
  t.regex(linesOf(5)[1] ?? '', /^States/);
});
