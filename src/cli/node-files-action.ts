// `muster node files`: how far running nodes are with the files of their file sets, and the release of changes to them.
import { setTimeout as pause } from 'node:timers/promises';
import { NODE_FILES, type NodeFilesState } from '../api/node-files.ts';
import { MusterError } from '../errors.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { previewText } from './files/preview-action.ts';
import { countOf } from './given.ts';
import { isForPrograms, printData } from './listing.ts';
import { chosen, selection } from './selection.ts';
import { action, type Context } from './table.ts';
import { humanTime } from './terminal.ts';
import { visible } from './visible.ts';

/** Milliseconds between two checks of nodes that take their files. */
const LOOK_MS = 1000;

export const nodeFiles = action({
  name: 'files',
  words: '[apply]',
  takes: { words: ['apply'] },
  summary:
    'show how far running nodes are with the files of their file sets: in-step, pending, failed, locally-changed. `apply` releases changes to nodes with _files_live=manual',
  options: [
    { flags: '--diff', meaning: 'show what changes on the nodes: paths, and lines of files that are not secret' },
    {
      flags: '--canary <count>',
      meaning: 'with apply: release to this number of nodes first, and to the others once these are in step',
    },
    { flags: '--timeout <seconds>', meaning: 'with --canary: the longest wait; default 300' },
  ],
  examples: [
    'muster node -i n[0-9] files',
    'muster node --all files --diff',
    'muster node -i n[0-9] files apply --canary 2',
  ],
  async run(context) {
    const { client, given, terminal } = context;
    const [word, ...more] = given.words;
    if (more.length > 0 || (word !== undefined && word !== 'apply'))
      throw new MusterError('bad-usage', "'files' takes the word apply, or none; -i selects nodes");
    if (word === 'apply') return apply(context, given.options);
    const query = chosen(given);
    if (given.options.diff) {
      const found = await client.call(NODE_FILES.preview, { query });
      if (isForPrograms(given)) printData(terminal, given, found);
      else terminal.write(previewText(terminal, found));
      return found.failed.length > 0 ? 1 : 0;
    }
    return print(context, await client.call(NODE_FILES.states, { query }));
  },
});

/** Prints one line for all nodes with the same state, reason and sets; returns the exit status. */
function print({ given, terminal }: Context, states: readonly NodeFilesState[]): number {
  if (isForPrograms(given)) printData(terminal, given, states);
  else {
    const groups = new Map<string, NodeFilesState[]>();
    for (const one of states) {
      const { state, reason, sets } = one;
      const line = `${state}${reason === undefined ? '' : `: ${visible(reason)}`} [${sets.join(', ') || 'no file sets'}]`;
      groups.set(line, [...(groups.get(line) ?? []), one]);
    }
    const texts = Array.from(groups, ([line, nodes]) => {
      return `${foldNodeSet(nodes.map(({ name }) => name))}: ${line}${sinceText(nodes)}\n`;
    });
    terminal.write(texts.join(''));
  }
  return states.some(({ state }) => state === 'failed') ? 1 : 0;
}

/** Returns since when the first and the last of these nodes have been in their state. */
function sinceText(nodes: readonly NodeFilesState[]): string {
  const times = nodes.flatMap(({ since }) => since ?? []).sort((left, right) => left - right);
  const [first, last] = [times.at(0), times.at(-1)].map(time => time !== undefined && humanTime(time));
  if (!first || !last) return '';
  return first === last ? ` since ${first}` : ` since ${first} to ${last}`;
}

async function apply(context: Context, options: { canary?: unknown; timeout?: unknown }): Promise<number> {
  const { client, given, terminal } = context;
  const canary = countOf('--canary', options.canary, 0);
  const timeout = countOf('--timeout', options.timeout, 300);
  const { dry_run: isDry, ...query } = selection(context, 'files apply');
  const pending = async (): Promise<NodeFilesState[]> =>
    (await client.call(NODE_FILES.states, { query })).filter(({ state }) => state === 'pending');
  if (isDry) {
    const status = print(context, await pending());
    if (!isForPrograms(given)) terminal.write('Dry run: nothing was released.\n');
    return status;
  }
  if (canary > 0) {
    const waiting = await pending();
    const first = waiting.slice(0, canary).map(({ uid }) => uid);
    if (first.length > 0) {
      await client.call(NODE_FILES.release, { query: { id: first } });
      const bad = (await settled(context, first, timeout)).filter(
        ({ state }) => state !== 'in-step' && state !== 'locally-changed',
      );
      if (bad.length > 0) {
        print(context, bad);
        throw new MusterError(
          'timed-out',
          `The first ${first.length} nodes are not in step, so the others keep their files. Correct the file set and apply it again.`,
        );
      }
    }
  }
  return print(context, await client.call(NODE_FILES.release, { query }));
}

/** Waits until no node is pending, or the time is over. */
async function settled({ client }: Context, id: string[], seconds: number): Promise<NodeFilesState[]> {
  for (let round = 0; ; round++) {
    const states = await client.call(NODE_FILES.states, { query: { id } });
    if (!states.some(({ state }) => state === 'pending') || round * LOOK_MS >= seconds * 1000) return states;
    await pause(LOOK_MS);
  }
}
