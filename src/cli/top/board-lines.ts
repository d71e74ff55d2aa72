// The board as lines of a screen, from the daemon's data and the size of the screen. Pure.
import type { Board, BoardRow, BoardSort } from '../../api/boots.ts';
import { JOURNEY } from '../../boot/journey.ts';
import type { NodeState } from '../../boot/states.ts';
import { humanBytes, humanSpan } from '../terminal.ts';

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'reverse';
export type Paint = (colour: Colour, text: string) => string;

/** The administrator's view of the board. */
export interface View {
  sort: BoardSort;
  state: NodeState | undefined;
  match: string;
  /** Index of the first row shown. */
  first: number;
  /** The text typed after `/`. */
  typing?: string;
  /** Why the board is out of date; absent when it is current. */
  problem?: string;
}

/** Lines above the rows, and below them. */
const HEAD_LINES = 7;
const FOOT_LINES = 1;
/** Columns of the table before the reason. */
const NAME_WIDTH = 12;

const STATE_COLOURS: Readonly<Record<NodeState, Colour>> = {
  failed: 'red',
  booting: 'cyan',
  down: 'yellow',
  unknown: 'dim',
  local: 'dim',
  up: 'green',
};
const STATES = Object.keys(STATE_COLOURS) as NodeState[];

/** The header lines that a low screen keeps, most important first: columns, title, states, images, stages. Blank lines go first. */
const DEAREST = [6, 0, 2, 4, 3, 5, 1];
/** The line for the reason why the board is out of date. */
const PROBLEM_LINE = 1;

/** Returns how many rows of nodes a screen with this many lines shows: at least one, unless only the footer fits. */
export function rowsFor(height: number): number {
  return Math.max(0, height - headFor(height) - FOOT_LINES);
}

function headFor(height: number): number {
  return Math.min(HEAD_LINES, Math.max(0, height - FOOT_LINES - 1));
}

/** Returns exactly `height` lines, none wider than `width`. */
export function screenLines(
  board: Board | undefined,
  view: View,
  size: { width: number; height: number },
  paint: Paint,
): string[] {
  const { width, height } = size;
  const lines = board ? boardLines(board, width, paint) : ['muster top', ''];
  const hasProblem = view.problem !== undefined;
  if (view.problem !== undefined) lines[PROBLEM_LINE] = paint('red', fitted(view.problem, width));
  const kept = (hasProblem ? [PROBLEM_LINE, ...DEAREST] : DEAREST).slice(0, headFor(height));
  const head = lines.slice(0, HEAD_LINES).filter((_line, index) => kept.includes(index));
  const body = [...head, ...lines.slice(HEAD_LINES)].slice(0, Math.max(0, height - FOOT_LINES));
  while (body.length < height - FOOT_LINES) body.push('');
  return [...body, paint('reverse', fitted(footOf(board, view, rowsFor(height)), width).padEnd(width))];
}

/** Returns the board without a screen, in as many lines as it takes. */
export function boardLines(board: Board, width: number, paint: Paint): string[] {
  const { head, version, uptime, nodes, at } = board;
  const time = new Date(at).toISOString().slice(11, 19);
  const table = board.rows.map(row => rowLine(row, width, paint));
  return [
    paint(
      'bold',
      fitted(
        `muster top  ${head}  ${time} UTC  musterd ${version}, running for ${humanSpan(uptime)}  ${nodes} nodes`,
        width,
      ),
    ),
    '',
    pieces(
      'States',
      STATES.map(state => [`${state} ${board.states[state]}`, board.states[state] > 0 ? STATE_COLOURS[state] : 'dim']),
      width,
      paint,
    ),
    pieces(
      'Stages',
      JOURNEY.slice(0, -1).map(({ name }) => [
        `${name} ${board.stages[name]}`,
        board.stages[name] > 0 ? 'cyan' : 'dim',
      ]),
      width,
      paint,
    ),
    pieces(
      'Images',
      [
        [imagesText(board), board.images.running > 0 ? 'cyan' : 'dim'],
        [`power: on ${board.power.on}, off ${board.power.off}, unknown ${board.power.unknown}`, 'dim'],
      ],
      width,
      paint,
    ),
    '',
    paint(
      'bold',
      fitted(
        `${'NODE'.padEnd(NAME_WIDTH)} ${'STATE'.padEnd(8)} ${'STAGE'.padEnd(10)} ${'PWR'.padEnd(3)} ${'QUIET'.padStart(8)} ${'SINCE'.padStart(8)}  WHY`,
        width,
      ),
    ),
    ...table,
  ];
}

