// Reports of transfers: a line of the log, bounded for each peer, and a note on the node's timeline.
import type { TftpLook } from '../boot/evidence.ts';
import type { BootFileName, Fault } from '../boot/faults.ts';
import type { Problem, Stage, StageNote } from '../boot/journey.ts';
import { LogLimiter } from '../log.ts';
import type { Channel } from './channel.ts';
import type { Unavailable } from './contents.ts';
import type { Client } from './datagrams.ts';
import { isOptional, shown, transferWords } from './words.ts';

/** Bytes of the headers of TFTP, UDP and IPv4. */
const HEADERS = 4 + 8 + 20;

export type Note = Omit<StageNote, 'error' | 'fault'> & Problem;

/** The meaning of a refusal for the boot, when it concerns a boot's file. */
export interface Meaning {
  stage?: Stage;
  fault?: Fault;
}

/** A file counts as a loader by default. */
function what({ stage = 'loader', kind = 'loader' }: { stage?: Stage; kind?: BootFileName } = {}): {
  stage: Stage;
  file: BootFileName;
} {
  return { stage, file: kind };
}

/** Where the reports go. They are plain data, so a thread may send them. */
export interface Listeners {
  /** A line of the log. */
  line(level: 'debug' | 'info' | 'warn' | 'error', fields: object, message: string): void;
  /** Progress of a slow transfer; undefined when it is over. */
  progress(client: Client, look: TftpLook | undefined): void;
  /** For the timeline of the client's node. */
  note(client: Client, note: Note): void;
}

export class Report {
  private readonly listeners: Listeners;
  private readonly now: () => number;
  private readonly lines: LogLimiter;
  private readonly errors: LogLimiter;

  constructor(listeners: Listeners, now: () => number) {
    this.listeners = listeners;
    this.now = now;
    this.lines = new LogLimiter(now);
    this.errors = new LogLimiter(now);
  }

  sent(channel: Channel): void {
    const { work, client } = channel;
    if (!work) return;
    const bytes = work.content.length;
    const detail = transferWords(work.file, bytes, this.now() - channel.startedAt, work.terms);
    const repeats = channel.transfer?.repeats ?? 0;
    this.say('info', client.address, { peer: channel.key, file: work.file, detail, repeats }, 'TFTP sent');
    this.listeners.note(client, { ...what(work), complete: true, detail, bytes });
  }

  notSent(channel: Channel, reason: string, aborted: boolean): void {
    const { client, transfer } = channel;
    const file = channel.work?.file ?? '';
    // Firmware asks for the size alone, stops with an error, and asks again: that is normal, not a failure.
    const expected = channel.superseded || (aborted && (transfer?.acked ?? 0) <= 0);
    const fields = { peer: channel.key, file, reason };
    this.say(expected ? 'debug' : 'info', client.address, fields, 'TFTP not sent');
    if (expected) return;
    const cut = { ...what(channel.work), complete: false, bytes: transfer?.acked ?? 0 };
    const words = `TFTP ${shown(file)}: ${reason}`;
    // As over HTTP: the loader continues when it asks again, and the firmware has nothing else to do.
    if (channel.work?.stage) this.listeners.note(client, { ...cut, detail: words });
    else this.noteError(client, { ...cut, error: words, fault: 'cut-off', about: { name: shown(file) } });
  }

  slow(channel: Channel): void {
    const { work, transfer, client } = channel;
    if (!work || !transfer || channel.superseded) return;
    this.listeners.progress(client, {
      file: shown(work.file),
      packet: work.terms.blockSize + HEADERS,
      acknowledged: Math.max(0, transfer.acked),
      blocks: transfer.blocks,
      agreed: transfer.acked >= 0,
      unanswered: transfer.unanswered,
      repeated: transfer.repeatedAcks,
    });
  }

  /** Reports the end of a slow transfer. */
  over({ client, isSlow }: Channel): void {
    if (isSlow) this.listeners.progress(client, undefined);
  }

  refused(client: Client, file: string, reason: string, { stage = 'loader', fault }: Meaning): void {
    this.say('info', client.address, { peer: peerOf(client), file: shown(file), reason }, 'TFTP refused');
    if (isOptional(file)) return;
    this.noteError(client, {
      stage,
      error: `TFTP: ${reason}`,
      fault: fault ?? 'request-refused',
      about: { name: shown(file) },
    });
  }

  /** A served file that cannot be read: the administrator must repair it. */
  unavailable(client: Client, { file, unavailable: reason, code, path, ...of }: Unavailable): void {
    this.say('error', client.address, { peer: peerOf(client), file, reason }, 'TFTP file unavailable');
    const about = { ...(code !== undefined && { name: code }), have: path ?? file };
    this.noteError(client, { ...what(of), error: `TFTP: ${reason}`, fault: 'unreadable-file', about });
  }

  /**
   * A client that blocks of this size do not reach gets smaller ones.
   *
   * @param isKnown whether a router reported the longest packet; else the smaller size is a guess
   */
  stuck({ client, work }: Channel, next: number, isKnown = false): void {
    if (!work) return;
    const { file, terms } = work;
    const [want, have] = [terms.blockSize + HEADERS, next + HEADERS];
    const path = isKnown ? `its path carries ${have}` : 'its path may drop them';
    const error = `TFTP ${shown(file)}: packets of ${want} bytes do not reach the node, ${path}; it gets blocks of ${next} bytes when it asks again`;
    const fields = { peer: peerOf(client), file, blksize: terms.blockSize, next };
    this.say('warn', client.address, fields, 'TFTP blocks are not acknowledged');
    const about = { name: shown(file), want, ...(isKnown && { have }) };
    this.listeners.note(client, { ...what(work), complete: false, error, fault: 'cut-off', about });
  }

  malformed(client: Client, reason: string): void {
    this.say('debug', client.address, { peer: peerOf(client), reason }, 'TFTP malformed packet');
  }

  /** One line a second for all peers: a flood may use forged addresses. */
  busy(client: Client, reason: string): void {
    this.say('warn', 'busy', { peer: peerOf(client), reason }, 'TFTP busy, a request was not answered');
  }

  /** At most one line per peer and second; those below info have a separate limit, because they are rarely written. */
  private say(level: 'debug' | 'info' | 'warn' | 'error', peer: string, fields: object, message: string): void {
    const dropped = this.lines.allow(level === 'debug' ? `debug ${peer}` : peer);
    if (dropped === undefined) return;
    this.listeners.line(level, dropped > 0 ? { ...fields, dropped } : fields, message);
  }

  private noteError(client: Client, note: Note): void {
    if (this.errors.allow(client.address) !== undefined) this.listeners.note(client, note);
  }

  /** Reports a socket error of the system. */
  socket(reason: string): void {
    this.listeners.line('error', { reason }, 'TFTP socket');
  }
}

/** `address:port`. */
export function peerOf(client: Client): string {
  return `${client.address}:${client.port}`;
}
