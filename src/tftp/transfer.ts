// The state of one transfer to a client, in lock-step or windows. Input: what arrived and when; output: what to send.
//
// Blocks are counted from 1 without end; the wire has the low 16 bits, so 65535 is followed by 0. The OACK
// counts as block 0, because ACK 0 answers it (RFC 2347). Times are milliseconds of any clock that only goes forward.
import type { Terms } from './options.ts';
import { shown } from './words.ts';

export type Action =
  | { do: 'wait' }
  | { do: 'oack' }
  | { do: 'blocks'; first: number; last: number }
  | { do: 'finished' }
  | { do: 'failed'; reason: string; aborted: boolean };

export interface TransferSpec extends Terms {
  /** Bytes of the content. */
  size: number;
  /** Whether an OACK is sent first. */
  oack: boolean;
}

const WAIT: Action = { do: 'wait' };

/** RFC 6298 §2, with a margin over the round trip of a boot network, which is below a millisecond. */
const FIRST_TIMEOUT = 1000;
/**
 * An OACK is repeated only a second after the client's turn to repeat its request or ACK 0: atftp treats a second OACK as an
 * error and stops. Clients without a timeout option wait at most 5 s, as atftp and curl do.
 */
const OACK_MARGIN = 1000;
const CLIENT_TIMEOUT = 5000;
const MOST_OACK_TIMEOUT = 15_000;
/** A request repeated sooner is a copy made by the network. */
const LEAST_REPETITION = 200;
const LEAST_MARGIN = 100;
const MOST_TIMEOUT = 8000;
/** A client silent for this long is gone; firmware outlasts a switch port's spanning tree, which takes 30 s. */
const MOST_SILENCE = 35_000;
/** A client that acknowledges just often enough would otherwise hold its place for ever. */
const MOST_TIME = 1_800_000;
const TOO_SLOW = 'not done after 30 minutes, stopped before the answer';
/** A client that acknowledged the options but no block for this long does not receive blocks of this size. */
const STUCK = 1500;
/** The least wait before a second sign of a lost block counts. */
const LEAST_PATIENCE = 10;

export class Transfer {
  /** When `tick` has something to do. */
  deadline: number;
  /** Last block that the client has: -1 before the OACK's answer. */
  acked: number;
  /** Packets sent more than once. */
  repeats = 0;
  /** Time-outs in a row without an answer of the client. */
  unanswered = 0;
  /** Repeated acknowledgements since the last progress: the client is alive and lacks a block. */
  repeatedAcks = 0;

  private readonly spec: TransferSpec;
  private readonly lastBlock: number;
  private readonly startedAt: number;
  /** Last block of the current window. */
  private sent: number;
  private sentAt: number;
  private progressAt: number;
  private backoff = 0;
  /** Whether a repeated ACK counted as a sign of loss since the last progress. */
  private hinted = false;
  /** Whether the current window began after a lost block. */
  private restarted = false;
  /** Whether a sign of loss moved the deadline forward. */
  private suspected = false;
  /** RFC 1123 §4.2.3.2: an answer to a packet sent twice does not say which one it answers, so it is not measured. */
  private ambiguous = false;
  private smoothed: number | undefined;
  private variation = 0;

  constructor(spec: TransferSpec, now: number) {
    this.spec = spec;
    // RFC 1350 §6: the last block is shorter than a full one, so a size that divides evenly ends with an empty block.
    this.lastBlock = Math.floor(spec.size / spec.blockSize) + 1;
    this.acked = spec.oack ? -1 : 0;
    this.sent = this.acked;
    this.startedAt = now;
    this.sentAt = now;
    this.progressAt = now;
    this.deadline = now;
  }

  /** Whether the client has not answered at all. */
  get halfOpen(): boolean {
    return this.acked === (this.spec.oack ? -1 : 0);
  }

  /** Whether the client was silent past the time its answer was due. */
  get overdue(): boolean {
    return this.backoff > 0;
  }

  /** Returns whether the client answered the options, which are a short packet, and has acknowledged no block for a while. */
  isStuck(now: number): boolean {
    return this.spec.oack && this.acked === 0 && this.repeats > 0 && now - this.progressAt >= STUCK;
  }

  get blocks(): number {
    return this.lastBlock;
  }

  start(now: number): Action {
    return this.send(now);
  }

  /** An ACK with this block number came from the client. */
  ack(block: number, now: number): Action {
    const ahead = (block - this.acked) & 0xffff;
    if (ahead === 0) return this.repeatedAck(now);
    // Older than the window, or never sent.
    if (ahead > this.sent - this.acked) return WAIT;
    if (this.acked + ahead === this.sent && !this.ambiguous) this.measure(now - this.sentAt);
    this.acked += ahead;
    this.progressAt = now;
    this.unanswered = 0;
    this.repeatedAcks = 0;
    this.hinted = false;
    if (this.acked === this.lastBlock) return { do: 'finished' };
    if (now - this.startedAt >= MOST_TIME) return this.fail(TOO_SLOW);
    if (this.acked === this.sent) {
      this.restarted = false;
      return this.send(now);
    }
    return this.lost(now);
  }

