// Ten days of a cluster, in fast-forward: what its nodes and its administrators do, day by day, and what the head is like meanwhile.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BOOTS } from '../../src/api/boots.ts';
import { DAEMON } from '../../src/api/daemon.ts';
import { MEMBERS } from '../../src/api/members.ts';
import { NODES } from '../../src/api/nodes.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import { STORAGE } from '../../src/api/storage.ts';
import { packageRoot } from '../../src/package-root.ts';
import { runOk } from '../../src/process/run.ts';
import { Pair } from '../bench/pair.ts';
import { stormNode } from '../bench/storm-node.ts';
import { kernelFile } from '../cli/files.ts';
import { layRoutes } from '../support/routes.ts';
import { type Sample, type Verdict, verdicts } from './flat.ts';
import { SoakHead } from './head.ts';
import type { Done, Orders } from './nodes.ts';

export interface Plan {
  days: number;
  nodes: number;
  /** How often every node boots, a day. */
  bootsPerDay: number;
  heartbeatsPerDay: number;
  editsPerDay: number;
  /** Images that come and go, a day. */
  imagesPerDay: number;
  strangersPerDay: number;
  /** How often a day everything is measured. */
  samplesPerDay: number;
  /** Bytes of the image that nodes boot. */
  imageBytes: number;
  say(line: string): void;
}

export interface Lived {
  samples: Sample[];
  verdicts: Verdict[];
  boots: number;
  heartbeats: number;
  edits: number;
  images: number;
  restarts: number;
  strangers: number;
  /** Boots that did not come up, and why the last one did not. */
  failed: number;
  why: string;
  seconds: number;
}

const HEAD = '10.54.0.1';
const PORT = 8080;
const LOADER_BYTES = 60_000;
const DAY_MS = 86_400_000;
/** The smallest: what the audit trail keeps must be full by the middle of a short life. */
const AUDIT_MEGABYTES = 1;
/** Nodes of a rack that comes and goes. */
const RACK = 40;

/** Runs the plan in `folder`. The first half of the days has restarts, the second is one life of the process, and is judged. */
export async function live(folder: string, plan: Plan): Promise<Lived> {
  const pair = new Pair();
  const head = new SoakHead(folder, command => pair.words(pair.head, command));
  let nodes: Nodes | undefined;
  try {
    await pair.open(`${HEAD}/16`, '10.54.250.1/16');
    await layRoutes(pair);
    await prepare(folder, plan);
    await head.start();
    await fill(head, folder, plan);
    nodes = await Nodes.start(pair);
    return await new Life(head, nodes, folder, plan).run();
  } finally {
    await nodes?.stop();
    await head.client.close();
    await head.stop('SIGKILL');
    await pair.close();
  }
}

class Life {
  private readonly head: SoakHead;
  private readonly nodes: Nodes;
  private readonly folder: string;
  private readonly plan: Plan;
  private readonly lived: Omit<Lived, 'verdicts' | 'seconds'> = {
    ...{ samples: [], boots: 0, heartbeats: 0, edits: 0, images: 0, restarts: 0, strangers: 0, failed: 0, why: '' },
  };
  private judged: Sample[] = [];

  constructor(head: SoakHead, nodes: Nodes, folder: string, plan: Plan) {
    this.head = head;
    this.nodes = nodes;
    this.folder = folder;
    this.plan = plan;
  }

