// Messages between the daemon and its iSCSI workers, over Node's channel between parent and child.
import type { Admission, Discovery, OtherAdmission, Refusal, TargetNote, Visitor } from './directory.ts';
import type { IscsiLimits } from './limits.ts';
import type { Traffic } from './traffic.ts';

/** An admission without its disk, which the worker opens itself. */
export interface RemoteAdmission extends Pick<Admission, 'chap' | 'serial' | 'session'> {
  file: string;
  others: readonly (Pick<OtherAdmission, 'chap' | 'serial' | 'session'> & { file: string })[];
}

export type Answer = Discovery | RemoteAdmission | Refusal;

/** To a worker. A connection comes with its socket. */
export type ToWorker =
  | { kind: 'connection' }
  | { kind: 'answer'; id: number; answer: Answer }
  | { kind: 'failed'; id: number; reason: string }
  | { kind: 'end'; which: { target?: string; initiator?: string }; reason: string }
  | { kind: 'close'; graceMs: number }
  | { kind: 'ping' };

/** From a worker. Questions have an id, which also identifies an admission when it is returned. */
export type FromWorker =
  | { kind: 'discover'; id: number; visitor: Visitor }
  | { kind: 'authorize'; id: number; visitor: Visitor & { target: string } }
  | { kind: 'release'; id: number }
  /** The answer to a ping. */
  | { kind: 'pong' }
  | { kind: 'note'; note: TargetNote }
  | { kind: 'report'; problem: string }
  /** Since the last such message; `sessions` is the current number. */
  | { kind: 'traffic'; traffic: Traffic; sessions: number };

/** The environment variable that carries a worker's limits, as JSON. */
export const LIMITS_VARIABLE = 'MUSTER_ISCSI_LIMITS';

export type WorkerLimits = Partial<IscsiLimits>;