  /** The client repeated its request: it did not receive the first answer. */
  requestAgain(now: number): Action {
    return this.halfOpen && now - this.sentAt >= LEAST_REPETITION ? this.send(now) : WAIT;
  }

  /** An ERROR came from the client; RFC 1350 §7: it ends the transfer and is not answered. */
  error(code: number, message: string): Action {
    return { do: 'failed', reason: `the client stopped it with error ${code}: ${shown(message)}`, aborted: true };
  }

  /** Call it at or after `deadline`; `queued` when this machine has not sent all of the last window yet. */
  tick(now: number, queued = false): Action {
    if (now < this.deadline) return WAIT;
    const silence = now - this.progressAt;
    if (silence >= MOST_SILENCE) return this.fail(`no answer for ${Math.round(silence / 1000)} s`);
    if (now - this.startedAt >= MOST_TIME) return this.fail(TOO_SLOW);
    if (queued) {
      this.ambiguous = true;
      this.deadline = Math.min(now + this.timeout(), this.progressAt + MOST_SILENCE);
      return WAIT;
    }
    if (!this.suspected) {
      this.backoff += 1;
      this.unanswered += 1;
    }
    const action = this.send(now);
    // The last wait ends when the silence has lasted long enough, not when the next repetition would be due.
    this.deadline = Math.min(this.deadline, this.progressAt + MOST_SILENCE);
    return action;
  }

  /**
   * RFC 7440 §4: an ACK inside the window means that a block was lost; the next window begins after the acknowledged one. But
   * such ACKs also come from clients that count their window from another block (atftp, after a repetition) and where packets
   * overtake each other, and each would double the traffic. So only the first repeats; after the following ones the window slides
   * on, until an ACK for a whole window shows that both sides agree.
   */
  private lost(now: number): Action {
    if (!this.restarted) {
      this.restarted = true;
      return this.send(now);
    }
    const first = this.sent + 1;
    const last = this.windowEnd();
    if (last >= first) {
      this.sent = last;
      this.sentAt = now;
      this.ambiguous = false;
    }
    this.suspect(now);
    return last >= first ? { do: 'blocks', first, last } : WAIT;
  }

  /**
   * RFC 1123 §4.2.3.1, the Sorcerer's Apprentice: in lock-step a repeated ACK never makes the server send. In a window it may
   * mean that the window's first block was lost (RFC 7440 §4), or be a copy made by the network: when no other ACK follows within
   * a round trip the window is sent again, once.
   */
  private repeatedAck(now: number): Action {
    this.repeatedAcks += 1;
    if (this.spec.windowSize === 1 || this.acked < 0 || this.hinted) return WAIT;
    this.hinted = true;
    this.suspect(now);
    return WAIT;
  }

  /** Something may be lost: if no ACK shows otherwise within a round trip, the window is sent again. */
  private suspect(now: number): void {
    const early = now + Math.max(LEAST_PATIENCE, this.smoothed ?? 0);
    if (early >= this.deadline) return;
    this.deadline = early;
    this.suspected = true;
  }

  /** Sends the window after the last acknowledged block. */
  private send(now: number): Action {
    const first = this.acked + 1;
    const last = this.windowEnd();
    this.repeats += Math.max(0, this.sent - first + 1);
    this.ambiguous = last <= this.sent;
    this.sent = last;
    this.sentAt = now;
    this.suspected = false;
    this.deadline = now + this.timeout();
    return first === 0 ? { do: 'oack' } : { do: 'blocks', first, last };
  }

  /** The OACK, block 0, is a window by itself. */
  private windowEnd(): number {
    return this.acked < 0 ? 0 : Math.min(this.acked + this.spec.windowSize, this.lastBlock);
  }

  /**
   * RFC 1123 §4.2.3.2: adaptive, with exponential back-off. RFC 2349: the negotiated time is the longest wait; a lost block is
   * repeated sooner, because curl asks for 5 s and each loss would cost as much.
   */
  private timeout(): number {
    if (this.acked < 0) return Math.min((this.spec.timeoutMs ?? CLIENT_TIMEOUT) + OACK_MARGIN, MOST_OACK_TIMEOUT);
    const measured =
      this.smoothed === undefined ? FIRST_TIMEOUT : this.smoothed + Math.max(LEAST_MARGIN, 4 * this.variation);
    return Math.min(measured * 2 ** Math.min(this.backoff, 16), this.spec.timeoutMs ?? MOST_TIMEOUT, MOST_TIMEOUT);
  }

  /** RFC 6298 §2; an unambiguous answer also ends the back-off. */
  private measure(roundTrip: number): void {
    this.backoff = 0;
    if (this.smoothed === undefined) {
      this.smoothed = roundTrip;
      this.variation = roundTrip / 2;
      return;
    }
    this.variation += (Math.abs(this.smoothed - roundTrip) - this.variation) / 4;
    this.smoothed += (roundTrip - this.smoothed) / 8;
  }

  private fail(what: string): Action {
    const where = this.acked < 0 ? 'its options' : `block ${this.acked + 1} of ${this.lastBlock}`;
    return { do: 'failed', reason: `${what} to ${where}`, aborted: false };
  }
}