  async run(): Promise<Lived> {
    const begun = performance.now();
    const { days, samplesPerDay } = this.plan;
    for (let day = 0; day < days; day += 1) {
      for (let part = 0; part < samplesPerDay; part += 1) await this.partOfDay(day, part);
      // The last restart is at the middle: the second half is one life.
      if (day < days / 2) await this.restart(day % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    }
    const seconds = (performance.now() - begun) / 1000;
    return { ...this.lived, verdicts: verdicts(this.judged), seconds };
  }

  private async partOfDay(day: number, part: number): Promise<void> {
    const { plan, head, nodes } = this;
    const share = (perDay: number): number => Math.ceil(perDay / plan.samplesPerDay);
    const before = { boots: this.lived.boots, logged: head.logged };
    const first = Math.floor((plan.nodes * part) / plan.samplesPerDay);
    const last = Math.floor((plan.nodes * (part + 1)) / plan.samplesPerDay) - 1;
    for (let round = 0; round < plan.bootsPerDay; round += 1) {
      const dying = round === 0 ? 10 : 0;
      const [booted] = await Promise.all([
        nodes.order({ boot: { first, last, together: 40, dying } }),
        round === 0 ? this.administrate(day, part, share(plan.editsPerDay), share(plan.imagesPerDay)) : undefined,
      ]);
      this.lived.boots += booted.done;
      this.lived.failed += booted.failed;
      if (booted.why) this.lived.why = booted.why;
    }
    const seed = day * plan.samplesPerDay + part;
    const asked = await nodes.order({ strangers: { count: share(plan.strangersPerDay), seed } });
    const beaten = await nodes.order({ beat: { count: share(plan.heartbeatsPerDay) } });
    this.lived.strangers += asked.done;
    this.lived.heartbeats += beaten.done;
    await head.putAhead(DAY_MS / plan.samplesPerDay);
    const sample = await head.measure(this.lived.boots - before.boots, head.logged - before.logged);
    this.lived.samples.push(sample);
    // The first day after the last restart fills what a new process has empty.
    if (day > plan.days / 2) this.judged.push(sample);
    const { rss, heap, descriptors, database, boots } = sample;
    plan.say(
      `day ${(day + (part + 1) / plan.samplesPerDay).toFixed(2)}: ${this.lived.boots} boots, ${this.lived.heartbeats} heartbeats; RSS ${rss.toFixed(0)} MiB, heap ${heap.toFixed(1)} MiB, ${descriptors} descriptors, database ${database.toFixed(1)} MiB with ${boots} boots`,
    );
  }

  /** What people do: attributes, groups, command lines, nodes that come and go, images that come and go, looks, a backup. */
  private async administrate(day: number, part: number, edits: number, images: number): Promise<void> {
    const { client } = this.head;
    for (let turn = 0; turn < edits; turn += 1) {
      const value = `${day}-${part}-${turn}`;
      const node = `n${(turn * 7) % this.plan.nodes}`;
      if (turn % 4 === 0)
        await client.call(MEMBERS.set, { kind: 'node', query: { all: 'true' }, body: { rack: value } });
      else if (turn % 4 === 1)
        await client.call(MEMBERS.setOne, { kind: 'node', params: { id: node }, body: { owner: value } });
      else if (turn % 4 === 2)
        await client.call(OBJECTS.updateOne, {
          kind: 'boot',
          params: { id: 'SoakBoot' },
          body: { description: value },
        });
      else await this.passingRack(value);
      this.lived.edits += 1;
      if (turn % 8 === 0) await this.look(node);
    }
    for (let turn = 0; turn < images; turn += 1) await this.passingImage(`${day}-${part}-${turn}`);
    if (part === 0) {
      const { body } = await client.download(STORAGE.backup);
      await pipeline(body, new Writable({ write: (_chunk, _encoding, next) => next() }));
    }
  }

  private async look(node: string): Promise<void> {
    const { client } = this.head;
    const query = { id: node };
    await client.call(OBJECTS.list, { kind: 'node', query });
    for (const operation of [NODES.status, BOOTS.timeline, NODES.why]) await client.call(operation, { query });
    await client.call(DAEMON.audit);
    (await client.download(DAEMON.metrics)).body.resume();
  }

  /** A rack that is set up and given back. */
  private async passingRack(value: string): Promise<void> {
    const { client } = this.head;
    const names = Array.from({ length: RACK }, (_, place) => `passing-${value}-${place}`);
    const nodes = names.map((name, place) => ({ name, mac: `06:00:00:00:00:${place.toString(16).padStart(2, '0')}` }));
    await client.call(OBJECTS.create, { kind: 'node', body: nodes });
    await client.call(OBJECTS.delete, { kind: 'node', query: { id: names } });
  }

  private async passingImage(value: string): Promise<void> {
    const { client } = this.head;
    const file = join(this.folder, 'passing');
    await writeFile(file, Buffer.concat([kernelFile('6.1.0-soak'), randomBytes(200_000)]));
    const { id } = await client.upload(file);
    await client.call(OBJECTS.create, { kind: 'boot', body: [{ name: `Passing-${value}`, kernel: { upload: id } }] });
    await client.call(OBJECTS.deleteOne, { kind: 'boot', params: { id: `Passing-${value}` } });
    this.lived.images += 1;
  }

  /** In the middle of boots: those under way go on with the head that comes after. */
  private async restart(signal: NodeJS.Signals): Promise<void> {
    const last = Math.min(this.plan.nodes, 40) - 1;
    const under = this.nodes.order({ boot: { first: 0, last, together: 40, dying: 0 } });
    await this.head.stop(signal);
    await this.head.start();
    const booted = await under;
    this.lived.boots += booted.done;
    this.lived.failed += booted.failed;
    this.lived.restarts += 1;
  }
}

/** The process that plays the nodes. */
class Nodes {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.child = child;
    this.lines = lines;
  }

