// What the target needs from muster: which targets exist, who may log in, and where to report events.
import type { BlockDevice } from '../scsi/block-device.ts';
import type { LoginStatus } from './login-status.ts';

/** One direction of CHAP (RFC 7143 §12.1.3). */
export interface ChapAccount {
  user: string;
  /** As text; RFC 7143 §12.1.3 asks for at least 96 random bits. */
  secret: string;
}

export interface Chap extends ChapAccount {
  /** The target proves itself to the initiator with this; it must have another secret. */
  mutual?: ChapAccount;
}

/** A peer that wants to log in. */
export interface Visitor {
  /** The initiator's iSCSI name. */
  initiator: string;
  /** The peer's address without its port. */
  address: string;
}

/** A possible login: what the initiator has to prove, and the disk that it then gets as logical unit 0. */
export interface Admission {
  /** Absent: the initiator has to prove nothing. */
  chap?: Chap;
  /** Sessions with the same object share a logical unit. */
  device: BlockDevice;
  /** The file of a read-only `device`, so that another process can open it too: see `workers`. */
  file?: string;
  /** The disk's serial number, up to 32 ASCII characters: the same for the same disk in every session. */
  serial: string;
  /** Included in every note about this session, such as the boot session's id. */
  session?: string;
  /** Called once when the session has ended, or when its login failed. Also releases the disks of `others`. */
  release?(): void;
  /** Further accounts that may log in to this target, each with the disk that it gets. */
  others?: readonly OtherAdmission[];
}

export type OtherAdmission = Pick<Admission, 'device' | 'file' | 'serial' | 'session'> & { chap: ChapAccount };

/** What a discovery session may see. */
export interface Discovery {
  chap?: Chap;
  targets: readonly string[];
  /** What further accounts may see, besides that of `chap`. */
  others?: readonly { chap: ChapAccount; targets: readonly string[] }[];
}

/** A refusal: the reason is for the log; the peer gets only the status. */
export interface Refusal {
  refused: string;
  /** `not-authorized` when absent. */
  status?: LoginStatus;
}

export interface TargetDirectory {
  /** Returns the names of the targets for a discovery session, and the account it needs. */
  discover(visitor: Visitor): Promise<Discovery | Refusal>;
  authorize(visitor: Visitor & { target: string }): Promise<Admission | Refusal>;
}

/** An event at the target. Never throws and never waits. */
export interface TargetNote {
  event: 'login' | 'logout' | 'refused' | 'dropped' | 'disk-failed';
  /** The peer as `address:port`. */
  peer: string;
  initiator?: string;
  /** None for a discovery session. */
  target?: string;
  /** `Admission.session`. */
  session?: string;
  /** Why, for everything but a login. */
  reason?: string;
  /** How it ended, when neither the initiator logged out nor the target decided it. */
  how?: 'silent' | 'reset' | 'closed' | 'replaced';
  /** The system's code of a failed disk. */
  code?: string;
  /** What the peer was answered, when its login was refused. */
  status?: LoginStatus;
}

export type Note = (note: TargetNote) => void;

/** The target itself failed: a connection that could not be accepted, a worker process, a bug. One sentence for the log. Never throws. */
export type Report = (problem: string) => void;
