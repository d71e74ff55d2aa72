// One SCSI command in a session.
import type { StatusPlan, TakePlan } from '../scsi/plan.ts';
import type { CommandPdu } from './pdus/command.ts';

/**
 * `new`: not decided yet · `reading`: its data is being sent · `collecting`: its data is being received · `away`: the disk works
 * on it · `finished`: its outcome waits to be sent
 */
export type TaskPhase = 'new' | 'reading' | 'collecting' | 'away' | 'finished';

export class Task {
  readonly pdu: CommandPdu;
  phase: TaskPhase = 'new';
  /** Immediate data, a copy. */
  immediateData: Buffer | undefined;
  /** Ended by task management or with its session: nothing more of it is sent. */
  aborted = false;
  /** Settles when the disk has finished with it. */
  work: Promise<void> | undefined;
  outcome: StatusPlan | undefined;
  /** Bytes needed minus bytes expected; 0 while nothing is planned (RFC 7143 §11.4.5). */
  residual: number;
  /** PDUs sent for it: Data-In or R2T. */
  dataPdus = 0;

  /** Reading: the position of the next byte on the disk, and how many bytes are left and sent. */
  position = 0;
  left = 0;
  sent = 0;

  /** Writing: what to do with the data, where it is collected, and the current burst. */
  take: TakePlan | undefined;
  buffer: Buffer | undefined;
  received = 0;
  burstEnd = 0;
  dataSn = 0;
  transferTag = 0;

  constructor(pdu: CommandPdu) {
    this.pdu = pdu;
    this.residual = -pdu.expected;
  }

  /** Bytes that the initiator has room for. */
  get room(): number {
    return this.pdu.reads ? this.pdu.expected : 0;
  }

  /** Bytes that the initiator will send. */
  get offered(): number {
    return this.pdu.writes ? this.pdu.expected : 0;
  }
}
