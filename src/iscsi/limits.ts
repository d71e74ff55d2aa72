// What one peer may cost: bytes, seconds and numbers. All limits of the target.

export interface IscsiLimits {
  /** Sessions in all; a login beyond it is refused with "out of resources". */
  sessions: number;
  /** Sessions of one initiator name at one target. */
  sessionsPerInitiator: number;
  /** Connections that have not logged in, in total and per address; a newer one replaces the oldest. */
  pending: number;
  pendingPerAddress: number;
  /** From accept to the end of login, in milliseconds. */
  loginMs: number;
  /**
   * Silence after which a NOP-In checks the peer, in milliseconds. Long: a kernel's initiator sends something every few seconds
   * by itself, and a node that boots again replaces its old session.
   */
  idleMs: number;
  /** How long it may then be silent, in milliseconds. */
  pingMs: number;
  /** Concurrent commands of a session: the command window (RFC 7143 §4.2.2.1). */
  window: number;
  /** Bytes of answers that may wait for a peer that does not read; beyond that its commands wait. */
  outputBytes: number;
  /** Bytes of writes that a session may request (R2T) at a time. */
  writeBytes: number;
  /** Bytes of key=value text in one negotiation (RFC 7143 §6.1). */
  textBytes: number;
  /** Login requests of one login; each costs an answer, so an endless negotiation is refused. */
  loginRequests: number;
}

export const ISCSI_LIMITS: IscsiLimits = {
  sessions: 4096,
  sessionsPerInitiator: 64,
  pending: 512,
  pendingPerAddress: 32,
  loginMs: 15_000,
  idleMs: 120_000,
  pingMs: 30_000,
  window: 128,
  outputBytes: 512 * 1024,
  writeBytes: 8 * 1024 * 1024,
  textBytes: 16 * 1024,
  loginRequests: 32,
};

/** What muster declares that it accepts in one data segment (RFC 7143 §13.12), in bytes. */
export const MAX_RECEIVE_SEGMENT = 256 * 1024;

/** What either side may send in one data segment during login (RFC 7143 §13.12), in bytes. */
export const LOGIN_SEGMENT = 8192;