  static async start(pair: Pair): Promise<Nodes> {
    const script = join(packageRoot, 'dist/test/soak/nodes.js');
    const words = [process.execPath, script, HEAD, String(PORT), 'soak.efi', String(LOADER_BYTES)];
    const [program, args] = pair.words(pair.nodes, words);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    return new Nodes(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  }

  async order(order: Partial<Orders>): Promise<Done> {
    this.child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the nodes ended with ${this.child.exitCode}`);
    return JSON.parse(value) as Done;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    if (this.child.exitCode === null) await ended;
  }
}

async function prepare(folder: string, { imageBytes }: Plan): Promise<void> {
  const file = (name: string): string => join(folder, name);
  await writeFile(
    file('muster.toml'),
    `[head]\naddress = "${HEAD}/16"\n[paths]\nstate = "${folder}/state"\nsocket = "${folder}/admin.sock"\n` +
      `[dhcp]\nrouter_advertisements = false\n[iscsi]\nenabled = false\n[audit]\nmegabytes = ${AUDIT_MEGABYTES}\n` +
      `[loaders]\nefi64 = "${file('soak.efi')}"\n`,
  );
  await writeFile(file('soak.efi'), randomBytes(LOADER_BYTES));
  await writeFile(file('kernel'), Buffer.concat([kernelFile('6.1.0'), randomBytes(imageBytes / 5)]));
  await writeFile(file('initramfs'), randomBytes(imageBytes / 5));
  await writeFile(file('data'), randomBytes(imageBytes));
  await runOk('mksquashfs', [file('data'), file('image'), '-noD', '-noF', '-no-progress', '-quiet']);
  await rm(file('data'));
}

async function fill({ client }: SoakHead, folder: string, plan: Plan): Promise<void> {
  const upload = async (name: string): Promise<{ upload: string }> => ({
    upload: (await client.upload(join(folder, name))).id,
  });
  await client.call(OBJECTS.create, { kind: 'image', body: [{ name: 'SoakImage', content: await upload('image') }] });
  const files = { kernel: await upload('kernel'), initramfs: await upload('initramfs') };
  const boot = { name: 'SoakBoot', image: 'SoakImage', boot_style: 'roram', ...files };
  await client.call(OBJECTS.create, { kind: 'boot', body: [boot] });
  await client.call(MEMBERS.set, { kind: 'attrib', body: { _boot_config: 'SoakBoot' } });
  const nodes = Array.from({ length: plan.nodes }, (_, index) => stormNode(index));
  await client.call(OBJECTS.create, { kind: 'node', body: nodes });
}
