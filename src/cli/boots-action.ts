// `muster boots`: the boots in progress, the rate of image transfers, and the nodes in the queue.
import { BOOTS, type ShownBoots, type Transfer } from '../api/boots.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { isForPrograms, printData } from './listing.ts';
import { action } from './table.ts';
import { humanBytes, humanSpan } from './terminal.ts';

export const bootsShow = action({
  name: 'boots',
  summary: 'show the boots in progress: their stages, and image transfers with rate and time left',
  options: [{ flags: '-l, --long', meaning: 'show a line for each image transfer and each node in the queue' }],
  examples: ['muster boots', 'watch -n 2 muster boots -l'],
  async run({ client, given, terminal }) {
    const shown = await client.call(BOOTS.underWay);
    if (isForPrograms(given)) printData(terminal, given, shown);
    else terminal.write(bootsText(shown, Boolean(given.options.long)));
    return 0;
  },
});

/** Returns a summary by stage, and the images on one line, or with `long` on one line each. */
export function bootsText({ boots, transfers }: ShownBoots, long: boolean): string {
  if (boots.length === 0 && transfers.length === 0) return 'No boots are in progress.\n';
  const lines: string[] = [];
  const groups = new Map<string, string[]>();
  for (const { node, stage, reason } of boots) {
    const key = reason ? `stuck: ${reason}` : stage;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  for (const [stage, nodes] of groups) lines.push(`${stage}: ${nodes.length} (${foldNodeSet(nodes)})`);
  const running = transfers.filter(item => item.state === 'running');
  const queued = transfers.filter(item => item.state === 'queued');
  if (transfers.length > 0) {
    const rate = running.reduce((sum, item) => sum + (item.rate ?? 0), 0);
    const left = transfers.reduce((sum, item) => sum + item.size - item.done, 0);
    const rest = rate > 0 ? `, ${humanSpan(left / rate)} remaining` : '';
    lines.push(
      `images: ${running.length} running, ${queued.length} queued, ${humanBytes(rate)}/s, ${humanBytes(left)} to send${rest}`,
    );
  }
  if (long) lines.push(...running.map(runningLine), ...queued.map(queuedLine));
  return `${lines.join('\n')}\n`;
}

function runningLine({ node, done, size, rate = 0, seconds }: Transfer): string {
  const part = size === 0 ? 100 : Math.floor((done / size) * 100);
  const rest = seconds === undefined ? '' : `, ${humanSpan(seconds)} remaining`;
  return `  ${node}: ${part} % of ${humanBytes(size)}, ${humanBytes(rate)}/s${rest}`;
}

function queuedLine({ node, place, seconds }: Transfer): string {
  return `  ${node}: place ${place} in the queue${seconds === undefined ? '' : `, starts in ${humanSpan(seconds)}`}`;
}