function imagesText({ images }: Board): string {
  const { running, queued, rate, left, seconds } = images;
  if (running + queued === 0) return 'none in progress';
  const rest = seconds === undefined ? '' : `, ${humanSpan(seconds)} remaining`;
  return `${running} running, ${queued} queued, ${humanBytes(rate)}/s, ${humanBytes(left)} to send${rest}`;
}

/** Returns as many coloured words as fit on one line. */
function pieces(title: string, words: readonly (readonly [string, Colour])[], width: number, paint: Paint): string {
  let used = title.length + 1;
  let line = title.padEnd(7);
  for (const [word, colour] of words) {
    const room = width - used - 1;
    if (room < 4) break;
    const text = fitted(word, room);
    line += ` ${paint(colour, text)} `;
    used += text.length + 2;
  }
  return line.trimEnd();
}

function rowLine(row: BoardRow, width: number, paint: Paint): string {
  const { name, state, stage = '', power = '', quiet, seconds } = row;
  const span = (value: number | undefined): string => (value === undefined ? '-' : longSpan(value)).padStart(8);
  const before = `${fitted(name, NAME_WIDTH).padEnd(NAME_WIDTH)} `;
  const middle = ` ${stage.padEnd(10)} ${power.padEnd(3)} ${span(quiet)} ${span(state === 'up' ? undefined : seconds)}  `;
  const room = width - before.length - 8 - middle.length;
  const why = room > 0 ? fitted(reasonOf(row), room) : '';
  const isBad = row.verdict === 'failed' || row.verdict === 'stuck';
  const line = before + paint(STATE_COLOURS[state], state.padEnd(8)) + middle + (isBad ? why : paint('dim', why));
  return room > 0 ? line : fitted(before + state.padEnd(8) + middle, width);
}

function reasonOf({ transfer, cause, state }: BoardRow): string {
  if (!transfer || state === 'failed') return cause;
  if (transfer.state === 'queued') return `waiting for its image: place ${transfer.place ?? '?'} in the queue`;
  const part = transfer.size === 0 ? 100 : Math.floor((transfer.done / transfer.size) * 100);
  const rest = transfer.seconds === undefined ? '' : `, ${humanSpan(transfer.seconds)} remaining`;
  return `image ${part} % of ${humanBytes(transfer.size)}, ${humanBytes(transfer.rate ?? 0)}/s${rest}`;
}

/** `0:03:12`, and days from a hundred hours on. */
function longSpan(seconds: number): string {
  return seconds < 360_000 ? humanSpan(seconds) : `${Math.floor(seconds / 86_400)} days`;
}

/** @param most how many rows the screen shows */
function footOf(board: Board | undefined, { sort, state, match, first, typing }: View, most: number): string {
  if (typing !== undefined) return ` name contains: ${typing}_   Enter: filter  Esc: cancel`;
  const matched = board?.matched ?? 0;
  const shown = Math.min(most, board?.rows.length ?? 0, matched - first);
  const rows =
    shown > 0 ? `${first + 1}-${first + shown} of ${matched}` : matched === 0 ? 'no rows' : `0 of ${matched}`;
  const filter = match === '' ? '' : ` '${match}'`;
  return ` ${rows}  q quit  s sort: ${sort}  f state: ${state ?? 'all'}  / name${filter}  arrows PgUp PgDn Home End`;
}

/** Cuts a text to a number of characters, without terminal control sequences. */
function fitted(text: string, width: number): string {
  const plain = text.replace(/\p{Cc}/gu, '?');
  return plain.length <= width ? plain : `${plain.slice(0, Math.max(0, width - 1))}…`;
}
