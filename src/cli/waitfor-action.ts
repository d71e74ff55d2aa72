// `muster node -i n[0-3] waitfor up --timeout 300`: waits until all selected nodes are in a state, or fit an expression.
import { setTimeout as pause } from 'node:timers/promises';
import type { ShownStatus } from '../admin/contract.ts';
import { MusterError } from '../errors.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { printData } from './listing.ts';
import { chosen } from './selection.ts';
import type { Action } from './table.ts';

const STATES = ['up', 'down', 'booting', 'failed', 'unknown'] as const;
const EVERY_MS = 500;

export const waitFor: Action = {
  name: 'waitfor',
  words: '<state>',
  takes: { words: STATES },
  summary: 'wait until all selected nodes are up (down, booting, failed), or fit an expression',
  options: [
    { flags: '--timeout <seconds>', meaning: 'give up after this time, with exit status 9; never when not given' },
  ],
  examples: ['muster node -i n[0-3] waitfor up --timeout 300', "muster node --all waitfor 'status[uptime] > 60'"],
  async run({ client, given, terminal }) {
    const [wanted = ''] = given.words;
    const seconds = secondsOf(given.options['timeout']);
    const isState = (STATES as readonly string[]).includes(wanted);
    // Asked once without the condition: who is meant does not change while waiting.
    const nodes = await client.call<ShownStatus[]>('GET', '/api/v1/nodes/status', chosen(given));
    if (nodes.length === 0)
      throw new MusterError('no-such-object', 'No node fits the selection; there is nothing to wait for.');
    // As a node set, so that thousands of nodes fit into a URL.
    const everyone = { id: foldNodeSet(nodes.map(node => node.name)) };
    const end = Date.now() + seconds * 1000;
    let told = '';
    for (;;) {
      const now = await client.call<ShownStatus[]>('GET', '/api/v1/nodes/status', everyone);
      const fitting = isState
        ? now.filter(node => node.state === wanted)
        : await client.call<ShownStatus[]>('GET', '/api/v1/nodes/status', { ...everyone, select: wanted });
      const done = new Set(fitting.map(node => node.uid));
      const missing = now.filter(node => !done.has(node.uid));
      if (missing.length === 0) {
        if (given.json || given.yaml) printData(terminal, given, now);
        else if (!given.quiet) terminal.write(`${foldNodeSet(now.map(node => node.name))}: ${wanted}\n`);
        return 0;
      }
      if (Date.now() >= end) throw timedOut(missing, wanted, seconds);
      const news = `${done.size} of ${now.length}; waiting for ${foldNodeSet(missing.map(node => node.name))}`;
      if (news !== told) terminal.say(news);
      told = news;
      await pause(Math.min(EVERY_MS, Math.max(1, end - Date.now())));
    }
  },
};

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
    `After ${seconds} s, ${foldNodeSet(missing.map(node => node.name))} still not '${wanted}'.`,
    {
      hint: lines.join('\n'),
    },
  );
}
