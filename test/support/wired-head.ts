// A real musterd and machines in network namespaces on one switch, where faults of the wire can be made. Needs root.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { muster } from '../../lab/cluster.ts';
import { LabHead } from '../../lab/head.ts';
import { HEAD } from '../../lab/network.ts';
import { type LabProcess, SYSTEM_PATH, startProcess } from '../../lab/process.ts';
import { AdminClient } from '../../src/api/client.ts';
import { NODES, type ShownWhy } from '../../src/api/nodes.ts';
import { DIES_WITH_PARENT, run, runOk } from '../../src/process/run.ts';
import { INITRAMFS_LEVEL, markArchive } from '../../src/wire/initramfs-mark.ts';
import { fakeKernel } from '../admin/world.ts';
import { findProgram } from './require.ts';

let count = 0;

/** With the mark from which the head learns what it can do. */
const INITRAMFS = Buffer.concat([
  markArchive({ level: INITRAMFS_LEVEL, tls: true }),
  Buffer.alloc(1 << 20, 'initramfs'),
]);
export const INITRAMFS_BYTES = INITRAMFS.length;

const LOST = '-net_raw,-dac_override,-dac_read_search';
const UNPRIVILEGED = ['setpriv', `--bounding-set=${LOST}`, `--inh-caps=${LOST}`];

/** A machine: a namespace with one interface, eth0, on the switch. */
export class WiredMachine {
  readonly space: string;
  constructor(space: string) {
    this.space = space;
  }

  command(words: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.space, ...DIES_WITH_PARENT, ...words];
  }

  async run(words: readonly string[], input?: string): Promise<string> {
    const [program = '', ...args] = this.command(words);
    return runOk(program, args, { env: { PATH: SYSTEM_PATH }, ...(input !== undefined && { input }) });
  }

  /** Runs `ip` inside. */
  async ip(words: string): Promise<void> {
    await runOk('ip', ['-n', this.space, ...words.split(' ')]);
  }

  /**
   * Asks for an address as PXE firmware or as iPXE does; the address is set by hand.
   * @param machine its identifier, 16 bytes in hexadecimal digits
   */
  async dhcp(who: 'firmware' | 'ipxe', machine?: string): Promise<void> {
    const marks = who === 'ipxe' ? ['-x', `0x4d:${Buffer.from('iPXE').toString('hex')}`] : [];
    if (machine !== undefined) marks.push('-x', `0x61:00${machine}`);
    await this.run([
      ...[findProgram('udhcpc') ?? 'udhcpc', '-n', '-q', '-f', '-i', 'eth0', '-s', '/bin/true', '-t', '20', '-T', '1'],
      ...['-V', 'PXEClient:Arch:00007:UNDI:003000', '-x', '0x5d:0007', ...marks],
    ]);
  }

  /** The text behind an URL of the head. */
  async get(path: string): Promise<string> {
    return this.run([findProgram('curl') ?? 'curl', '-sS', '--max-time', '60', `http://${HEAD.address}:8080${path}`]);
  }
}

export interface WiredOptions {
  /** Lines of the configuration file. */
  config?: string;
  /** Bytes of a file system of its own that the head's state is on. */
  stateBytes?: number;
  /** Variables of musterd's environment. */
  env?: Record<string, string>;
  /**
   * Starts musterd without the capabilities to use raw sockets and to read every file, as its unit does, on a system that lets
   * everybody send echo requests, as systemd sets it.
   */
  isUnprivileged?: boolean;
}

export class WiredHead {
  readonly folder: string;
  readonly head: LabHead;
  readonly machine: WiredMachine;
  readonly client: AdminClient;
  private readonly switchSpace: string;
  private readonly processes: LabProcess[] = [];
  private readonly spaces: string[] = [];
  private readonly name = `mw${process.pid}-${++count}`;

  private constructor(folder: string, options: WiredOptions) {
    this.folder = folder;
    this.switchSpace = `${this.name}s`;
    this.machine = new WiredMachine(`${this.name}h`);
    const namespace = {
      command: (words: readonly string[]) =>
        this.machine.command([...(options.isUnprivileged ? UNPRIVILEGED : []), 'env', ...pairs(options.env), ...words]),
      run: this.machine.run.bind(this.machine),
      close: async () => {},
    };
    this.head = new LabHead(namespace, { folder, logs: folder, ...(options.config && { config: options.config }) });
    this.client = new AdminClient({ socket: this.head.socket });
  }

