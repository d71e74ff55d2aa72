// A virtual cluster: its network, its head, its nodes. Everything started is stopped in reverse, whatever happens.
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdminClient } from '../src/api/client.ts';
import { MusterError } from '../src/errors.ts';
import type { RunResult } from '../src/process/run.ts';
import { AcceleratorChoice, systemPorts, type WantedAccelerator, wantedAccelerator } from './accelerator.ts';
import { fillCluster, muster } from './cluster.ts';
import type { Firmware } from './firmware.ts';
import { followBoot, type Step } from './follow.ts';
import { LabHead } from './head.ts';
import { type CachePlan, ensureImage } from './image-cache.ts';
import { Machine, type MachineOptions } from './machine.ts';
import { type Namespace, openNamespace } from './namespace.ts';
import { makeNetwork, startAdvertiser } from './network.ts';
import { servePower } from './power.ts';
import { makeRunFolder } from './run-folder.ts';
import { DEAD_ENDS } from './serial.ts';

export interface LabOptions {
  firmware: Firmware;
  style: string;
  nodes: number;
  /** MiB of each node. */
  memory: number;
  /** Different values of single nodes, by their index. */
  machines?: Readonly<
    Record<number, Partial<Pick<LabOptions, 'firmware' | 'memory'> & Pick<MachineOptions, 'secondPort'>>>
  >;
  /** What nodes run with; `auto` when absent and MUSTER_LAB_ACCEL is unset. */
  accelerator?: WantedAccelerator;
  /** The folder for logs; when absent, inside the lab's folder, and removed with it. */
  logs?: string;
  /** Attributes of every node. */
  attributes?: Readonly<Record<string, string>>;
  /** Raw disk images, by the index of the node; empty for none. */
  disks?: readonly string[];
  /** How many empty disks each node has instead: by default one in style disked. */
  emptyDisks?: number;
  /** Whether all frames of each node are captured, into `captureFile` of its machine. */
  captured?: boolean;
  /** Further kernel parameters. */
  cmdline?: string;
  /** Lines for musterd's configuration file. */
  config?: string;
  /** Files instead of those of the cache. */
  files?: Pick<CachePlan, 'image' | 'kernel' | 'initramfs'>;
  onStep?: (step: string) => void;
  signal?: AbortSignal;
}

export const LAB_DEFAULTS = { firmware: 'bios', style: 'roram', nodes: 1, memory: 1024 } as const;

/** How nodes of style disked use their disks, which are empty at first. */
export const DISK_ATTRIBUTES = {
  _disk_layout: '/dev/vda cache=400M,root=rest',
  _disk_cache: 'LABEL=cache',
  _disk_root: 'LABEL=root',
} as const;

/** Sparse: unwritten parts take no space. */
const DISK_BYTES = 2 * 2 ** 30;

/** Milliseconds from power-on to `up` before a boot counts as stuck, for one node alone on the machine. */
const BOOT_MS = 300_000;

export class Lab {
  readonly folder: string;
  readonly logs: string;
  readonly namespace: Namespace;
  readonly head: LabHead;
  readonly nodes: readonly Machine[];
  readonly client: AdminClient;
  private readonly stops: (() => Promise<unknown>)[];

  constructor(parts: Pick<Lab, 'folder' | 'logs' | 'namespace' | 'head' | 'nodes'>, stops: (() => Promise<unknown>)[]) {
    this.folder = parts.folder;
    this.logs = parts.logs;
    this.namespace = parts.namespace;
    this.head = parts.head;
    this.nodes = parts.nodes;
    this.client = new AdminClient({ socket: parts.head.socket });
    this.stops = stops;
    stops.push(async () => this.client.close());
  }

  get socket(): string {
    return this.head.socket;
  }

  node(index = 0): Machine {
    const node = this.nodes[index];
    if (!node) throw new MusterError('bad-value', `The lab has no node ${index}; it has ${this.nodes.length}.`);
    return node;
  }

  /** Runs the command line against the lab's daemon. */
  async muster(...words: string[]): Promise<RunResult> {
    return await muster(this.socket, words);
  }

  /** Switches a node on and follows its boot. */
  async *boot(index = 0, options: { timeoutMs?: number; signal?: AbortSignal } = {}): AsyncGenerator<Step> {
    const since = Date.now();
    const node = this.node(index);
    const from = node.serial.length();
    await node.powerOn();
    yield* followBoot({
      client: this.client,
      node: node.name,
      since,
      timeoutMs: options.timeoutMs ?? BOOT_MS * Math.max(1, this.nodes.length / 2),
      hopeless: () => node.ended() ?? deadEnd(node.serial.text().slice(from)),
      ...(options.signal && { signal: options.signal }),
    });
  }

