// Two network namespaces with a DHCP server in one and real clients in the other, for tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import type { BootNode } from '../../src/boot/directory.ts';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { Events } from './events.ts';

export const MAC = '52:54:00:54:00:01';
export const NODE: BootNode = { uid: 'u0', name: 'n0', mac: MAC, ip: '10.54.0.100', hostname: 'n0' };
const CONFIG = {
  'head.interface': 'eth0',
  'dhcp.router': '10.54.0.254',
  'dhcp.dns': ['10.54.0.1'],
  'dhcp.domain': 'cluster.local',
  'dhcp.lease_seconds': 600,
  'dhcp.unknown_lease_seconds': 120,
};
export const TIMEOUT_MS = 120_000;

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
export class Wire {
  private static count = 0;
  private readonly number = ++Wire.count;
  readonly head = `mdh${process.pid}-${this.number}`;
  readonly client = `mdc${process.pid}-${this.number}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-dhcp-'));
  private readonly said = new Events<Event>();
  private readonly children: ChildProcess[] = [];
  private server: ChildProcess | undefined;

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
    server.once('exit', status => this.said.add({ msg: `the server ended with status ${status}` }));
    createInterface(server.stdout).on('line', line => this.said.add(JSON.parse(line)));
    await this.until(event => event.ready === true);
    await this.set(...nodes);
  }

  /** What the cluster's nodes are from now on. */
  async set(...nodes: BootNode[]): Promise<void> {
    const from = this.events.length;
    this.server?.stdin?.write(`${JSON.stringify({ nodes })}\n`);
    await this.until(event => event.nodes === nodes.length, from);
  }

  get events(): readonly Event[] {
    return this.said.all;
  }

  async until(match: (event: Event) => boolean, from = 0): Promise<Event> {
    return this.said.until(match, TIMEOUT_MS, from);
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

/** The body of a test with a wire of its own; skipped, or failed in CI, without root or a program. */
export async function onWire(
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

/** Waits for a line that a client printed, for the nth time. */
export async function saw(lines: string[], pattern: RegExp, times = 1): Promise<void> {
  const isSeen = (): boolean => lines.filter(line => pattern.test(line)).length >= times;
  await until(`${pattern} ${times} times`, isSeen, { milliseconds: TIMEOUT_MS, seen: () => lines.join('\n') });
}
