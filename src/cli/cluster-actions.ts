// Commands about the whole cluster: settings, daemon status, audit trail, events, stored files.
import { DAEMON, type Happening, type Health } from '../api/daemon.ts';
import { NODES } from '../api/nodes.ts';
import { OBJECTS } from '../api/objects.ts';
import { STORAGE, type StoredBlob } from '../api/storage.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { readAssignments } from './assignments.ts';
import { jsonText } from './data-texts.ts';
import { printChanged } from './differences.ts';
import { countOf } from './given.ts';
import { isForPrograms, printData, printList } from './listing.ts';
import { dryRun } from './selection.ts';
import { type Action, action } from './table.ts';
import { humanBytes, humanSpan, humanTime } from './terminal.ts';

export const clusterShow = action({
  name: 'list',
  aliases: ['ls'],
  summary: 'show the settings',
  options: [
    { flags: '-l, --long', meaning: 'the same' },
    { flags: '-L, --long-long', meaning: 'the same, with all details' },
  ],
  examples: ['muster cluster ls'],
  async run({ client, given, terminal }) {
    const settings = await client.call(OBJECTS.list, { kind: 'cluster' });
    printList(terminal, given, settings, {
      title: 'Cluster',
      kind: 'cluster',
      detail: given.options.longLong ? 'full' : 'long',
      now: Date.now(),
    });
    return 0;
  },
});

export const clusterUpdate: Action = {
  name: 'update',
  words: '<field=value...>',
  takes: 'assignments',
  summary: 'change settings',
  examples: ['muster cluster update default_group=DefaultAttribs'],
  async run(context) {
    const { client, given } = context;
    const body = readAssignments(given.words);
    printChanged(
      context,
      await client.call(OBJECTS.update, { kind: 'cluster', query: { all: 'true', ...dryRun(given) }, body }),
    );
    return 0;
  },
};

export const statusShow: Action = {
  name: 'status',
  summary: 'show musterd and its nodes on one screen',
  examples: ['muster status'],
  async run({ client, given, terminal }) {
    const health = await client.call(DAEMON.health);
    const nodes = await client.call(NODES.status);
    if (isForPrograms(given)) {
      printData(terminal, given, { ...health, nodes });
      return 0;
    }
    const lines = [
      `musterd ${health.version} on ${health.name}, process ${health.pid}, running for ${humanSpan(health.uptime)}, ${humanBytes(health.memory)} of memory`,
      `boot network ${health.address}, HTTP on port ${health.http_port}`,
    ];
    if (health.tftp) lines.push(tftpLine(health.tftp));
    const byState = new Map<string, string[]>();
    for (const { name, state } of nodes) byState.set(state, [...(byState.get(state) ?? []), name]);
    lines.push(nodes.length === 0 ? 'no nodes yet: muster node create mac=…' : `${nodes.length} nodes`);
    for (const [state, names] of byState) lines.push(`  ${state}: ${names.length} (${foldNodeSet(names)})`);
    terminal.write(`${lines.join('\n')}\n`);
    return 0;
  },
};

function tftpLine({ active, finished, failed, refused, bytes }: NonNullable<Health['tftp']>): string {
  return `TFTP: ${active} transfers now, ${finished} done (${humanBytes(bytes)}), ${failed} failed, ${refused} refused`;
}

export const logShow = action({
  name: 'log',
  summary: 'show the audit trail: who changed what, newest last',
  options: [
    { flags: '--limit <count>', meaning: 'how many lines; default: 100' },
    { flags: '--node <id>', meaning: 'only changes of this node', takes: { names: 'node' } },
  ],
  examples: ['muster log', 'muster log --node n0 --limit 20'],
  async run({ client, given, terminal }) {
    const { limit, node } = given.options;
    const lines = await client.call(DAEMON.audit, {
      query: {
        limit: String(countOf('--limit', limit, 100)),
        ...(node && { node }),
      },
    });
    if (isForPrograms(given)) printData(terminal, given, lines);
    else for (const { at, who, what } of lines) terminal.write(`${humanTime(at)}  ${who}  ${what}\n`);
    return 0;
  },
});

export const eventsFollow = action({
  name: 'events',
  summary: 'print events as they happen, until Ctrl-C',
  options: [{ flags: '--follow', meaning: 'the same' }],
  examples: ['muster events', 'muster events --json'],
  async run({ client, given, terminal }) {
    for await (const happening of client.lines(DAEMON.events, {})) {
      terminal.write(given.json ? jsonText(happening, false) : `${happeningLine(happening)}\n`);
    }
    return 0;
  },
});

function happeningLine(happening: Happening): string {
  const time = humanTime(happening.at);
  if (happening.type === 'state') return `${time}  ${happening.node}  ${happening.state}`;
  if (happening.type === 'change') return `${time}  ${happening.who}  ${happening.what}`;
  if (happening.type === 'power') return `${time}  ${happening.node}  power: ${happening.text}`;
  const { stage, detail, error } = happening.event;
  return `${time}  ${happening.node}  ${stage}${error ? ` FAILED: ${error}` : detail ? `: ${detail}` : ''}`;
}

export const storageGc: Action = {
  name: 'gc',
  summary: 'remove stored files that nothing uses; --dry-run lists them, -v shows what uses the others',
  examples: ['muster storage gc --dry-run -v'],
  async run({ client, given, terminal }) {
    const found = await client.call(STORAGE.collect, { query: dryRun(given) });
    if (isForPrograms(given)) {
      printData(terminal, given, found);
      return 0;
    }
    const line = ({ sha256, size, keptBy }: StoredBlob, what: string): string => {
      const why = keptBy.length > 0 ? `: ${keptBy.slice(0, 5).join(', ')}${keptBy.length > 5 ? ', …' : ''}` : '';
      return `${sha256.slice(0, 12)}  ${humanBytes(size).padStart(10)}  ${what}${why}`;
    };
    const total = found.removed.reduce((sum, { size }) => sum + size, 0);
    const lines = [
      ...(given.verbose > 0 ? found.kept.map(blob => line(blob, 'kept')) : []),
      ...found.removed.map(blob => line(blob, given.dryRun ? 'would be removed: nothing refers to it' : 'removed')),
      ...found.missing.map(({ sha256, keptBy }) => `${sha256.slice(0, 12)}  MISSING, needed by ${keptBy.join(', ')}`),
      ...found.short.map(
        ({ sha256, size, wanted, keptBy }) =>
          `${sha256.slice(0, 12)}  TOO SHORT, ${size} of ${wanted} bytes, needed by ${keptBy.join(', ')}`,
      ),
      `${given.dryRun ? 'would free' : 'freed'} ${humanBytes(total)} in ${found.removed.length} files; ${found.kept.length} are kept`,
    ];
    terminal.write(`${lines.join('\n')}\n`);
    return found.missing.length === 0 && found.short.length === 0 ? 0 : 1;
  },
};