  /** Switches a node on and returns when it is up. Throws `boot-failed` with the reason and the console's last lines. */
  async bootUp(index = 0, options: { timeoutMs?: number } = {}): Promise<void> {
    for await (const step of this.boot(index, options)) {
      if ('end' in step && step.end === 'stuck') throw await this.failure(index, step.reason);
    }
  }

  /** Returns the error of a node that did not come up, with its console's last lines. */
  async failure(index: number, reason: string): Promise<MusterError> {
    const node = this.node(index);
    return new MusterError('boot-failed', `${node.name} did not come up: ${reason}\n${await node.lastWords()}`);
  }

  /** Ends everything; only the logs that should be kept remain. */
  async stop(): Promise<void> {
    await stopAll(this.stops);
  }
}

/** Starts network, daemon and cluster; the nodes exist and are switched off. */
export async function startLab(given: Partial<LabOptions> = {}): Promise<Lab> {
  const options: LabOptions = { ...LAB_DEFAULTS, ...given };
  const stops: (() => Promise<unknown>)[] = [];
  try {
    return await start(options, stops);
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

async function start(options: LabOptions, stops: (() => Promise<unknown>)[]): Promise<Lab> {
  const step = options.onStep ?? (() => {});
  const files = options.files ?? (await ensureImage(step, options.signal));
  const folder = await makeRunFolder();
  stops.push(async () => rm(folder, { recursive: true, force: true }));
  const logs = options.logs ?? join(folder, 'logs');
  await mkdir(logs, { recursive: true });

  const namespace = await openNamespace();
  stops.push(async () => namespace.close());
  step('making the network');
  await makeNetwork(namespace, options.nodes);
  const advertiser = await startAdvertiser(namespace, join(logs, 'router-advertiser.log'));
  stops.push(async () => advertiser.stop());

  step('starting musterd');
  const head = new LabHead(namespace, {
    folder,
    logs,
    ...(options.config !== undefined && { config: options.config }),
  });
  stops.push(async () => head.stop());
  await head.start();
  const disks = options.disks?.map(file => (file === '' ? [] : [file])) ?? (await newDisks(options, folder));
  const accelerator = new AcceleratorChoice(options.accelerator ?? wantedAccelerator(undefined), systemPorts(step));
  const nodes = Array.from({ length: options.nodes }, (_, index) => {
    const { firmware, memory, secondPort } = { ...options, ...options.machines?.[index] };
    const second = secondPort !== undefined && { secondPort };
    return new Machine(namespace, {
      index,
      firmware,
      memory,
      folder,
      logs,
      accelerator,
      disks: disks[index] ?? [],
      captured: options.captured ?? false,
      ...second,
    });
  });
  for (const node of nodes) stops.push(async () => node.powerOff());
  const power = join(folder, 'power.sock');
  stops.push(await servePower(power, nodes));
  const { style, cmdline, signal } = options;
  const isSecure = options.firmware === 'uefi-secure';
  const attributes = options.attributes ?? {
    ...(style === 'disked' && DISK_ATTRIBUTES),
    ...(isSecure && { _boot_loader: 'shim' }),
  };
  step('storing image, kernel and initramfs');
  const macs = nodes.map(node => node.mac);
  await fillCluster(head.socket, { style, macs, files, power, attributes, ...(cmdline && { cmdline }) }, signal);
  signal?.throwIfAborted();
  return new Lab({ folder, logs, namespace, head, nodes }, stops);
}

async function newDisks({ style, nodes, emptyDisks }: LabOptions, folder: string): Promise<string[][]> {
  const count = emptyDisks ?? (style === 'disked' ? 1 : 0);
  const disks = Array.from({ length: nodes }, (_, index) =>
    Array.from({ length: count }, (_, number) => join(folder, `n${index}.disk${number}`)),
  );
  for (const disk of disks.flat()) {
    await writeFile(disk, '');
    await truncate(disk, DISK_BYTES);
  }
  return disks;
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    // The others must be stopped anyway; the rest ends with this process.
    await stop().catch(error => process.stderr.write(`lab: a part did not stop cleanly: ${String(error)}\n`));
  }
}

function deadEnd(text: string): string | undefined {
  const found = DEAD_ENDS.map(pattern => text.match(pattern)).find(match => match);
  return found ? `the console says: ${found[0].trim()}` : undefined;
}
