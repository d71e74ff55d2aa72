// One virtual node: power on, power off, its console.

import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicNow } from '../src/clock.ts';
import { MusterError } from '../src/errors.ts';
import {
  type Accelerator,
  AcceleratorChoice,
  systemPorts,
  type TrialOutcome,
  wantedAccelerator,
} from './accelerator.ts';
import { type Firmware, findOvmf } from './firmware.ts';
import type { Namespace } from './namespace.ts';
import { portOf } from './network.ts';
import { type LabProcess, startProcess, tailOf } from './process.ts';
import { CAPTURE, qemuArguments } from './qemu.ts';
import { qmp } from './qmp.ts';
import { type Found, Serial, type WaitOptions } from './serial.ts';
import { tryOut } from './trial.ts';

export interface MachineOptions {
  index: number;
  firmware: Firmware;
  /** MiB. */
  memory: number;
  /** Raw disk images. */
  disks?: readonly string[];
  /** Whether all frames of its network card are captured. Each power-on starts a new capture. */
  captured?: boolean;
  /** The index of a second port: its tap must exist before power-on. */
  secondPort?: number;
  /** For sockets and the firmware's variables; the path must be short, because a socket's name has at most 107 bytes. */
  folder: string;
  logs: string;
  /** QEMU: a name is searched in PATH. */
  qemu?: string;
  /** Shared by the nodes of a lab; by default MUSTER_LAB_ACCEL decides. */
  accelerator?: AcceleratorChoice;
}

export class Machine {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly tap: string;
  readonly serial: Serial;
  private readonly options: MachineOptions;
  private readonly accelerator: AcceleratorChoice;
  private readonly namespace: Namespace;
  private process: LabProcess | undefined;
  private startedAt: number | undefined;
  /** Where in the console's text the last power-on begins. */
  consoleStart = 0;

  constructor(namespace: Namespace, options: MachineOptions) {
    this.options = options;
    this.accelerator =
      options.accelerator ??
      new AcceleratorChoice(
        wantedAccelerator(undefined),
        systemPorts(() => {}),
      );
    this.namespace = namespace;
    this.index = options.index;
    this.name = `n${options.index}`;
    ({ mac: this.mac, tap: this.tap } = portOf(options.index));
    rmSync(join(options.logs, `${this.name}.serial`), { force: true });
    this.serial = new Serial(join(options.logs, `${this.name}.serial`), this.file('ser'));
  }

  /** Milliseconds since the power was switched on; undefined while it is off. */
  get poweredFor(): number | undefined {
    return this.startedAt === undefined ? undefined : monotonicNow() - this.startedAt;
  }

  /** For QEMU's machine protocol, while the machine runs. */
  get qmpSocket(): string {
    return this.file('qmp');
  }

  get pid(): number | undefined {
    return this.process?.status() === undefined ? this.process?.pid : undefined;
  }

  /** Where its frames are captured (pcap). */
  get captureFile(): string {
    return this.file('frames');
  }

  /** Switches the power on, each time with new firmware variables, so that no old boot order is left. */
  async powerOn(): Promise<void> {
    if (this.pid !== undefined) return;
    this.consoleStart = this.serial.length();
    this.startedAt = monotonicNow();
    await this.accelerator.start({
      start: async accelerator => this.start(accelerator),
      tryOut: async () => this.tryOut(),
      stop: async () => {
        await this.powerOff();
        this.startedAt = monotonicNow();
      },
    });
  }

  private async start(accelerator: Accelerator): Promise<void> {
    const { firmware, memory, logs } = this.options;
    for (const kind of ['ser', 'qmp']) rmSync(this.file(kind), { force: true });
    const args = qemuArguments({
      name: this.name,
      firmware,
      memory,
      mac: this.mac,
      tap: this.tap,
      accelerator,
      ...(accelerator === 'kvm' && { capture: this.file('pcap') }),
      ...(this.options.captured && { frames: this.captureFile }),
      serialSocket: this.file('ser'),
      serialLog: this.serial.log,
      qmpSocket: this.file('qmp'),
      ...(this.options.disks && { disks: this.options.disks }),
      ...(this.options.secondPort !== undefined && { second: portOf(this.options.secondPort) }),
      ...(firmware !== 'bios' && { ovmf: this.freshVariables() }),
    });
    this.process = await startProcess({
      name: `the virtual machine ${this.name}`,
      command: this.namespace.command([this.options.qemu ?? 'qemu-system-x86_64', ...args]),
      log: join(logs, `${this.name}.qemu`),
    });
  }

  /** Returns whether a machine just started with KVM gets as far as DHCP. */
  private async tryOut(): Promise<TrialOutcome> {
    const from = this.serial.length();
    const capture = this.file('pcap');
    const outcome = await tryOut({
      qmpSocket: this.qmpSocket,
      capture,
      ended: () => this.ended(),
      spoke: () => /\S/.test(this.serial.text().slice(from)),
    });
    if (outcome.works) await qmp(this.qmpSocket, 'object-del', { id: CAPTURE });
    rmSync(capture, { force: true });
    return outcome;
  }

  /** Cuts the power. */
  async powerOff(): Promise<void> {
    this.serial.hangUp();
    this.process?.kill('SIGKILL');
    await this.process?.exited;
    this.process = undefined;
    this.startedAt = undefined;
  }

  async screendump(file: string): Promise<void> {
    await qmp(this.file('qmp'), 'screendump', { filename: file, format: 'png' });
  }

  async pressPowerButton(): Promise<void> {
    await qmp(this.file('qmp'), 'system_powerdown');
  }

  /** Waits for text on the console. Throws with the reason and the console's last lines when it will not come. */
  async waitForSerial(mark: RegExp, options: Omit<WaitOptions, 'hopeless'>): Promise<RegExpMatchArray> {
    const hopeless = (): string | undefined => this.ended();
    const found: Found = await this.serial.waitFor(mark, { ...options, hopeless });
    if ('match' in found) return found.match;
    throw new MusterError('boot-failed', `${this.name}: ${found.problem}. ${await this.lastWords()}`);
  }

  /** Returns why the machine no longer runs, or undefined. */
  ended(): string | undefined {
    const status = this.process?.status();
    return status === undefined ? undefined : `the virtual machine has ended with status ${status}`;
  }

  async lastWords(): Promise<string> {
    const qemu = await tailOf(join(this.options.logs, `${this.name}.qemu`), 5);
    return `${qemu ? `QEMU printed: ${qemu}\n` : ''}The console's last lines:\n${this.serial.tail()}`;
  }

  private freshVariables(): { code: string; vars: string } {
    const { code, vars } = findOvmf(this.options.firmware);
    const own = this.file('vars');
    copyFileSync(vars, own);
    return { code, vars: own };
  }

  private file(kind: string): string {
    return join(this.options.folder, `${this.name}.${kind}`);
  }
}
