// `muster node -i n[0-15] exec -- CMD`: runs a command on many nodes and prints equal output once.
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type ExecLine, POWER } from '../api/power.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { quoteWord } from '../shell-words.ts';
import { isForPrograms, printData } from './listing.ts';
import { refuseEmpty, selection } from './selection.ts';
import { action, type Context } from './table.ts';

/** The most output kept per node until it is printed, in characters. */
const KEPT = 4 << 20;

/** The exit status for a node that cannot be reached, as in ssh. */
const UNREACHED = 255;

interface Outcome {
  name: string;
  lines: { stream: 'stdout' | 'stderr'; line: string }[];
  kept: number;
  status?: number;
  problem?: string;
}

export const nodeExec = action({
  name: 'exec',
  words: '<command...>',
  passesThrough: true,
  summary: 'run a command as root on nodes by ssh; exits with the highest status, 255 if a node cannot be reached',
  options: [
    {
      flags: '--stdin <input>',
      meaning: 'standard input for each node: a text, @FILE, or @- for standard input of this command',
    },
    {
      flags: '--fanout <count>',
      meaning: 'run on this many nodes at once; default: exec.fanout',
    },
    { flags: '--timeout <seconds>', meaning: 'stop the command on a node after this time' },
    { flags: '--live', meaning: 'print each line as it arrives instead of grouping lines by node' },
  ],
  examples: [
    'muster node -i n[0-15] exec -- uname -r',
    "muster node --up exec 'df -h / | tail -1'",
    'muster node -i n0 exec --stdin=@hosts -- tee /etc/hosts',
  ],
  async run(context) {
    const { client, given, terminal } = context;
    const query = selection(context, 'exec');
    const body = {
      command: commandLine(given.words),
      ...(await inputOf(given.options.stdin)),
      ...numberOf('fanout', given.options.fanout),
      ...numberOf('timeout', given.options.timeout),
    };
    const live = given.options.live === true && !isForPrograms(given);
    const outcomes = new Map<string, Outcome>();
    for await (const news of client.lines(POWER.exec, { query, body })) {
      const outcome = outcomes.get(news.name) ?? { name: news.name, lines: [], kept: 0 };
      outcomes.set(news.name, outcome);
      if ('line' in news && live) print(context, news.name, news.stream, news.line);
      else take(outcome, news);
      if (live && !('line' in news)) printEnd(context, news.name, outcome);
    }
    refuseEmpty(context, outcomes.size);
    const all = [...outcomes.values()];
    if (isForPrograms(given)) printData(terminal, given, all.map(shown));
    else if (!live) for (const group of grouped(all)) printGroup(context, group);
    return Math.max(0, ...all.map(({ status }) => status ?? UNREACHED));
  },
});

/** Joins the words with blanks for the shell of the node, like ssh and pdsh. A word that contains a blank stays one word. */
export function commandLine(words: readonly string[]): string {
  const [first = ''] = words;
  return words.length === 1 ? first : words.map(word => (/\s|^$/.test(word) ? quoteWord(word) : word)).join(' ');
}

async function inputOf(option: unknown): Promise<{ input?: string }> {
  if (option === undefined) return {};
  const given = String(option);
  if (!given.startsWith('@')) return { input: Buffer.from(given).toString('base64') };
  if (given === '@-') return { input: (await buffer(process.stdin)).toString('base64') };
  const content = await readFile(given.slice(1)).catch((error: unknown) => {
    throw new MusterError('bad-value', `--stdin: ${reasonOf(error)}`);
  });
  return { input: content.toString('base64') };
}

function numberOf(name: string, value: string | undefined): Record<string, number> {
  if (value === undefined) return {};
  if (/^\d+(\.\d+)?$/.test(String(value))) return { [name]: Number(value) };
  throw new MusterError('bad-usage', `--${name} '${String(value)}' must be a number.`);
}

function take(outcome: Outcome, news: ExecLine): void {
  if ('status' in news) outcome.status = news.status;
  else if ('problem' in news) outcome.problem = news.problem;
  else if (outcome.kept < KEPT) {
    outcome.kept += news.line.length + 1;
    outcome.lines.push({ stream: news.stream, line: news.line });
    if (outcome.kept >= KEPT) outcome.lines.push({ stream: 'stderr', line: 'further output was dropped; use --live' });
  }
}

interface Group {
  names: string[];
  outcome: Outcome;
}

/** Groups nodes with identical output and exit status. */
export function grouped(outcomes: readonly Outcome[]): Group[] {
  const groups = new Map<string, Group>();
  for (const outcome of outcomes) {
    const { lines, status, problem } = outcome;
    const key = JSON.stringify([lines, status, problem]);
    const group = groups.get(key) ?? { names: [], outcome };
    group.names.push(outcome.name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function printGroup(context: Context, { names, outcome }: Group): void {
  const label = foldNodeSet(names);
  for (const { stream, line } of outcome.lines) print(context, label, stream, line);
  printEnd(context, label, outcome);
}

function printEnd({ terminal }: Context, label: string, { status, problem }: Outcome): void {
  if (problem !== undefined) process.stderr.write(`${label}: ${terminal.red(problem)}\n`);
  else if (status !== 0) process.stderr.write(`${label}: exit status ${status ?? 'unknown'}\n`);
}

function print({ terminal }: Context, label: string, stream: 'stdout' | 'stderr', line: string): void {
  const text = `${label}: ${line}\n`;
  if (stream === 'stdout') terminal.write(text);
  else process.stderr.write(text);
}

function shown({ name, lines, status, problem }: Outcome): Record<string, unknown> {
  const of = (wanted: string): string =>
    lines.flatMap(({ stream, line }) => (stream === wanted ? [`${line}\n`] : [])).join('');
  return {
    name,
    ...(status !== undefined && { status }),
    ...(problem && { problem }),
    stdout: of('stdout'),
    stderr: of('stderr'),
  };
}
