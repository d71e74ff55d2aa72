// What the parts of a session share: executing tasks, and requests about the session itself.
import type { LogicalUnit } from '../scsi/lun.ts';
import type { Nexus } from '../scsi/request.ts';
import type { Counters } from './counters.ts';
import type { IscsiLimits } from './limits.ts';
import type { Established } from './login-state.ts';
import type { Output } from './output.ts';
import type { Task } from './task.ts';
import type { TaskSet } from './task-set.ts';
import type { Traffic } from './traffic.ts';

export interface SessionPorts {
  out: Output;
  limits: IscsiLimits;
  /** Counts what is done. */
  traffic: Traffic;
  /** Requests a call of `work`, because a task can continue. */
  wake(): void;
  /** The disk of the head failed in the middle of a command. */
  diskFailed(cause: unknown): void;
  /** Ends the connection when everything that was written has left. */
  end(event: 'logout' | 'dropped', reason: string): void;
}

/**
 * The state of an exchange of Text (RFC 7143 §11.10): `none`, `collecting` a request in several parts, or `answering` in several.
 * There is one exchange at a time, and a new one ends it.
 */
export type TextExchange =
  | { kind: 'none' }
  | { kind: 'collecting'; received: Buffer }
  | { kind: 'answering'; rest: Buffer };

/** What executing a task needs from its session. */
export interface TaskGround {
  readonly established: Established;
  readonly ports: SessionPorts;
  readonly counters: Counters;
  readonly tasks: TaskSet;
  /** None in a discovery session. */
  readonly unit: LogicalUnit | undefined;
  readonly nexus: Nexus;
}

/** What requests about the session itself need from it. */
export interface ControlGround extends TaskGround {
  text: TextExchange;
  /**
   * Runs `handle` when it is the request's turn, which is mostly now.
   * @param bytes what it holds until then
   */
  inOrder(cmdSn: number, immediate: boolean, handle: () => void, bytes?: number): void;
  /**
   * Counts a command as received before its turn, so that it never runs (RFC 7143 §11.6.1 b).
   * @param refCmdSn its number
   * @param cmdSn that of the request that aborts it
   * @returns false when the number cannot arrive any longer
   */
  cancel(refCmdSn: number, cmdSn: number): boolean;
  /** Cancels every command that waits for its turn and precedes the request with this number. */
  cancelEarly(cmdSn: number): void;
  reject(reason: number, header: Buffer): void;
  /** Ends tasks without an answer; resolves when the disk has finished with them (RFC 7143 §11.6.1). */
  abort(tasks: readonly Task[]): Promise<void>;
}
