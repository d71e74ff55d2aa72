// A path of less than 1,500 bytes to a client that does not put fragments together, behind a real router.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { run, runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';

const HEAD = '10.77.0.1';
const SIZE = 20_000;

interface Note {
  detail?: string;
  error?: string;
  fault?: string;
  about?: object;
}

/** A head and a node with a router between them; the node's wire carries 1,420 bytes, and it drops fragments. */
class Path {
  private static count = 0;
  private readonly prefix = `mtp${process.pid}-${++Path.count}`;
  private readonly folder = mkdtempSync(join(tmpdir(), 'muster-path-'));
  private readonly spaces = ['h', 'r', 'n'];
  private server: ChildProcess | undefined;
  readonly notes: Note[] = [];

  async open(isSilent: boolean): Promise<void> {
    for (const space of this.spaces) await runOk('ip', ['netns', 'add', this.name(space)]);
    const ip = async (space: string, words: string): Promise<string> =>
      runOk('ip', ['-n', this.name(space), ...words.split(' ')]);
    await ip('h', `link add eth0 type veth peer name eth0 netns ${this.name('r')}`);
    await ip('n', `link add eth0 type veth peer name eth1 netns ${this.name('r')}`);
    for (const [space, nic, address, mtu] of [
      ['h', 'eth0', `${HEAD}/24`, 1500],
      ['r', 'eth0', '10.77.0.254/24', 1500],
      ['r', 'eth1', '10.78.0.1/24', 1420],
      ['n', 'eth0', '10.78.0.2/24', 1420],
    ] as const) {
      await ip(space, `addr add ${address} dev ${nic}`);
      await ip(space, `link set ${nic} mtu ${mtu} up`);
    }
    await ip('h', 'route add 10.78.0.0/24 via 10.77.0.254');
    await ip('n', 'route add default via 10.78.0.1');
    await this.in('r', ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    const nft = findProgram('nft') ?? 'nft';
    const fragments =
      'add table ip t; add chain ip t c { type filter hook prerouting priority -450; }; add rule ip t c ip frag-off & 0x3fff != 0 drop';
    await this.in('n', [nft, fragments]);
    // A router that says nothing of the packets that it drops
    if (isSilent)
      await this.in('r', [
        nft,
        'add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip t c meta l4proto icmp drop',
      ]);
    const file = join(this.folder, 'file');
    writeFileSync(file, Buffer.alloc(SIZE, 'x'));
    const serve = join(import.meta.dirname, 'serve.js');
    const words = ['netns', 'exec', this.name('h'), process.execPath, serve, HEAD, '69', `file=${file}`];
    const server = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.server = server;
    const lines = createInterface({ input: server.stdout });
    const ready = once(lines, 'line');
    lines.on('line', line => {
      if (line.startsWith('{')) this.notes.push(JSON.parse(line));
    });
    await ready;
  }

  /** Bytes that curl got, within some seconds. */
  async fetch(blockSize: number): Promise<number> {
    const words = ['-s', '-m', '8', '--tftp-blksize', `${blockSize}`, '-o', '/dev/null', '-w', '%{size_download}'];
    const { stdout } = await run('ip', [...['netns', 'exec', this.name('n'), 'curl', ...words, `tftp://${HEAD}/file`]]);
    return Number(stdout);
  }

  /** Resolves when this many notes have such a detail. */
  async noted(detail: RegExp, times = 1): Promise<void> {
    const isNoted = (): boolean => this.notes.filter(note => detail.test(note.detail ?? '')).length >= times;
    await until(`${detail} ${times} times`, isNoted);
  }

  async close(): Promise<void> {
    if (this.server) {
      const ended = once(this.server, 'close');
      this.server.stdin?.end();
      await ended;
    }
    for (const space of this.spaces) await run('ip', ['netns', 'del', this.name(space)]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private name(space: string): string {
    return `${this.prefix}${space}`;
  }

  private async in(space: string, words: string[]): Promise<void> {
    await runOk('ip', ['netns', 'exec', this.name(space), ...words]);
  }
}

async function onPath(t: ExecutionContext, isSilent: boolean, body: (path: Path) => Promise<void>): Promise<void> {
  if (!requireAll(t, { root: true, programs: ['ip', 'nft', 'curl'] })) return;
  t.timeout(180_000);
  const path = new Path();
  t.teardown(async () => path.close());
  await path.open(isSilent);
  await body(path);
}

/** Firmware asks again when nothing comes; answers how often it had to. */
async function fetchAtLast(path: Path): Promise<number> {
  for (let tries = 1; tries <= 8; tries += 1) if ((await path.fetch(1468)) === SIZE) return tries;
  return Number.POSITIVE_INFINITY;
}

test('the path MTU that the kernel knows limits the block size, and the file arrives', async t => {
  await onPath(t, false, async path => {
    t.is(await path.fetch(1388), SIZE, 'what fits the path from the start');
    t.true((await fetchAtLast(path)) <= 8);
    await path.noted(/blksize 1388$/, 2);
    t.like(
      path.notes.find(note => note.error?.includes('do not reach the node')),
      { about: { want: 1500, have: 1420 } },
    );
  });
});

test('a path that silently drops long packets: a client that asks again gets smaller blocks, and the timeline says why', async t => {
  await onPath(t, true, async path => {
    t.true((await fetchAtLast(path)) <= 8);
    await path.noted(/blksize 1024$/);
    const [stuck] = path.notes.filter(note => note.error?.includes('do not reach the node'));
    t.like(stuck, { fault: 'cut-off', about: { want: 1500 } });
    t.regex(
      stuck?.error ?? '',
      /packets of 1500 bytes do not reach the node, its path may drop them; it gets blocks of 1024 bytes/,
    );
  });
});
