// What the target asks of the rest of muster: which targets there are, who may log in, and where to tell what happened.
import type { BlockDevice } from '../scsi/block-device.ts';
import type { LoginStatus } from './login-status.ts';

/** One direction of CHAP (RFC 7143 §12.1.3). */
export interface ChapAccount {
  user: string;
  /** As text; RFC 7143 §12.1.3 asks for 96 random bits at least. */
  secret: string;
}

export interface Chap extends ChapAccount {
  /** With which the target proves itself to the initiator; must have another secret. */
  mutual?: ChapAccount;
}

/** Who wants in. */
export interface Visitor {
  /** The initiator's iSCSI name. */
  initiator: string;
  /** The peer's address without its port. */
  address: string;
}

/** A login is possible: what the initiator has to prove, and the disk that it then gets as logical unit 0. */
export interface Admission {
  /** None: the initiator has to prove nothing. */
  chap?: Chap;
  /** Sessions that get the same object share a logical unit. */
  device: BlockDevice;
  /** The file that a read-only `device` reads, so that another process can open it too: see `workers`. */
  file?: string;
  /** The disk's serial number, up to 32 ASCII characters: the same for the same disk in every session. */
  serial: string;
  /** Comes back in every note about this session, such as the boot session's id. */
  session?: string;
  /** Called once when the session has ended, or when its login failed. Gives back the disks of `others`, too. */
  release?(): void;
  /** Further accounts that may log in to this target, each with the disk that it gets. */
  others?: readonly OtherAdmission[];
}

export type OtherAdmission = Pick<Admission, 'device' | 'file' | 'serial' | 'session'> & { chap: ChapAccount };

/** What a discovery session is to see. */
export interface Discovery {
  chap?: Chap;
  targets: readonly string[];
  /** What further accounts are to see, besides that of `chap`. */
  others?: readonly { chap: ChapAccount; targets: readonly string[] }[];
}

/** No, and why: the reason is for the log; the peer gets only the status. */
export interface Refusal {
  refused: string;
  /** `not-authorized` when absent. */
  status?: LoginStatus;
}

export interface TargetDirectory {
  /** The names of the targets that a discovery session is to see, and the account it needs. */
  discover(visitor: Visitor): Promise<Discovery | Refusal>;
  authorize(visitor: Visitor & { target: string }): Promise<Admission | Refusal>;
}

/** What happened at the target. Never throws and never waits. */
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
  /** The system's code of a failed disk. */
  code?: string;
  /** What the peer was answered, when its login was refused. */
  status?: LoginStatus;
}

export type Note = (note: TargetNote) => void;

/** The target itself failed: a connection that could not be accepted, a worker process, a bug. One sentence for the log. Never throws. */
export type Report = (problem: string) => void;
