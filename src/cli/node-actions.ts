// Actions that only nodes have: groups, status, timeline, explain, why, and unknown machines.
import { BOOTS, type ShownTimelines, type Timeline } from '../api/boots.ts';
import { MEMBERS } from '../api/members.ts';
import { type Explained, NODES, type ShownStatus, type ShownWhy } from '../api/nodes.ts';
import { GOOD_STATES, STATE_WORDS } from '../boot/states.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { printChanged } from './differences.ts';
import { countOf } from './given.ts';
import { isForPrograms, listText, printData } from './listing.ts';
import { asksForStages, explainStages, REHEARSAL_OPTIONS } from './rehearse-action.ts';
import { chosen, selection } from './selection.ts';
import { type Action, action, type Context } from './table.ts';
import { humanBytes, humanSpan, humanTime } from './terminal.ts';

const changeGroups =
  (action: 'join' | 'leave') =>
  async (context: Context): Promise<number> => {
    const query = selection(context, action);
    printChanged(
      context,
      await context.client.call(MEMBERS.changeGroups, { query, body: { [action]: context.given.words } }),
    );
    return 0;
  };

export const joinGroups: Action = {
  name: 'join',
  words: '<groups...>',
  takes: { names: 'attrib' },
  summary: 'add the nodes to attribute groups, as their last groups',
  examples: ['muster node -i n[0-3] join gpu'],
  run: changeGroups('join'),
};

export const leaveGroups: Action = {
  name: 'leave',
  words: '<groups...>',
  takes: { names: 'attrib' },
  summary: 'remove the nodes from attribute groups',
  examples: ['muster node -i n3 leave gpu'],
  run: changeGroups('leave'),
};

export const nodeStatus = action({
  name: 'status',
  words: '[names...]',
  takes: 'names',
  summary: `show the state of the nodes and the reason: ${STATE_WORDS}`,
  options: [
    { flags: '-l, --long', meaning: 'show the facts of the last heartbeat as well' },
    { flags: '--check', meaning: `exit with status 1 unless every node is ${GOOD_STATES.join(' or ')}` },
  ],
  examples: ['muster node status', 'muster node -i n0 status -l', 'muster node --all status --check --quiet'],
  async run(context) {
    const { client, given, terminal } = context;
    const statuses = await client.call(NODES.status, { query: chosen(given, given.words) });
    if (isForPrograms(given)) printData(terminal, given, statuses);
    else if (given.options.long) terminal.write(longStatus(statuses, given));
    else if (!given.quiet) terminal.write(statuses.length === 0 ? 'There are no nodes.\n' : shortStatus(statuses));
    // An answered question is a success, whatever the answer.
    return given.options.check && !statuses.every(({ state }) => GOOD_STATES.includes(state)) ? 1 : 0;
  },
});

/** Returns one line for all nodes with the same state and reason: `n[0-37,39]: up`. */
function shortStatus(statuses: readonly ShownStatus[]): string {
  const groups = new Map<string, string[]>();
  for (const { name, state, reason } of statuses) {
    const line = reason ? `${state}: ${reason}` : state;
    groups.set(line, [...(groups.get(line) ?? []), name]);
  }
  return Array.from(groups, ([line, names]) => `${foldNodeSet(names)}: ${line}\n`).join('');
}

function longStatus(statuses: readonly ShownStatus[], given: Context['given']): string {
  const shown = statuses.map(({ uid, name, state, reason, lastSeen, facts, hardware }) => ({
    uid,
    revision: 0,
    created: 0,
    modified: 0,
    name,
    state,
    ...(reason && { reason }),
    ...(lastSeen && { last_seen: lastSeen }),
    status: facts,
    hardware,
  }));
  return listText(shown, given, { title: 'Nodes', detail: 'long', now: Date.now() });
}

