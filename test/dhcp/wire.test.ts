// A small machine room of network namespaces: two interfaces of the head, an ISC relay agent before a third network, and a rogue.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import type { BootNode } from '../../src/boot/directory.ts';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { Events } from './events.ts';

const TIMEOUT_MS = 120_000;
const node = (number: number, ip: string): BootNode => ({
  uid: `u${number}`,
  name: `n${number}`,
  mac: `52:54:00:54:00:0${number}`,
  ip,
  hostname: `n${number}`,
});
/** The first of the addresses that perfdhcp plays. */
const PERFDHCP: BootNode = { ...node(9, '10.54.0.109'), mac: '00:0c:01:02:03:04' };
const NODES = [
  node(1, '10.54.0.101'),
  node(2, '10.60.0.102'),
  node(3, '10.56.0.103'),
  node(4, '10.54.0.104'),
  PERFDHCP,
];
const CONFIG = {
  'head.interface': 'eth1',
  networks: [
    { name: 'east', address: '10.60.0.1/24', interface: 'eth2', router: '10.60.0.254' },
    { name: 'rack2', subnet: '10.56.0.0/24', router: '10.56.0.254' },
  ],
};

interface Event {
  ready?: true;
  nodes?: number;
  msg?: string;
  note?: { node?: string; stage: string; error?: string };
}

