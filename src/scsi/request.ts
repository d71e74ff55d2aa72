// The input of a command: its descriptor block, the disk, and the initiator.
import type { BlockDevice } from './block-device.ts';
import type { Sense, SenseName } from './sense.ts';

/** The input of a command. */
export interface CommandRequest {
  /** The command descriptor block, 16 bytes, the unused tail zero. */
  cdb: Buffer;
  unit: Disk;
  device: BlockDevice;
  nexus: Nexus;
}

/** A disk as commands see it. */
export interface Disk {
  readonly device: BlockDevice;
  readonly identity: Identity;
}

/** What INQUIRY reports about a disk. */
export interface Identity {
  /** The target's iSCSI name; the world-wide name of the disk is derived from it and the serial number. */
  targetName: string;
  /** The same disk has the same serial number in every session and after every restart. */
  serial: string;
}

/** One initiator's access to a logical unit, for the length of its session (I_T_L nexus). */
export class Nexus {
  /** Called when another initiator resets the unit: its tasks end, or the whole session. */
  onReset: (how: 'tasks' | 'session') => void = () => {};
  private readonly attentions: SenseName[] = [];

  /** A new session finds the unit as after power on (SAM-5 §5.14). */
  constructor(first: SenseName = 'power-on-or-reset') {
    this.attentions.push(first);
  }

  /** Adds a unit attention; one that already waits is not added twice. */
  attend(name: SenseName): void {
    if (!this.attentions.includes(name)) this.attentions.push(name);
  }

  /** Takes the oldest unit attention, which is then reported. */
  takeAttention(): Sense | undefined {
    const name = this.attentions.shift();
    return name && { name };
  }

  get attentionWaits(): boolean {
    return this.attentions.length > 0;
  }
}