export const nodeTimeline = action({
  name: 'timeline',
  words: '[names...]',
  takes: 'names',
  summary: 'show the last boot stage by stage, with times, bytes and peers, and earlier boots in one line each',
  options: [
    { flags: '--boots <count>', meaning: 'show this many boots stage by stage, newest last; default: 1' },
    { flags: '-l, --long', meaning: 'show the syslog messages of the node as well' },
  ],
  examples: ['muster node -i n0 timeline', 'muster node -i n0 timeline --boots 5'],
  async run(context) {
    const { client, given, terminal } = context;
    const nodes = await client.call(BOOTS.timeline, { query: chosen(given, given.words) });
    const count = countOf('--boots', given.options.boots, 1);
    const cut = nodes.map(node => ({ ...node, boots: node.boots.slice(-count) }));
    if (isForPrograms(given)) printData(terminal, given, cut);
    else for (const node of nodes) terminal.write(timelineText(context, node, count, given.options.long === true));
    return 0;
  },
});

/** @param count how many of the newest boots to print completely; `long` adds the node's syslog messages */
function timelineText(
  { terminal }: Pick<Context, 'terminal'>,
  node: ShownTimelines,
  count: number,
  long: boolean,
): string {
  const head = `${terminal.bold(node.name)} (${node.mac}, ${node.ip}): ${node.state}\n`;
  if (node.boots.length === 0) return `${head}  No boots seen.\n`;
  const earlier = node.boots.slice(0, -count).map(boot => {
    const reason = boot.reason && boot.outcome !== 'up' ? `, ${boot.reason}` : '';
    return `${terminal.dim(`${headLine(boot)}${reason}`)}\n`;
  });
  const whole = node.boots.slice(-count).map(boot => bootText(terminal, boot, long));
  return head + earlier.join('') + whole.join('\n');
}

function headLine(boot: Timeline): string {
  const image = boot.image ? `, image ${boot.image}` : '';
  const booted = boot.boot_config ? `${boot.boot_config} as ${boot.style}${image}` : 'no script yet';
  const what = boot.style === 'installed' ? 'its installed system' : booted;
  const took = boot.seconds === undefined ? '' : ` in ${boot.seconds.toFixed(1)} s`;
  return `  Boot ${boot.id}, ${humanTime(boot.started)}: ${what}: ${boot.outcome}${took}`;
}

function bootText(terminal: Context['terminal'], boot: Timeline, long: boolean): string {
  const lines = [headLine(boot)];
  const isBefore = ({ at }: { at: number }): boolean => at < boot.started;
  lines.push(...boot.actions.filter(isBefore).map(action => actionLine(terminal, boot, action)));
  for (const row of boot.rows) {
    const time = row.seconds === undefined ? '' : `${row.seconds.toFixed(2)} s`;
    const words = row.error
      ? terminal.red(row.error)
      : (row.detail ?? (row.skipped ? terminal.dim(`(${row.skipped})`) : ''));
    const facts = [...(row.bytes ? [humanBytes(row.bytes)] : []), ...(row.peer ? [`from ${row.peer}`] : [])];
    const bytes = facts.length > 0 ? ` ${terminal.dim(`[${facts.join(', ')}]`)}` : '';
    const reached = row.error ? terminal.red('✗') : row.at === undefined ? ' ' : terminal.green('✓');
    lines.push(
      `  ${String(row.number).padStart(4)} ${reached} ${row.stage.padEnd(10)} ${time.padStart(10)}  ${words}${bytes}`.trimEnd(),
    );
  }
  lines.push(...boot.actions.filter(action => !isBefore(action)).map(action => actionLine(terminal, boot, action)));
  lines.push(...messageLines(terminal, boot, long));
  if (boot.reason) lines.push(`  ${boot.outcome === 'failed' ? terminal.red('Failed') : 'Waiting'}: ${boot.reason}`);
  return `${lines.join('\n')}\n`;
}

/** Always prints the last few errors; the rest only with `-l`. RFC 5424 §6.2.1: 3 is an error. */
function messageLines(terminal: Context['terminal'], boot: Timeline, long: boolean): string[] {
  const shown = long ? boot.messages : boot.messages.filter(({ severity }) => severity <= 3).slice(-3);
  const rest = boot.messages.length - shown.length;
  const lines = shown.map(({ at, severity, app = 'said', text }) => {
    const time = `${((at - boot.started) / 1000).toFixed(2)} s`;
    return `         ${app.slice(0, 10).padEnd(10)} ${time.padStart(10)}  ${severity <= 3 ? terminal.red(text) : text}`;
  });
  return rest > 0 ? [...lines, terminal.dim(`         and ${rest} more messages from the node: timeline -l`)] : lines;
}

