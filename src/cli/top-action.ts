// `muster top`: shows the cluster on the whole terminal and redraws it every few seconds until `q`.
import { setTimeout as delay } from 'node:timers/promises';
import { BOARD_SORTS, BOOTS, type Board, type BoardSort } from '../api/boots.ts';
import { type NodeState, STATES_BY_TROUBLE } from '../boot/states.ts';
import { monotonicNow } from '../clock.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { isForPrograms, printData } from './listing.ts';
import { action, type Context } from './table.ts';
import { boardLines, type Paint, rowsFor, screenLines, type View } from './top/board-lines.ts';
import { Screen } from './top/screen.ts';

/** Rows of a board that goes to a pipe. */
const ONCE_ROWS = 50;
/** Seconds between two boards. A board of 10,000 nodes costs the daemon some milliseconds. */
const INTERVAL = 2;
const STATES: readonly (NodeState | undefined)[] = [undefined, ...STATES_BY_TROUBLE];

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36, reverse: 7 } as const;

export const topShow = action({
  name: 'top',
  summary: 'show the cluster live: nodes by state and stage, stuck ones first with the reason, and image transfers',
  options: [
    { flags: '--once', meaning: 'print one board and exit; default without a terminal' },
    {
      flags: '--sort <order>',
      meaning: `the order of the nodes: ${BOARD_SORTS.join(', ')}`,
      takes: { words: BOARD_SORTS },
    },
    {
      flags: '--state <state>',
      meaning: 'only nodes in this state',
      takes: { words: STATES.flatMap(state => state ?? []) },
    },
    { flags: '--match <text>', meaning: 'only nodes whose name contains this' },
    { flags: '--interval <seconds>', meaning: `seconds between two boards, at least 0.5; default: ${INTERVAL}` },
  ],
  examples: ['muster top', 'muster top --state failed', 'muster top --once', 'muster top --json'],
  async run(context) {
    const { client, given, terminal } = context;
    const view = viewOf(given.options);
    const seconds = intervalOf(given.options.interval);
    const isLive = process.stdout.isTTY && process.stdin.isTTY;
    if (isLive && !given.options.once && !isForPrograms(given)) return live(context, view, seconds * 1000);
    const board = await client.call(BOOTS.board, { query: queryOf(view, ONCE_ROWS) });
    if (isForPrograms(given)) printData(terminal, given, board);
    else terminal.write(`${boardLines(board, terminal.width, painter()).join('\n')}\n`);
    return 0;
  },
});

function viewOf({ sort, state, match }: { readonly [name in 'sort' | 'state' | 'match']?: string | undefined }): View {
  // The daemon checks the words.
  return {
    sort: (sort ?? 'trouble') as BoardSort,
    state: state as NodeState | undefined,
    match: String(match ?? ''),
    first: 0,
  };
}

function intervalOf(given: unknown): number {
  const seconds = Number(given ?? INTERVAL);
  if (seconds >= 0.5 && seconds <= 3600) return seconds;
  throw new MusterError('bad-usage', `--interval '${String(given)}' must be seconds, from 0.5 to 3600.`);
}

function queryOf({ sort, state, match, first }: View, rows: number): Record<string, string> {
  return { sort, ...(state && { state }), ...(match && { match }), first: String(first), rows: String(rows) };
}

/** Returns colours, if there is a terminal and the user did not disable them. */
function painter(): Paint {
  const has = process.stdout.isTTY && !process.env['NO_COLOR'];
  return (colour, text) => (has && text !== '' ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
}

async function live({ client }: Context, view: View, milliseconds: number): Promise<number> {
  let isEnding = false;
  let tellEnd = (): void => {};
  const ended = new Promise<undefined>(resolve => {
    tellEnd = () => resolve(undefined);
  });
  let board: Board | undefined;
  let waiting = new AbortController();
  const end = (): void => {
    isEnding = true;
    tellEnd();
    waiting.abort();
  };
  const paint = painter();
  const draw = (): void => screen.draw(screenLines(board, view, screen.size, paint));
  // Rows per screen; a screen of one line has none but still scrolls.
  const page = (): number => Math.max(1, rowsFor(screen.size.height));
  const ask = async (): Promise<Board> => client.call(BOOTS.board, { query: queryOf(view, page()) });
  const screen = new Screen({
    key: name => {
      if (view.typing === undefined && name === 'q') return end();
      press(view, name, page(), board?.matched ?? 0);
      draw();
      waiting.abort();
    },
    redraw: () => {
      draw();
      waiting.abort();
    },
    end,
  });
  // Makes the first query before it takes over the screen, so that a wrong argument or a missing daemon prints one line.
  board = await ask();
  screen.open();
  try {
    while (!isEnding) {
      draw();
      waiting = new AbortController();
      await delay(milliseconds, undefined, { signal: waiting.signal }).catch(() => {});
      if (!isEnding) board = (await newer(ask(), view, ended, draw)) ?? board;
    }
  } finally {
    screen.close();
  }
  return 0;
}

/** Fetches the board; while it waits, the screen shows for how long. Retries if the daemon is gone. */
async function newer(
  asked: Promise<Board>,
  view: View,
  ended: Promise<undefined>,
  draw: () => void,
): Promise<Board | undefined> {
  const begun = monotonicNow();
  const late = setInterval(() => {
    view.problem = `musterd has not answered for ${Math.round((monotonicNow() - begun) / 1000)} s; showing the last board`;
    draw();
  }, 5000);
  try {
    const board = await Promise.race([asked, ended]);
    delete view.problem;
    if (board && view.first >= board.matched) view.first = Math.max(0, board.matched - 1);
    return board;
  } catch (error) {
    view.problem = `${reasonOf(error).split('. ')[0]}; retrying, showing the last board`;
    return undefined;
  } finally {
    clearInterval(late);
    asked.catch(() => {});
  }
}

/** Applies a key to the view. */
export function press(view: View, key: string, page: number, matched: number): void {
  if (view.typing !== undefined) type(view, key, view.typing);
  else move(view, key, page, Math.max(0, matched - page));
}

function move(view: View, key: string, page: number, last: number): void {
  const go = (to: number): void => {
    view.first = Math.min(last, Math.max(0, to));
  };
  if (key === 'up' || key === 'k') go(view.first - 1);
  else if (key === 'down' || key === 'j') go(view.first + 1);
  else if (key === 'page-up') go(view.first - page);
  else if (key === 'page-down' || key === ' ') go(view.first + page);
  else if (key === 'home') go(0);
  else if (key === 'end') go(last);
  else if (key === '/') view.typing = view.match;
  else if (key === 'escape') Object.assign(view, { match: '', state: undefined, first: 0 });
  else if (key === 's') {
    view.sort = BOARD_SORTS[(BOARD_SORTS.indexOf(view.sort) + 1) % BOARD_SORTS.length] ?? 'trouble';
    view.first = 0;
  } else if (key === 'f') {
    view.state = STATES[(STATES.indexOf(view.state) + 1) % STATES.length];
    view.first = 0;
  }
}

function type(view: View, key: string, typed: string): void {
  if (key === 'enter' || key === 'escape') {
    if (key === 'enter') Object.assign(view, { match: typed, first: 0 });
    delete view.typing;
  } else if (key === 'backspace') view.typing = typed.slice(0, -1);
  else if (key.length === 1) view.typing = (typed + key).slice(0, 64);
}
