// `muster node power on|off|cycle|reset|status`, `reboot`, `shutdown`: one line for all nodes with the same result.
import type { Given } from '../api/operation.ts';
import { POWER, type PowerLine } from '../api/power.ts';
import { monotonicNow } from '../clock.ts';
import { ERRORS, MusterError } from '../errors.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { isSoft, POWER_ACTION_NAMES, type PowerAction } from '../model/power-actions.ts';
import { isForPrograms, printData } from './listing.ts';
import { refuseEmpty, type SelectionQuery, selection } from './selection.ts';
import { action, type Context, type Option, type OptionsOf } from './table.ts';

/** The actions of `power`; the actions for a running system are separate commands. */
const SWITCHES = POWER_ACTION_NAMES.filter(name => !isSoft(name));

const NEXT = [
  { flags: '--pxe', meaning: 'boot from the network at the next start only' },
  { flags: '--disk', meaning: 'boot from the disk at the next start only' },
] as const satisfies readonly Option[];

const WAIT = [
  { flags: '--wait', meaning: 'wait until the nodes are up, or down if they are switched off' },
  { flags: '--timeout <seconds>', meaning: 'the longest time that --wait waits; default: 1800' },
] as const satisfies readonly Option[];

const STAGGER = {
  flags: '--stagger <seconds>',
  meaning: 'pause between switching on two nodes; default: power.stagger_seconds',
} as const satisfies Option;

type Result = Omit<Extract<PowerLine, { type: 'result' }>, 'type'>;

export const nodePower = action({
  name: 'power',
  words: '<action> [names...]',
  takes: { words: [...SWITCHES, 'drivers'] },
  summary:
    "control power through the power_uri of each node: on, off, cycle, reset, status; 'drivers' lists the drivers",
  options: [...NEXT, STAGGER, ...WAIT],
  examples: [
    'muster node -i n[0-15] power status',
    'muster node --all power on --stagger 0.5 --wait',
    'muster node -i n3 power cycle --pxe',
    'muster node power drivers',
  ],
  async run(context) {
    const [action = '', ...names] = context.given.words;
    if (action === 'drivers') return listDrivers(context);
    const wanted = SWITCHES.find(name => name === action);
    if (wanted === undefined)
      throw new MusterError('bad-usage', `There is no 'power ${action}'; there are ${SWITCHES.join(', ')}, drivers.`);
    return act(context, wanted, names);
  },
});

const softHard = (what: string) =>
  [
    { flags: '--soft', meaning: `use only ssh: the system of the node ${what} itself` },
    { flags: '--hard', meaning: 'use only the power_uri, immediately' },
  ] as const satisfies readonly Option[];

/** The options of all actions; each action has some of them. */
type PowerOptions = OptionsOf<
  readonly [...typeof NEXT, typeof STAGGER, ...typeof WAIT, ...ReturnType<typeof softHard>]
>;

export const nodeReboot = action({
  name: 'reboot',
  words: '[names...]',
  takes: 'names',
  summary: 'reboot nodes by ssh, or through the power_uri if ssh fails or takes too long',
  options: [...softHard('reboots'), ...NEXT, STAGGER, ...WAIT],
  examples: [
    'muster node -i n0 reboot',
    'muster node -i n[0-15] reboot --soft --wait',
    'muster node -i n3 reboot --hard',
  ],
  run: async context => act(context, 'reboot', context.given.words),
});

export const nodeShutdown = action({
  name: 'shutdown',
  words: '[names...]',
  takes: 'names',
  summary: 'shut nodes down by ssh, or through the power_uri if ssh fails or takes too long',
  options: [...softHard('shuts down'), ...WAIT],
  examples: ['muster node -i n0 shutdown', 'muster node --all shutdown --soft', 'muster node -i n3 shutdown --hard'],
  run: async context => act(context, 'shutdown', context.given.words),
});