  static async start(options: WiredOptions = {}): Promise<WiredHead> {
    const folder = await mkdtemp(join(tmpdir(), 'muster-wired-'));
    const wired = new WiredHead(folder, options);
    try {
      await wired.addSpace(wired.switchSpace);
      await runOk('ip', ['-n', wired.switchSpace, 'link', 'add', 'sw', 'type', 'bridge', 'stp_state', '0']);
      await runOk('ip', ['-n', wired.switchSpace, 'link', 'set', 'sw', 'up']);
      await wired.plug(wired.machine, 'head', HEAD.interface);
      await wired.machine.ip(`addr add ${HEAD.cidr} dev ${HEAD.interface}`);
      if (options.stateBytes !== undefined) {
        await mkdir(wired.head.state, { mode: 0o700 });
        await runOk('mount', ['-t', 'tmpfs', '-o', `size=${options.stateBytes}`, 'muster-test', wired.head.state]);
      }
      if (options.isUnprivileged) await wired.machine.run(['sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647']);
      await wired.head.start();
    } catch (error) {
      await wired.stop();
      throw error;
    }
    return wired;
  }

  /** Adds a machine to the switch. @param address with its prefix */
  async addMachine(port: string, mac: string, address: string): Promise<WiredMachine> {
    const machine = new WiredMachine(`${this.name}${port}`);
    await this.plug(machine, port, 'eth0');
    await machine.ip('link set eth0 down');
    await machine.ip(`link set eth0 address ${mac}`);
    await machine.ip('link set eth0 up');
    await machine.ip(`addr add ${address} dev eth0`);
    return machine;
  }

  /** Gives the switch rules of nftables. */
  async filter(rules: string): Promise<void> {
    const words = ['netns', 'exec', this.switchSpace, findProgram('nft') ?? 'nft', '-f', '-'];
    await runOk('ip', words, { input: rules });
  }

  /** Runs a program of a machine that nobody waits for. */
  async background(machine: WiredMachine, words: readonly string[]): Promise<LabProcess> {
    const log = join(this.folder, `${this.processes.length}.log`);
    const started = await startProcess({ name: words[0] ?? '', command: machine.command(words), log });
    this.processes.push(started);
    return started;
  }

  /** Runs `muster`; any status but 0 is an error. */
  async muster(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await muster(this.head.socket, words);
    if (status !== 0) throw new Error(`muster ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Makes a boot config, an image and the node n0. @param bytes of the kernel */
  async fill(mac: string, bytes = 4 << 20): Promise<void> {
    const [kernel, initramfs, content] = ['kernel', 'initramfs', 'content'].map(name => join(this.folder, name));
    if (!kernel || !initramfs || !content) throw new Error('no names');
    await writeFile(kernel, fakeKernel('6.1.0', Buffer.alloc(bytes, 'kernel')));
    await writeFile(initramfs, INITRAMFS);
    await mkdir(content, { recursive: true });
    await writeFile(join(content, 'data'), Buffer.alloc(1 << 20, 'image'));
    await runOk('mksquashfs', [content, join(this.folder, 'squashfs'), '-no-progress', '-quiet', '-noappend']);
    await this.muster('image', 'create', 'name=DefaultImage', `content=@${join(this.folder, 'squashfs')}`);
    const files = [`kernel=@${kernel}`, `initramfs=@${initramfs}`, 'image=DefaultImage'];
    await this.muster('boot', 'create', 'name=DefaultBoot', ...files, 'boot_style=roram', 'cmdline=quiet');
    await this.muster('attrib', 'set', '_boot_config=DefaultBoot');
    await this.muster('node', 'create', 'name=n0', 'index=0', `mac=${mac}`);
  }

  /** What `why` says of a node. */
  async why(node = 'n0'): Promise<ShownWhy> {
    const [found] = await this.client.call(NODES.why, { query: { id: node } });
    if (!found) throw new Error(`no node ${node}`);
    return found;
  }

  /** Asks until a rule is named, at most the milliseconds; returns the last answer. */
  async whyUntil(rule: string, milliseconds = 60_000): Promise<ShownWhy> {
    const until = performance.now() + milliseconds;
    let found = await this.why();
    while (found.rule !== rule && performance.now() < until) found = await this.why();
    return found;
  }

  async stop(): Promise<void> {
    await this.client.close();
    for (const one of this.processes) await one.stop(1000);
    await this.head.stop();
    await run('umount', ['-l', this.head.state]);
    for (const space of this.spaces) await run('ip', ['netns', 'del', space]);
    await rm(this.folder, { recursive: true, force: true });
  }

  private async addSpace(space: string): Promise<void> {
    await runOk('ip', ['netns', 'add', space]);
    this.spaces.push(space);
    await runOk('ip', ['-n', space, 'link', 'set', 'lo', 'up']);
  }

  private async plug(machine: WiredMachine, port: string, name: string): Promise<void> {
    await this.addSpace(machine.space);
    const far = ['peer', 'name', name, 'netns', machine.space];
    await runOk('ip', ['-n', this.switchSpace, 'link', 'add', port, 'type', 'veth', ...far]);
    await runOk('ip', ['-n', this.switchSpace, 'link', 'set', port, 'master', 'sw']);
    await runOk('ip', ['-n', this.switchSpace, 'link', 'set', port, 'up']);
    await machine.ip(`link set ${name} up`);
  }
}

const pairs = (env: Record<string, string> = {}): string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`);
