// `muster node -i n[0-3] waitfor up --timeout 300`: waits until all selected nodes are in a state, or fit an expression.
import { setTimeout as pause } from 'node:timers/promises';
import { NODES, type ShownStatus } from '../api/nodes.ts';
import { isNodeState, NODE_STATES, STATE_WORDS } from '../boot/states.ts';
import { monotonicNow } from '../clock.ts';
import { type ErrorCode, MusterError } from '../errors.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { isForPrograms, printData } from './listing.ts';
import { chosen } from './selection.ts';
import { action, type Context } from './table.ts';

const EVERY_MS = 500;
/** The errors of a daemon that does not answer. */
const AWAY: readonly ErrorCode[] = ['not-running', 'broken-off'];

export const waitFor = action({
  name: 'waitfor',
  words: '<state>',
  takes: { words: NODE_STATES },
  summary: `wait until all selected nodes are ${STATE_WORDS}, or fit an expression`,
  options: [{ flags: '--timeout <seconds>', meaning: 'give up after this time, with exit status 9; default: never' }],
  examples: ['muster node -i n[0-3] waitfor up --timeout 300', "muster node --all waitfor 'status[uptime] > 60'"],
  async run({ client, given, terminal }) {
    const [wanted = ''] = given.words;
    const seconds = secondsOf(given.options.timeout);
    // Queried once without the condition, because the selection does not change while waiting.
    const nodes = await client.call(NODES.status, { query: chosen(given) });
    if (nodes.length === 0)
      throw new MusterError('no-such-object', 'No node matches the selection; there is nothing to wait for.');
    // As a node set, so that the URL can hold thousands of nodes.
    const everyone = { id: foldNodeSet(nodes.map(node => node.name)) };
    const end = monotonicNow() + seconds * 1000;
    let told = '';
    const tell = (news: string): void => {
      if (news !== told) terminal.say(news);
      told = news;
    };
    const stale: Look = { now: nodes, fitting: [] };
    for (;;) {
      // A restart of the head does not end the wait: its nodes keep booting.
      const look = await looked(client, nodes, everyone, wanted).catch((error: unknown) => {
        if (!(error instanceof MusterError) || !AWAY.includes(error.code)) throw error;
        tell('musterd does not answer; still waiting');
        return stale;
      });
      const { now, fitting } = look;
      const done = new Set(fitting.map(node => node.uid));
      const missing = now.filter(node => !done.has(node.uid));
      if (missing.length === 0) {
        if (isForPrograms(given)) printData(terminal, given, now);
        else if (!given.quiet) terminal.write(`${foldNodeSet(now.map(node => node.name))}: ${wanted}\n`);
        return 0;
      }
      if (monotonicNow() >= end) throw timedOut(missing, wanted, seconds);
      if (look !== stale)
        tell(`${done.size} of ${now.length}; waiting for ${foldNodeSet(missing.map(node => node.name))}`);
      await pause(Math.min(EVERY_MS, Math.max(1, end - monotonicNow())));
    }
  },
});

interface Look {
  now: readonly ShownStatus[];
  /** Returns the nodes that meet the condition. */
  fitting: readonly ShownStatus[];
}

async function looked(
  client: Context['client'],
  nodes: readonly ShownStatus[],
  everyone: { id: string },
  wanted: string,
): Promise<Look> {
  const now = await client.call(NODES.status, { query: everyone }).catch(async (error: unknown) => {
    throw error instanceof MusterError && error.code === 'no-such-object' ? await deleted(client, nodes, error) : error;
  });
  const fitting = isNodeState(wanted)
    ? now.filter(node => node.state === wanted)
    : await client.call(NODES.status, { query: { ...everyone, select: wanted } });
  return { now, fitting };
}

/** A deleted node never meets the condition. */
async function deleted(
  client: Context['client'],
  nodes: readonly ShownStatus[],
  cause: MusterError,
): Promise<MusterError> {
  const there = new Set((await client.call(NODES.status)).map(({ uid }) => uid));
  const gone = nodes.filter(({ uid }) => !there.has(uid)).map(({ name }) => name);
  if (gone.length === 0) return cause;
  const verb = gone.length === 1 ? 'was' : 'were';
  return new MusterError('no-such-object', `${foldNodeSet(gone)} ${verb} deleted while waiting.`);
}

function secondsOf(option: unknown): number {
  if (option === undefined) return Number.POSITIVE_INFINITY;
  const seconds = Number(option);
  if (!/^\d+(\.\d+)?$/.test(String(option)))
    throw new MusterError('bad-usage', `--timeout '${String(option)}' must be a number of seconds.`);
  return seconds;
}

function timedOut(missing: readonly ShownStatus[], wanted: string, seconds: number): MusterError {
  const lines = missing
    .slice(0, 10)
    .map(({ name, state, reason }) => `${name}: ${state}${reason ? `: ${reason}` : ''}`);
  if (missing.length > 10) lines.push(`and ${missing.length - 10} more`);
  return new MusterError(
    'timed-out',
    `Not '${wanted}' after ${seconds} s: ${foldNodeSet(missing.map(node => node.name))}.`,
    {
      hint: lines.join('\n'),
    },
  );
}
