// Real DHCP clients against the server, in network namespaces that the test makes and removes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import type { BootNode } from '../../src/boot/directory.ts';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

const MAC = '52:54:00:54:00:01';
const NODE: BootNode = { uid: 'u0', name: 'n0', mac: MAC, ip: '10.54.0.100', hostname: 'n0' };
const CONFIG = {
  'dhcp.router': '10.54.0.254',
  'dhcp.dns': ['10.54.0.1'],
  'dhcp.domain': 'cluster.local',
  'dhcp.lease_seconds': 600,
  'dhcp.unknown_lease_seconds': 120,
};
const TIMEOUT_MS = 30_000;

interface Event {
  ready?: true;
  nodes?: number;
  msg?: string;
  level?: string;
  note?: { stage: string; error?: string };
  saved?: { ip: string; mac: string; hostname: string }[];
  seen?: { mac: string };
}

/** Two namespaces with one wire between them, the server in one and its clients in the other. */
class Wire {
  private static count = 0;
  private readonly number = ++Wire.count;
  readonly head = `mdh${process.pid}-${this.number}`;
  readonly client = `mdc${process.pid}-${this.number}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-dhcp-'));
  readonly events: Event[] = [];
  private readonly children: ChildProcess[] = [];
  private server: ChildProcess | undefined;
  private wake: (() => void)[] = [];

  /** What else the configuration says. */
  config: Record<string, unknown> = {};

  async start(...nodes: BootNode[]): Promise<void> {
    for (const name of [this.head, this.client]) await runOk('ip', ['netns', 'add', name]);
    await this.ip(this.head, 'link add eth0 type veth peer name eth0 netns', this.client);
    await this.ip(this.head, 'addr add 10.54.0.1/24 dev eth0');
    await this.ip(this.client, 'link set eth0 address', MAC);
    for (const name of [this.head, this.client]) {
      await this.ip(name, 'link set lo up');
      await this.ip(name, 'link set eth0 up');
    }
    const serve = join(import.meta.dirname, 'serve.js');
    const args = [
      'netns',
      'exec',
      this.head,
      process.execPath,
      serve,
      '10.54.0.1/24',
      JSON.stringify({ ...CONFIG, ...this.config }),
    ];
    const server = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.server = server;
    server.once('exit', status => this.wakeAll({ msg: `the server ended with status ${status}` }));
    createInterface(server.stdout).on('line', line => this.wakeAll(JSON.parse(line)));
    await this.until(event => event.ready === true);
    await this.set(...nodes);
  }

  /** What the cluster's nodes are from now on. */
  async set(...nodes: BootNode[]): Promise<void> {
    const from = this.events.length;
    this.server?.stdin?.write(`${JSON.stringify({ nodes })}\n`);
    await this.until(event => event.nodes === nodes.length, from);
  }

  async until(match: (event: Event) => boolean, from = 0): Promise<Event> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const found = this.events.slice(from).find(match);
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`the server never said it; it said ${JSON.stringify(this.events)}`);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 1000);
        this.wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private wakeAll(event: Event): void {
    this.events.push(event);
    for (const wake of this.wake.splice(0)) wake();
  }

  /** Starts a program among the clients; ended when the test's wire is. */
  spawn(command: string, ...args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.client, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);
    return child;
  }

  /** A hook script for a client: does `commands` and appends what it was told to `leases`. */
  script(commands = ''): string {
    const path = join(this.folder, 'script');
    writeFileSync(path, `#!/bin/sh\n{ echo "--- $1 $reason"; env; } >> ${this.folder}/leases\n${commands}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  leases(): string {
    return readFileSync(join(this.folder, 'leases'), 'utf8');
  }

  async ip(netns: string, words: string, ...more: string[]): Promise<void> {
    await runOk('ip', ['-n', netns, ...words.split(' '), ...more]);
  }

  async stop(): Promise<void> {
    for (const child of [...this.children, this.server]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    for (const name of [this.head, this.client]) await run('ip', ['netns', 'del', name]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function onWire(
  t: ExecutionContext,
  programs: string[],
  body: (wire: Wire) => Promise<void>,
  config: Record<string, unknown> = {},
): Promise<void> {
  if (!requireAll(t, { root: true, programs: ['ip', ...programs] })) return;
  const wire = new Wire();
  wire.config = config;
  try {
    await wire.start(NODE);
    await body(wire);
  } finally {
    await wire.stop();
  }
}

async function udhcpc(wire: Wire): Promise<string> {
  const args = ['netns', 'exec', wire.client, 'busybox', 'udhcpc', '-i', 'eth0', '-q', '-n', '-f', '-s', wire.script()];
  return runOk('ip', args, { timeoutMs: TIMEOUT_MS });
}

test('busybox udhcpc gets the address and the settings', async t => {
  await onWire(t, ['busybox'], async wire => {
    await udhcpc(wire);
    const leases = wire.leases();
    for (const line of [
      'ip=10.54.0.100',
      'subnet=255.255.255.0',
      'router=10.54.0.254',
      'dns=10.54.0.1',
      'hostname=n0',
      'lease=600',
    ]) {
      t.true(leases.includes(`\n${line}\n`), line);
    }
    t.true(leases.includes('\ndomain=cluster.local\n'));
    t.deepEqual(
      wire.events.filter(event => event.note),
      [],
      'a running system is no boot',
    );
  });
});

test("a change of a node's address or hardware address is in force at once, and a removed node gets nothing", async t => {
  await onWire(t, ['busybox'], async wire => {
    await udhcpc(wire);
    await wire.set({ ...NODE, ip: '10.54.0.101' });
    await udhcpc(wire);
    t.true(wire.leases().includes('\nip=10.54.0.101\n'));
    await wire.set({ ...NODE, mac: '52:54:00:54:00:02' });
    await wire.ip(wire.client, 'link set eth0 address 52:54:00:54:00:02');
    rmSync(join(wire.folder, 'leases'));
    await udhcpc(wire);
    t.true(wire.leases().includes('\nip=10.54.0.100\n'));
    await wire.set();
    const from = wire.events.length;
    wire.spawn('busybox', 'udhcpc', '-i', 'eth0', '-f', '-s', wire.script());
    t.is((await wire.until(event => event.seen !== undefined, from)).seen?.mac, '52:54:00:54:00:02');
  });
});

test('udhcpc renews by unicast; after a change it is denied and moves to the new address; then it releases', async t => {
  await onWire(t, ['busybox'], async wire => {
    const configure =
      '[ "$1" = deconfig ] && ip addr flush dev eth0; [ "$1" = bound ] && ip addr add $ip/24 dev eth0; exit 0';
    const client = wire.spawn('busybox', 'udhcpc', '-i', 'eth0', '-f', '-R', '-s', wire.script(configure));
    const lines: string[] = [];
    createInterface({ input: client.stderr ?? process.stdin }).on('line', line => lines.push(line));
    await wire.until(event => event.msg === '10.54.0.100 given to n0');
    await saw(lines, /lease of 10\.54\.0\.100 obtained/);
    client.kill('SIGUSR1');
    await saw(lines, /lease of 10\.54\.0\.100 obtained/, 2);
    await wire.set({ ...NODE, ip: '10.54.0.101' });
    client.kill('SIGUSR1');
    await wire.until(event => event.msg?.startsWith('10.54.0.100 is not the address of n0') === true);
    await saw(lines, /lease of 10\.54\.0\.101 obtained/);
    client.kill('SIGUSR2');
    t.like(await wire.until(event => event.msg === 'n0 released 10.54.0.101'), { level: 'debug' });
  });
});

test('ISC dhclient gets the address and the settings, takes up its old lease again, and releases it', async t => {
  await onWire(t, ['dhclient'], async wire => {
    const script = wire.script();
    const files = ['-lf', join(wire.folder, 'db'), '-pf', join(wire.folder, 'pid'), '-cf', '/dev/null', '-sf', script];
    const lines: string[] = [];
    const start = () => {
      const child = wire.spawn('dhclient', '-1', '-d', '-v', ...files, 'eth0');
      createInterface({ input: child.stderr ?? process.stdin }).on('line', line => lines.push(line));
      return child;
    };
    const first = start();
    await saw(lines, /bound to 10\.54\.0\.100/);
    for (const line of [
      'new_ip_address=10.54.0.100',
      'new_routers=10.54.0.254',
      'new_host_name=n0',
      'new_dhcp_lease_time=600',
    ]) {
      t.true(wire.leases().includes(`\n${line}\n`), line);
    }
    const gone = once(first, 'exit');
    first.kill('SIGTERM');
    await gone;
    const again = start();
    await saw(lines, /bound to 10\.54\.0\.100/, 2);
    t.is(
      lines.filter(line => line.startsWith('DHCPDISCOVER')).length,
      1,
      'INIT-REBOOT asks for the old address without DISCOVER',
    );
    again.kill('SIGTERM');
    await once(again, 'exit');
    await wire.ip(wire.client, 'addr add 10.54.0.100/24 dev eth0');
    await runOk('ip', ['netns', 'exec', wire.client, 'dhclient', '-r', '-d', ...files, 'eth0'], {
      timeoutMs: TIMEOUT_MS,
    });
    await wire.until(event => event.msg === 'n0 released 10.54.0.100');
  });
});

test('RFC 2131 §4.3.3: when dhclient finds its address in use, the administrator is warned', async t => {
  await onWire(t, ['dhclient'], async wire => {
    const script = wire.script('[ "$reason" = BOUND ] && exit 1; exit 0');
    const files = ['-lf', join(wire.folder, 'db'), '-pf', join(wire.folder, 'pid'), '-cf', '/dev/null', '-sf', script];
    wire.spawn('dhclient', '-d', '-v', ...files, 'eth0');
    const warning = await wire.until(event => event.msg?.includes('declined 10.54.0.100') === true);
    t.is(warning.level, 'warn');
    t.truthy(await wire.until(event => event.note?.error?.includes('another machine') === true));
  });
});

test('a machine that is no node is lent an address of the range, saved before it hears of it; a used one is left out', async t => {
  const config = { 'dhcp.range': '10.54.0.200-10.54.0.210' };
  const body = async (wire: Wire): Promise<void> => {
    await wire.set();
    // Another machine on the wire has the first address of the range
    const other = `${wire.client}x`;
    await runOk('ip', ['netns', 'add', other]);
    t.teardown(() => run('ip', ['netns', 'del', other]));
    await wire.ip(wire.client, 'link add eth1 link eth0 type macvlan mode bridge');
    await wire.ip(wire.client, 'link set eth1 netns', other);
    await wire.ip(other, 'link set eth1 address 52:54:00:54:00:99 up');
    await wire.ip(other, 'addr add 10.54.0.200/24 dev eth1');
    const args = ['-i', 'eth0', '-q', '-n', '-f', '-x', 'hostname:stranger', '-s', wire.script()];
    await runOk('ip', ['netns', 'exec', wire.client, 'busybox', 'udhcpc', ...args], { timeoutMs: TIMEOUT_MS });
    t.regex(wire.leases(), /\nip=10\.54\.0\.201\n/);
    t.regex(wire.leases(), /\nlease=120\n/);
    t.regex(wire.leases(), /\nrouter=10\.54\.0\.254\n/);
    const saved = await wire.until(event => event.saved !== undefined);
    t.like(saved.saved?.[0], { ip: '10.54.0.201', mac: MAC, hostname: 'stranger' });
    const used = await wire.until(event => event.msg?.startsWith('10.54.0.200 is in use by') === true);
    t.regex(used.msg ?? '', /in use by 52:54:00:54:00:99/);
    t.is((await wire.until(event => event.seen !== undefined)).seen?.mac, MAC);
    await wire.set(NODE);
    await udhcpc(wire);
    t.true(wire.leases().includes('\nip=10.54.0.100\n'), 'once it is a node it gets its own address');
  };
  await onWire(t, ['busybox'], body, config);
});

test('the client of the package `dhcp` gets a lease', async t => {
  await onWire(t, [], async wire => {
    const client = join(import.meta.dirname, 'peer-client.js');
    await wire.ip(wire.client, 'route add default dev eth0');
    const text = await runOk('ip', ['netns', 'exec', wire.client, process.execPath, client, MAC], {
      timeoutMs: TIMEOUT_MS,
    });
    t.like(JSON.parse(text), {
      address: '10.54.0.100',
      options: { hostname: 'n0', broadcast: '10.54.0.255', netmask: '255.255.255.0' },
    });
  });
});

/** Waits for a line that a client printed, for the nth time. */
async function saw(lines: string[], pattern: RegExp, times = 1): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (lines.filter(line => pattern.test(line)).length < times) {
    if (Date.now() > deadline) throw new Error(`never saw ${pattern} ${times} times in:\n${lines.join('\n')}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