class Room {
  private static count = 0;
  private readonly prefix = `mdr${process.pid}-${++Room.count}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-dhcp-'));
  readonly events = new Events<Event>();
  private readonly spaces: string[] = [];
  private readonly children: ChildProcess[] = [];

  /** The head; clients 1 and 4 at its eth1 (a bridge with a place for a rogue), 2 at eth2, 3 behind the relay at eth1. */
  async open(): Promise<void> {
    for (const name of ['head', 'relay', 'rogue', 'c1', 'c2', 'c3']) await this.space(name);
    await this.ip('head', 'link add eth1 type bridge forward_delay 0 stp_state 0');
    for (const [name, port] of [
      ['c1', 'p1'],
      ['relay', 'p2'],
      ['rogue', 'p3'],
    ] as const) {
      await this.cable('head', port, name, 'eth0');
      await this.ip('head', `link set ${port} master eth1`);
    }
    await this.cable('head', 'eth2', 'c2', 'eth0');
    await this.cable('relay', 'eth1', 'c3', 'eth0');
    await this.ip('head', 'link set eth1 up');
    for (const [name, address] of [
      ['head', '10.54.0.1/24 dev eth1'],
      ['head', '10.60.0.1/24 dev eth2'],
      ['relay', '10.54.0.7/24 dev eth0'],
      ['relay', '10.56.0.254/24 dev eth1'],
      ['rogue', '10.54.0.66/24 dev eth0'],
    ] as const) {
      await this.ip(name, `addr add ${address}`);
    }
    await this.ip('head', 'route add 10.56.0.0/24 via 10.54.0.7');
    for (const number of [1, 2, 3]) {
      await this.ip(`c${number}`, `link set eth0 address 52:54:00:54:00:0${number}`);
      await this.ip(`c${number}`, 'link set eth0 up');
    }
    await this.serve();
  }

  private async serve(): Promise<void> {
    const words = [join(import.meta.dirname, 'serve.js'), '10.54.0.1/24', JSON.stringify(CONFIG)];
    const server = this.spawn('head', process.execPath, words, 'pipe');
    createInterface({ input: server.stdout ?? process.stdin }).on('line', line => {
      this.events.add(JSON.parse(line));
    });
    await this.until(event => event.ready === true);
    server.stdin?.write(`${JSON.stringify({ nodes: NODES })}\n`);
    await this.until(event => event.nodes === NODES.length);
  }

  async relayAgent(): Promise<void> {
    const words = ['-4', '-d', '-a', '-iu', 'eth0', '-id', 'eth1', '10.54.0.1'];
    const relay = this.spawn('relay', 'dhcrelay', words);
    for await (const line of createInterface({ input: relay.stderr ?? process.stdin }))
      if (line.includes('Sending on') && line.includes('Socket')) return;
  }

  spawn(name: string, program: string, args: readonly string[], stdin: 'pipe' | 'ignore' = 'ignore'): ChildProcess {
    const words = ['netns', 'exec', this.name(name), program, ...args];
    const child = spawn('ip', words, { stdio: [stdin, 'pipe', 'pipe'] });
    this.children.push(child);
    return child;
  }

  /** What busybox's client was told, line by line; undefined when nobody answered. */
  async udhcpc(name: string): Promise<string | undefined> {
    const script = join(this.folder, `script-${name}`);
    const leases = join(this.folder, `lease-${name}`);
    writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && env > ${leases}\nexit 0\n`, { mode: 0o755 });
    writeFileSync(leases, '');
    const words = [
      'netns',
      'exec',
      this.name(name),
      'busybox',
      'udhcpc',
      '-i',
      'eth0',
      '-q',
      '-n',
      '-f',
      '-t',
      '2',
      '-T',
      '1',
    ];
    const { status } = await run('ip', [...words, '-s', script], { timeoutMs: TIMEOUT_MS });
    return status === 0 ? readFileSync(leases, 'utf8') : undefined;
  }

  async until(match: (event: Event) => boolean): Promise<Event> {
    return this.events.until(match, TIMEOUT_MS);
  }

  async run(name: string, program: string, args: readonly string[]): Promise<{ stdout: string; status: number }> {
    return run('ip', ['netns', 'exec', this.name(name), program, ...args], { timeoutMs: TIMEOUT_MS });
  }

  async ip(name: string, words: string): Promise<void> {
    await runOk('ip', ['-n', this.name(name), ...words.split(' ')]);
  }

  async close(): Promise<void> {
    for (const child of this.children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    for (const space of this.spaces) await run('ip', ['netns', 'del', space]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private name(short: string): string {
    return `${this.prefix}-${short}`;
  }

  private async space(name: string): Promise<void> {
    await runOk('ip', ['netns', 'add', this.name(name)]);
    this.spaces.push(this.name(name));
    await this.ip(name, 'link set lo up');
  }

  private async cable(one: string, port: string, other: string, end: string): Promise<void> {
    await this.ip(one, `link add ${port} type veth peer name ${end} netns ${this.name(other)}`);
    await this.ip(one, `link set ${port} up`);
    await this.ip(other, `link set ${end} up`);
  }
}

async function inRoom(t: ExecutionContext, programs: string[], body: (room: Room) => Promise<void>): Promise<void> {
  if (!requireAll(t, { root: true, programs: ['ip', ...programs] })) return;
  const room = new Room();
  try {
    await room.open();
    await body(room);
  } finally {
    await room.close();
  }
}

test("two interfaces: each node gets its answer on its own network, with that network's settings", async t => {
  await inRoom(t, ['busybox'], async room => {
    const [first, second] = [await room.udhcpc('c1'), await room.udhcpc('c2')];
    t.regex(first ?? '', /^ip=10\.54\.0\.101$/m);
    t.regex(first ?? '', /^serverid=10\.54\.0\.1$/m);
    t.regex(second ?? '', /^ip=10\.60\.0\.102$/m);
    t.regex(second ?? '', /^serverid=10\.60\.0\.1$/m);
    t.regex(second ?? '', /^router=10\.60\.0\.254$/m);
    // A node of the first network whose cable is in the second
    await room.ip('c2', 'link set eth0 address 52:54:00:54:00:04');
    t.is(await room.udhcpc('c2'), undefined);
    await room.until(event => /n4: it asks from the network east .* of boot/.test(event.msg ?? ''));
  });
});

test("ISC's relay agent with option 82: a node behind it gets its address and the network's router", async t => {
  await inRoom(t, ['busybox', 'dhcrelay'], async room => {
    await room.relayAgent();
    const lease = await room.udhcpc('c3');
    t.regex(lease ?? '', /^ip=10\.56\.0\.103$/m);
    t.regex(lease ?? '', /^router=10\.56\.0\.254$/m);
    t.regex(lease ?? '', /^serverid=10\.54\.0\.1$/m);
    t.regex((await room.udhcpc('c1')) ?? '', /^ip=10\.54\.0\.101$/m, 'and those before it are served as ever');
  });
});

test('perfdhcp, which plays a relay agent, gets every exchange whole', async t => {
  await inRoom(t, ['perfdhcp'], async room => {
    const words = ['-4', '-l', 'eth0', '-R', '1', '-r', '4', '-n', '8', '-W', '3000000', '10.54.0.1'];
    const { stdout } = await room.run('relay', 'perfdhcp', words);
    const drops = Array.from(stdout.matchAll(/^drops: (\d+)$/gm), match => match[1]);
    const received = Array.from(stdout.matchAll(/^received packets: (\d+)$/gm), match => match[1]);
    t.deepEqual(drops, ['0', '0'], stdout);
    t.deepEqual(received, ['8', '8'], 'OFFERs and ACKs');
  });
});

test('a rogue DHCP server whose offer a node takes is named on its timeline', async t => {
  await inRoom(t, ['dhclient', 'dnsmasq'], async room => {
    const options = ['--no-daemon', '--conf-file=/dev/null', '--port=0', '--no-ping', '--leasefile-ro', '--user=root'];
    room.spawn('rogue', 'dnsmasq', [
      ...options,
      '--pid-file=',
      '--dhcp-range=10.54.0.200,10.54.0.210,1h',
      '--interface=eth0',
    ]);
    const conf = join(room.folder, 'dhclient.conf');
    const firmware = 'send vendor-class-identifier "PXEClient:Arch:00007:UNDI:003000";';
    writeFileSync(conf, `reject 10.54.0.1;\n${firmware}\nretry 1;\ninitial-interval 1;\n`);
    const files = ['-lf', join(room.folder, 'db'), '-pf', join(room.folder, 'pid'), '-sf', '/bin/true', '-cf', conf];
    room.spawn('c1', 'dhclient', ['-d', ...files, 'eth0']);
    const told = await room.until(event => event.note?.error?.includes('10.54.0.66') === true);
    t.like(told.note, { node: 'u1', stage: 'addressed' });
    t.regex(told.note?.error ?? '', /took the offer of 10\.54\.0\.66: another DHCP server answers/);
  });
});
