// Which accelerator virtual nodes run with: the choice, and what is known about this machine's /dev/kvm.
import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MusterError } from '../src/errors.ts';
import { cacheFolder } from './image-cache.ts';

/** The choices of an administrator. `auto`: KVM where it runs firmware, else emulation (TCG). */
const ACCELERATORS = ['auto', 'kvm', 'tcg'] as const;
export type WantedAccelerator = (typeof ACCELERATORS)[number];
export type Accelerator = 'kvm' | 'tcg';

/** How a machine with KVM started: it sent a DHCP packet, or the reason why it never will. */
export type TrialOutcome = { works: true } | { works: false; reason: string };

export interface AcceleratorPorts {
  /** Whether /dev/kvm can be opened. */
  hasKvm(): boolean;
  /** Returns why KVM has failed here since this machine started; undefined if it has not. */
  recall(): string | undefined;
  remember(reason: string): void;
  /** Shows one line to the administrator. */
  say(line: string): void;
}

/** Reads `--accel`, or MUSTER_LAB_ACCEL when the option is absent. Throws `bad-usage` for any other word. */
export function wantedAccelerator(option: string | undefined, env: NodeJS.ProcessEnv = process.env): WantedAccelerator {
  const [name, value] = option === undefined ? ['MUSTER_LAB_ACCEL', env['MUSTER_LAB_ACCEL']] : ['--accel', option];
  const found = ACCELERATORS.find(word => word === (value || 'auto'));
  if (found) return found;
  throw new MusterError('bad-usage', `${name}: '${value}' is unknown; use ${ACCELERATORS.join(', ')}.`);
}

/** One choice for all nodes of a lab: the first one tries KVM, the others wait for its outcome. */
export class AcceleratorChoice {
  private readonly wanted: WantedAccelerator;
  private readonly ports: AcceleratorPorts;
  private settled: Accelerator | undefined;
  private trial: Promise<void> | undefined;

  constructor(wanted: WantedAccelerator, ports: AcceleratorPorts) {
    this.wanted = wanted;
    this.ports = ports;
  }

  /**
   * Starts a machine with the right accelerator. `start` starts it; `tryOut` decides whether a machine with KVM got as far as
   * DHCP; `stop` ends it. Throws `boot-failed` when KVM was demanded and does not run the firmware.
   */
  async start(machine: {
    start(accelerator: Accelerator): Promise<void>;
    tryOut(): Promise<TrialOutcome>;
    stop(): Promise<void>;
  }): Promise<void> {
    while (this.trial) await this.trial;
    const accelerator = this.settled ?? this.untried();
    if (accelerator !== 'try') return await machine.start(accelerator);
    let done = (): void => {};
    this.trial = new Promise(resolve => {
      done = resolve;
    });
    try {
      await machine.start('kvm');
      const outcome = await machine.tryOut();
      this.settled = outcome.works ? 'kvm' : 'tcg';
      if (outcome.works) return;
      await machine.stop();
      this.failed(outcome.reason);
      await machine.start('tcg');
    } finally {
      this.trial = undefined;
      done();
    }
  }

  private untried(): Accelerator | 'try' {
    if (this.wanted === 'tcg') return this.settle('tcg');
    if (this.wanted === 'kvm') return 'try';
    if (!this.ports.hasKvm()) return this.settle('tcg');
    const reason = this.ports.recall();
    if (reason === undefined) return 'try';
    this.ports.say(
      `/dev/kvm failed earlier (${reason}): nodes run emulated (TCG), which is slower; --accel kvm tries it again`,
    );
    return this.settle('tcg');
  }

  private failed(reason: string): void {
    if (this.wanted === 'kvm') {
      this.settled = undefined;
      throw new MusterError(
        'boot-failed',
        `/dev/kvm cannot run this node's firmware: ${reason}. Use --accel tcg, or auto, to emulate the processor.`,
      );
    }
    this.ports.remember(reason);
    this.ports.say(`/dev/kvm cannot run the firmware (${reason}): nodes run emulated (TCG), which is slower`);
  }

  private settle(accelerator: Accelerator): Accelerator {
    this.settled = accelerator;
    return accelerator;
  }
}

/** The machine's own /dev/kvm, and a note in the lab's cache that is valid until the kernel restarts. */
export function systemPorts(
  say: (line: string) => void,
  file = join(cacheFolder(), 'accelerator.json'),
): AcceleratorPorts {
  return {
    hasKvm: () => {
      try {
        accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
    recall: () => {
      try {
        const note: unknown = JSON.parse(readFileSync(file, 'utf8'));
        if (typeof note !== 'object' || note === null || !('boot' in note) || !('reason' in note)) return undefined;
        return note.boot === bootId() && typeof note.reason === 'string' ? note.reason : undefined;
      } catch {
        return undefined;
      }
    },
    remember: reason => {
      try {
        mkdirSync(dirname(file), { recursive: true });
        const part = `${file}.${process.pid}`;
        writeFileSync(part, `${JSON.stringify({ boot: bootId(), reason })}\n`);
        renameSync(part, file);
      } catch {
        // An unwritable cache costs the next lab a few seconds.
      }
    },
    say,
  };
}

/** Names one run of this machine's kernel: KVM may work in another one. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
