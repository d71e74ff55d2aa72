// Two network namespaces joined by a cable, made and removed by the test: a head that serves and a node that asks.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type RunResult, run, runOk } from '../../src/process/run.ts';

export const HEAD = '10.77.0.1';
const NODE = '10.77.0.2';

export class NetPair {
  private readonly head: string;
  private readonly node: string;
  private readonly children: ChildProcess[] = [];
  private readonly ip = systemProgram('ip');

  constructor(name: string) {
    this.head = `tftp-h-${process.pid}-${name}`;
    this.node = `tftp-n-${process.pid}-${name}`;
  }

  /** Lays the cable; `lossPercent` of the packets are lost at each end. */
  async open(lossPercent: number): Promise<void> {
    for (const space of [this.head, this.node]) await runOk(this.ip, ['netns', 'add', space]);
    await this.inHead('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.node);
    for (const [space, address] of [
      [this.head, HEAD],
      [this.node, NODE],
    ] as const) {
      await runOk(this.ip, ['-n', space, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
      await runOk(this.ip, ['-n', space, 'link', 'set', 'eth0', 'up']);
      if (lossPercent > 0) await this.lose(space, lossPercent);
    }
  }

  /** Starts a server in the head's namespace and answers once it says that it is ready. */
  async serve(args: readonly string[], onNote: (note: Record<string, unknown>) => void): Promise<void> {
    const child = spawn(this.ip, ['netns', 'exec', this.head, process.execPath, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.children.push(child);
    const lines = createInterface({ input: child.stdout });
    const ready = once(lines, 'line', { signal: AbortSignal.timeout(120_000) });
    lines.on('line', line => {
      if (line.startsWith('{')) onNote(JSON.parse(line));
    });
    await ready;
  }

  /** Runs a program on the node. */
  async ask(program: string, args: readonly string[], timeoutMs = 60_000, cwd?: string): Promise<RunResult> {
    return run(this.ip, ['netns', 'exec', this.node, program, ...args], { timeoutMs, cwd });
  }

  /** Packets lost so far, at both ends. */
  async lost(): Promise<number> {
    let packets = 0;
    for (const space of [this.head, this.node]) {
      const rules = await runOk(this.ip, ['netns', 'exec', space, systemProgram('nft'), 'list', 'table', 'ip', 'loss']);
      packets += Number(/counter packets (\d+)/.exec(rules)?.[1] ?? 0);
    }
    return packets;
  }

  /** The longest packet of the head's wire; 1500 at first. */
  async headFrames(bytes: number): Promise<void> {
    await this.inHead('link', 'set', 'eth0', 'mtu', `${bytes}`);
  }

  async close(): Promise<void> {
    for (const child of this.children) {
      const ended = once(child, 'close');
      child.stdin?.end();
      await ended;
    }
    for (const space of [this.head, this.node]) await run(this.ip, ['netns', 'delete', space]);
  }

  private async inHead(...args: string[]): Promise<void> {
    await runOk(this.ip, ['-n', this.head, ...args]);
  }

  /** At the input, behind the joining of fragments, so that one datagram is one chance of loss whatever its size. */
  private async lose(space: string, percent: number): Promise<void> {
    const rules = `table ip loss {
      chain input {
        type filter hook input priority 0;
        meta l4proto udp numgen random mod 100 < ${percent} counter drop
      }
    }`;
    await runOk(this.ip, ['netns', 'exec', space, systemProgram('nft'), '-f', '-'], { input: rules });
  }
}

/** Not by PATH: npx puts the programs of packages first, and one of them is called nft too. */
function systemProgram(name: string): string {
  const paths = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'].map(folder => `${folder}/${name}`);
  return paths.find(path => existsSync(path)) ?? name;
}
