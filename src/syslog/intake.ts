// Which messages are kept: those of known nodes that boot, no more in a second than a boot has to say. Decisions, no sockets.

import type { BootMessage } from '../boot/boot.ts';
import type { Directory } from '../boot/directory.ts';
import { decodeSyslog, severityOf } from './packet.ts';

export interface IntakePorts {
  directory: Pick<Directory, 'nodeByIp'>;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Puts a message on the timeline of the node's boot, when one is under way. */
  keep(node: string, message: Omit<BootMessage, 'at'>): void;
}

/** Datagrams of one node: so many at once, and so many a second from then on. The kernel's first words are hundreds of lines. */
const BURST = 200;
const PER_SECOND = 20;
/** RFC 5424 §6.2.1: behind it are information and debug. */
const NOTICE = 5;
/** Of all nodes together. */
const TOTAL_BURST = 5000;
const TOTAL_PER_SECOND = 2000;
/** Nodes whose allowance is remembered: so many of those heard last, and as many before them. */
const REMEMBERED = 20_000;

interface Bucket {
  left: number;
  at: number;
}

export class Intake {
  private readonly ports: IntakePorts;
  private recent = new Map<string, Bucket>();
  private older = new Map<string, Bucket>();
  private total: Bucket;

  constructor(ports: IntakePorts) {
    this.ports = ports;
    this.total = { left: TOTAL_BURST, at: ports.now() };
  }

  /** Answers why a datagram was dropped; undefined when it was taken. */
  take(datagram: Buffer, peer: string): 'unknown' | 'too many' | undefined {
    const now = this.ports.now();
    const node = this.ports.directory.nodeByIp(peer);
    if (!node) return 'unknown';
    const bucket = this.bucketOf(node.uid, now);
    // Information may take half of what a node has: a kernel's first hundreds of lines leave room for its errors.
    const reserve = severityOf(datagram) > NOTICE ? BURST / 2 : 0;
    const isAllowed =
      spend(bucket, now, BURST, PER_SECOND, reserve) && spend(this.total, now, TOTAL_BURST, TOTAL_PER_SECOND, 0);
    if (!isAllowed) return 'too many';
    for (const { severity, app, text } of decodeSyslog(datagram))
      if (text !== '') this.ports.keep(node.uid, { severity, ...(app && { app }), text });
    return undefined;
  }

  /** Two maps that take turns, because to take the oldest out of one costs a search among those taken before. */
  private bucketOf(uid: string, now: number): Bucket {
    const bucket = this.recent.get(uid) ?? this.older.get(uid) ?? { left: BURST, at: now };
    if (!this.recent.has(uid) && this.recent.size >= REMEMBERED) {
      this.older = this.recent;
      this.recent = new Map();
    }
    this.recent.set(uid, bucket);
    return bucket;
  }
}

function spend(bucket: Bucket, now: number, burst: number, perSecond: number, reserve: number): boolean {
  bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
  bucket.at = now;
  if (bucket.left < 1 + reserve) return false;
  bucket.left -= 1;
  return true;
}