async function act(context: Context<PowerOptions>, action: PowerAction, names: readonly string[]): Promise<number> {
  const { client, given, terminal } = context;
  const query = selectionOf(context, action, names);
  const results: Result[] = [];
  const progress = new Progress(context);
  for await (const line of client.lines(POWER.power, { query, body: bodyOf(given.options, action) })) {
    if (line.type === 'progress') progress.at(line.name, line.text);
    else {
      const { type: _type, ...result } = line;
      results.push(result);
      progress.done(result.name);
    }
  }
  refuseEmpty(context, results.length);
  if (isForPrograms(given)) printData(terminal, given, results);
  else if (!given.quiet || results.some(result => result.code)) terminal.write(groupedText(results));
  for (const hint of new Set(results.flatMap(result => result.hint ?? []))) terminal.say(hint);
  return Math.max(0, ...results.map(({ code }) => (code ? ERRORS[code].exit : 0)));
}

/** `power status` without a selection means all nodes. */
function selectionOf(context: Context, action: string, names: readonly string[]): SelectionQuery {
  const { given } = context;
  const ids = [...given.ids, ...names];
  const isAll =
    action === 'status' && ids.length === 0 && given.select.length === 0 && !given.all && !given.up && !given.down;
  return selection({ ...context, client: context.client, given: { ...given, ids, all: given.all || isAll } }, action);
}

function bodyOf(options: PowerOptions, action: PowerAction): Given<typeof POWER.power>['body'] {
  const pair = <One extends 'soft' | 'pxe', Other extends 'hard' | 'disk'>(one: One, other: Other) => {
    if (options[one] && options[other])
      throw new MusterError('bad-usage', `--${one} and --${other} cannot be combined.`);
    return options[one] ? one : options[other] ? other : undefined;
  };
  const way = pair('soft', 'hard');
  const next = pair('pxe', 'disk');
  const stagger = secondsOf(options.stagger, '--stagger');
  const timeout = secondsOf(options.timeout, '--timeout');
  if (timeout !== undefined && !options.wait) throw new MusterError('bad-usage', '--timeout needs --wait.');
  return {
    action,
    ...(way && { way }),
    ...(next && { next }),
    ...(stagger !== undefined && { stagger }),
    ...(options.wait === true && { wait: true }),
    ...(timeout !== undefined && { timeout }),
  };
}

function secondsOf(option: unknown, name: string): number | undefined {
  if (option === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(String(option))) return Number(option);
  throw new MusterError('bad-usage', `${name} '${String(option)}' must be a number of seconds.`);
}

/** `n[0-37,39]: on`, then what went wrong. */
function groupedText(results: readonly Pick<Result, 'name' | 'text' | 'code'>[]): string {
  const groups = new Map<string, { names: string[]; failed: boolean }>();
  for (const { name, text, code } of results) {
    const group = groups.get(text) ?? { names: [], failed: code !== undefined };
    group.names.push(name);
    groups.set(text, group);
  }
  const lines = [...groups].sort(([, left], [, right]) => Number(left.failed) - Number(right.failed));
  return lines.map(([text, { names }]) => `${foldNodeSet(names)}: ${text}\n`).join('');
}

/** Progress lines while waiting: at most one per second, and only if something changed. */
class Progress {
  private readonly context: Context;
  private readonly states = new Map<string, string>();
  private finished = 0;
  private last = Number.NEGATIVE_INFINITY;
  private told = '';

  constructor(context: Context) {
    this.context = context;
  }

  at(name: string, text: string): void {
    this.states.set(name, text);
    this.tell();
  }

  done(name: string): void {
    this.finished += 1;
    this.states.delete(name);
    this.tell();
  }

  private tell(): void {
    if (this.states.size === 0 || monotonicNow() - this.last < 1000) return;
    const states = Array.from(this.states, ([name, text]) => ({ name, text }));
    const news = `${this.finished} done; ${groupedText(states).trimEnd().replaceAll('\n', '; ')}`;
    if (news !== this.told) this.context.terminal.say(news);
    this.told = news;
    this.last = monotonicNow();
  }
}

async function listDrivers({ client, given, terminal }: Context): Promise<number> {
  const drivers = await client.call(POWER.drivers);
  if (isForPrograms(given)) printData(terminal, given, drivers);
  else
    for (const { scheme, form, file, problem } of drivers) {
      const from = file ? `  ${file}` : '';
      terminal.write(`${scheme.padEnd(10)}${form}${from}${problem ? `  CANNOT BE USED: ${problem}` : ''}\n`);
    }
  return drivers.some(driver => driver.problem) ? 1 : 0;
}