/** Returns the power actions on the node, with their seconds before or after the start of the boot. */
function actionLine(
  terminal: Context['terminal'],
  boot: Timeline,
  { at, text, error }: Timeline['actions'][number],
): string {
  const time = `${((at - boot.started) / 1000).toFixed(2)} s`;
  return `       ${error ? terminal.red('✗') : ' '} ${'power'.padEnd(10)} ${time.padStart(10)}  ${error ? terminal.red(text) : text}`;
}

export const nodeExplain = action({
  name: 'explain',
  words: '[names...]',
  takes: 'names',
  summary:
    'show what a node would boot now and where each attribute comes from; with --arch, --update or --clear also each stage, like `muster boot explain`',
  options: REHEARSAL_OPTIONS,
  examples: ['muster node -i n0 explain', 'muster node -i n37 explain --update _boot_style=roram'],
  async run(context) {
    const { client, given, terminal } = context;
    if (asksForStages(given)) return explainStages(context);
    const nodes = await client.call(NODES.explain, { query: chosen(given, given.words) });
    if (isForPrograms(given)) printData(terminal, given, nodes);
    else for (const node of nodes) terminal.write(explainText(context, node));
    return 0;
  },
});

function explainText({ terminal }: Context, node: Explained): string {
  const lines = [terminal.bold(node.name), ...node.words.map(sentence => `  ${sentence}`), '  Attributes:'];
  for (const [name, { value, source, shadows }] of Object.entries(node.attributes).sort()) {
    lines.push(`    ${name}=${value}  ${terminal.dim(`from ${source}`)}`);
    for (const hidden of shadows) lines.push(`      ${terminal.dim(`hides ${hidden.value} of ${hidden.source}`)}`);
  }
  return `${lines.join('\n')}\n`;
}

export const nodeWhy = action({
  name: 'why',
  words: '[names...]',
  takes: 'names',
  summary: 'show why a node is not up: the cause and the remedy',
  options: [{ flags: '-l, --long', meaning: 'show the evidence as well' }],
  examples: ['muster node -i n37 why', 'muster node --down why'],
  async run(context) {
    const { client, given, terminal } = context;
    const nodes = await client.call(NODES.why, { query: chosen(given, given.words) });
    if (isForPrograms(given)) printData(terminal, given, nodes);
    else
      terminal.write(
        nodes.length === 0 ? 'There are no nodes.\n' : whyText(context, nodes, given.options.long === true),
      );
    return nodes.every(({ verdict }) => verdict === 'well' || verdict === 'waiting') ? 0 : 1;
  },
});

/** Nodes with the same answer share it: at three in the morning, 400 of them have one cause. */
function whyText({ terminal }: Pick<Context, 'terminal'>, nodes: readonly ShownWhy[], long: boolean): string {
  const groups = new Map<string, string[]>();
  for (const { name, cause, remedy, settle, evidence } of nodes) {
    const seen = long ? evidence.map(line => `  seen: ${line}\n`).join('') : '';
    const guess = settle ? `  This is a guess. To be sure, ${settle}.\n` : '';
    const words = ` ${cause}\n${remedy ? `  ${remedy}\n` : ''}${guess}${seen}`;
    groups.set(words, [...(groups.get(words) ?? []), name]);
  }
  return Array.from(groups, ([words, names]) => `${terminal.bold(`${foldNodeSet(names)}:`)}${words}`).join('');
}

export const nodeUnknown: Action = {
  name: 'unknown',
  selects: false,
  summary: 'list machines that requested an address and belong to no node',
  examples: ['muster node unknown'],
  async run({ client, given, terminal }) {
    const machines = await client.call(NODES.unknown);
    if (isForPrograms(given)) printData(terminal, given, machines);
    else if (machines.length === 0) terminal.write('No unknown machines have requested an address.\n');
    for (const { mac, last, count, arch, vendor, where, ip } of isForPrograms(given) ? [] : machines) {
      terminal.write(
        `${mac}  ${humanSpan((Date.now() - last) / 1000)} ago, ${count} ${count === 1 ? 'time' : 'times'}, ${where}${ip === undefined ? '' : `, has ${ip}`}  ${arch}  ${vendor}\n`,
      );
    }
    return 0;
  },
};
