// A cluster of ten thousand nodes: what an administrator waits for, from the command line to its last word, and what it costs in memory.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient } from '../../src/api/client.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import { packageRoot } from '../../src/package-root.ts';
import { runOk } from '../../src/process/run.ts';
import { type BenchRow, median, row } from './row.ts';

const NODES = 10_000;

/** Seconds that an administrator may be made to wait. */
const CEILING = 1;

/** Each command with words that must be in its output, so that a fast failure is no success. */
const COMMANDS: readonly { name: string; words: string[]; says: string }[] = [
  { name: 'ls', words: ['ls'], says: 'n9999' },
  { name: 'ls -l', words: ['ls', '-l'], says: 'n9999' },
  {
    name: '-s with a field and an attribute',
    words: ['-s', "index >= 9000 and attributes[rack] == 'r7'", 'ls'],
    says: 'n9007',
  },
  { name: '-s with a status', words: ['-s', 'status[ram_free] < 1GB', 'ls'], says: 'Nodes' },
  { name: '-i n[0-9999] ls', words: ['-i', 'n[0-9999]', 'ls'], says: 'n9999' },
];

/** The time of the whole command, the start of its process included. Needs nothing but this repository. */
export async function* benchCluster(rounds = 5): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const daemon = await startDaemon(folder);
  try {
    const idle = await residentMegabytes(daemon);
    const client = new AdminClient({ socket: join(folder, 'run/admin.sock') });
    await client.call(OBJECTS.update, {
      kind: 'pool',
      query: { all: 'true' },
      body: { ip_base: '10.54.16.0', size: 2 * NODES },
    });
    await client.close();
    const file = join(folder, 'nodes.json');
    await writeFile(file, JSON.stringify(newNodes()));
    yield limit('create from one JSON file', await seconds(folder, ['create', '--content', `@${file}`], ''));
    for (const { name, words, says } of COMMANDS)
      yield limit(name, await medianOf(rounds, async () => seconds(folder, words, says)));
    let value = 0;
    const set = async (): Promise<number> => {
      value += 1;
      return seconds(folder, ['--all', 'set', `role=r${value}`], '');
    };
    yield limit('--all set role=…', await medianOf(rounds, set));
    yield row({
      case: `resident memory with ${NODES} nodes, after all this`,
      ours: await residentMegabytes(daemon),
      peer: idle,
      peerName: 'the same without nodes',
      unit: 'MiB',
      higherIsBetter: false,
    });
  } finally {
    daemon.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

function limit(name: string, ours: number): BenchRow {
  return row({
    case: `${NODES} nodes: ${name}`,
    ours,
    peer: CEILING,
    peerName: 'the ceiling',
    unit: 's',
    higherIsBetter: false,
  });
}

function newNodes(): object[] {
  return Array.from({ length: NODES }, (_, index) => ({
    mac: `52:54:00:${[index >> 16, index >> 8, index].map(part => (part & 255).toString(16).padStart(2, '0')).join(':')}`,
    attributes: { rack: `r${index % 100}` },
  }));
}

async function startDaemon(folder: string): Promise<ChildProcess> {
  const file = join(packageRoot, 'dist/test/admin/serve.js');
  const child = spawn(process.execPath, [file, folder, '10.54.0.1/16'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

async function seconds(folder: string, words: readonly string[], says: string): Promise<number> {
  const begun = performance.now();
  const program = [join(packageRoot, 'dist/src/cli/bin.js'), 'node', '--socket', join(folder, 'run/admin.sock')];
  const output = await runOk(process.execPath, [...program, ...words], { keepBytes: 64 << 20 });
  if (!output.includes(says)) throw new Error(`'${words.join(' ')}' did not say ${says}: ${output.slice(0, 200)}`);
  return (performance.now() - begun) / 1000;
}

async function medianOf(rounds: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) values.push(await measure());
  return median(values);
}

async function residentMegabytes({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
