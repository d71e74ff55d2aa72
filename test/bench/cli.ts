// How long a person waits for a command, against a Node that does nothing.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicNow } from '../../src/clock.ts';
import { packageRoot } from '../../src/package-root.ts';
import { TestDaemon } from '../cli/daemon.ts';
import { type BenchRow, median, row } from './row.ts';

const ROUNDS = 30;
const NODES = 1000;
const BIN = join(packageRoot, 'dist', 'src', 'cli', 'bin.js');

const CASES: Readonly<Record<string, readonly string[]>> = {
  'muster --version': ['--version'],
  'muster --help': ['--help'],
  'muster node --help': ['node', '--help'],
  'completion of an action': ['__complete', 'muster', 'node', ''],
  'completion of a name among 1,000': ['__complete', 'muster', 'node', '-i', 'n99'],
  'muster node ls of 1,000 nodes': ['node', 'ls'],
};

/** Each program is started in turn, so that the load of the machine falls on both. */
export async function* benchCli(): AsyncIterable<BenchRow> {
  const daemon = await TestDaemon.start(['head.address = "127.0.0.1/16"']);
  try {
    const file = join(daemon.folder, 'nodes.json');
    const mac = (index: number): string => `08:00:27:00:${[index >> 8, index & 255].map(hexByte).join(':')}`;
    writeFileSync(file, JSON.stringify(Array.from({ length: NODES }, (_, index) => ({ mac: mac(index) }))));
    const made = await daemon.run('muster', 'node', 'create', '--content', `@${file}`, '--quiet');
    if (made.status !== 0) throw new Error(`the nodes cannot be created: ${made.stderr}`);
    for (const [name, words] of Object.entries(CASES)) {
      const [ours, peer]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        peer.push(milliseconds(['-e', '0'], daemon));
        ours.push(milliseconds([BIN, ...words], daemon));
      }
      yield row({
        case: name,
        ours: median(ours),
        peer: median(peer),
        peerName: 'a bare Node',
        unit: 'ms',
        higherIsBetter: false,
      });
    }
  } finally {
    await daemon.stop();
  }
}

function milliseconds(words: readonly string[], { environment }: TestDaemon): number {
  const begun = monotonicNow();
  const { status, stderr } = spawnSync(process.execPath, words, { env: environment, encoding: 'utf8' });
  if (status !== 0) throw new Error(`'node ${words.join(' ')}' ended with status ${status}: ${stderr}`);
  return monotonicNow() - begun;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
