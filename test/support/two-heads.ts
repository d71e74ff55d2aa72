// Two heads of one cluster, each in its own network namespace, and a node, all on one switch. Needs root.
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { AcceleratorChoice, systemPorts, wantedAccelerator } from '../../lab/accelerator.ts';
import { fillCluster } from '../../lab/cluster.ts';
import { followBoot } from '../../lab/follow.ts';
import { LabHead } from '../../lab/head.ts';
import { ensureImage } from '../../lab/image-cache.ts';
import { Machine } from '../../lab/machine.ts';
import { type Namespace, openNamespace } from '../../lab/namespace.ts';
import { HEAD, makeNetwork, startAdvertiser } from '../../lab/network.ts';
import { makeRunFolder } from '../../lab/run-folder.ts';
import { AdminClient } from '../../src/api/client.ts';
import { MusterError, reasonOf } from '../../src/errors.ts';
import { requireLab } from './lab.ts';

/** Addresses of the heads, and the one that both have. */
export const HEADS = ['10.54.0.1', '10.54.0.2'] as const;
export const SERVICE = '10.254.0.1';

export class WiredHead {
  readonly head: LabHead;
  readonly address: string;
  private readonly wire: Namespace;
  private readonly port: string;

  constructor(head: LabHead, address: string, wire: Namespace, port: string) {
    this.head = head;
    this.address = address;
    this.wire = wire;
    this.port = port;
  }

  /** As a power cut looks to everybody else: what is sent to it vanishes, and nothing comes from it. */
  async cut(): Promise<void> {
    await this.wire.run(['ip', 'link', 'set', this.port, 'down']);
  }

  /** Goes away for 3 s and comes back for 3 s, so many times. */
  async flap(times: number): Promise<void> {
    const script =
      'while [ "$2" -gt 0 ]; do ip link set $1 down; sleep 3; ip link set $1 up; sleep 3; set -- $1 $(($2 - 1)); done';
    await this.wire.run(['sh', '-c', script, 'sh', this.port, String(times)]);
  }

  async mend(): Promise<void> {
    await this.wire.run(['ip', 'link', 'set', this.port, 'up']);
  }
}

export interface TwoHeads {
  heads: readonly [WiredHead, WiredHead];
  node: Machine;
  /** Boots the node with the first head, then makes the boot known to the second one and starts it. */
  bootUp(): Promise<void>;
}

/** Runs a test with two heads and a node that is switched off. */
export async function withTwoHeads(t: ExecutionContext, body: (lab: TwoHeads) => Promise<void>): Promise<void> {
  t.timeout(900_000);
  if (!requireLab(t)) return;
  const stops: (() => Promise<unknown>)[] = [];
  let lab: TwoHeads | undefined;
  try {
    lab = await start(stops);
    await body(lab);
  } catch (error) {
    t.log(reasonOf(error));
    t.log(`console of the node:\n${lab?.node.serial.tail(60)}`);
    for (const { head, address } of lab?.heads ?? []) t.log(`${address}:\n${await head.lastWords(40)}`);
    throw error;
  } finally {
    for (const stop of stops.reverse()) await stop().catch(error => t.log(`not stopped: ${String(error)}`));
  }
}

async function start(stops: (() => Promise<unknown>)[]): Promise<TwoHeads> {
  const files = await ensureImage(() => {}, undefined);
  const folder = await makeRunFolder();
  stops.push(async () => rm(folder, { recursive: true, force: true }));
  const logs = join(folder, 'logs');
  await mkdir(logs, { recursive: true });
  const wire = await openNamespace();
  stops.push(async () => wire.close());
  await makeNetwork(wire, 1);
  await wire.run(['ip', 'address', 'del', HEAD.cidr, 'dev', HEAD.interface]);
  const advertiser = await startAdvertiser(wire, join(logs, 'router-advertiser.log'));
  stops.push(async () => advertiser.stop());
  const [first, second] = [
    await wiredHead(wire, { index: 0, folder, logs }, stops),
    await wiredHead(wire, { index: 1, folder, logs }, stops),
  ];
  // Each head has its object in the database of both.
  await second.head.start();
  await second.head.stop();
  await shareState(second, first);
  await first.head.start();
  const accelerator = new AcceleratorChoice(
    wantedAccelerator(undefined),
    systemPorts(() => {}),
  );
  const node = new Machine(wire, { index: 0, firmware: 'bios', memory: 512, folder, logs, accelerator });
  stops.push(async () => node.powerOff());
  await fillCluster(first.head.socket, { style: 'iscsi', macs: [node.mac], files });
  return { heads: [first, second], node, bootUp: async () => bootUp(node, first, second) };
}

async function wiredHead(
  wire: Namespace,
  { index, folder, logs }: { index: 0 | 1; folder: string; logs: string },
  stops: (() => Promise<unknown>)[],
): Promise<WiredHead> {
  const [name, port, address] = [`head${index + 1}`, `h${index}`, HEADS[index]];
  const space = await openNamespace();
  stops.push(async () => space.close());
  await wire.run(['ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(space.pid)]);
  await wire.run(['ip', 'link', 'set', port, 'master', HEAD.interface, 'up']);
  await space.run(['ip', '-batch', '-'], `link set lo up\naddr add ${address}/24 dev eth0\nlink set eth0 up\n`);
  await mkdir(join(folder, name));
  const head = new LabHead(space, {
    folder: join(folder, name),
    logs,
    self: { name, cidr: `${address}/24`, interface: 'eth0' },
    config: `[iscsi]\nservice_address = "${SERVICE}"\n`,
  });
  stops.push(async () => head.stop());
  return new WiredHead(head, address, wire, port);
}

/** The seam: what makes objects, files and boots of one head known to another. Here a copy of all that it has, once. */
async function shareState(from: WiredHead, to: WiredHead): Promise<void> {
  from.head.kill('SIGSTOP');
  try {
    await rm(to.head.state, { recursive: true, force: true });
    await cp(from.head.state, to.head.state, { recursive: true, preserveTimestamps: true });
  } finally {
    from.head.kill('SIGCONT');
  }
}

async function bootUp(node: Machine, first: WiredHead, second: WiredHead): Promise<void> {
  const client = new AdminClient({ socket: first.head.socket });
  try {
    const since = Date.now();
    await node.powerOn();
    const boot = followBoot({ client, node: node.name, since, timeoutMs: 300_000, hopeless: () => node.ended() });
    for await (const step of boot) {
      if ('end' in step && step.end === 'stuck')
        throw new MusterError('boot-failed', `it did not come up: ${step.reason}\n${await node.lastWords()}`);
    }
  } finally {
    await client.close();
  }
  await shareState(first, second);
  await second.head.start();
}
