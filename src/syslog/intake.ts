// Which messages are kept: those of known nodes that boot, at a limited rate. Decisions, no sockets.

import type { BootMessage } from '../boot/boot.ts';
import type { Directory } from '../boot/directory.ts';
import { decodeSyslog, severityOf } from './packet.ts';

export interface IntakePorts {
  directory: Pick<Directory, 'nodeByIp'>;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Puts a message on the timeline of the node's current boot, if there is one. */
  keep(node: string, message: Omit<BootMessage, 'at'>): void;
}

/** Datagrams of one node: a burst, then a steady rate per second. The kernel's first messages are hundreds of lines. */
const BURST = 200;
const PER_SECOND = 20;
/** RFC 5424 §6.2.1: less severe are information and debug. */
const NOTICE = 5;
/** For all nodes together. */
const TOTAL_BURST = 5000;
const TOTAL_PER_SECOND = 2000;
/** Nodes with a remembered allowance: this many of the most recent ones, and as many before them. */
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

  /** Returns why a datagram was dropped; undefined when it was accepted. */
  take(datagram: Buffer, peer: string): 'unknown' | 'too many' | undefined {
    const now = this.ports.now();
    const node = this.ports.directory.nodeByIp(peer);
    if (!node) return 'unknown';
    const bucket = this.bucketOf(node.uid, now);
    // Information may use half of a node's allowance: a kernel's first hundreds of lines leave room for its errors.
    const reserve = severityOf(datagram) > NOTICE ? BURST / 2 : 0;
    const isAllowed =
      spend(bucket, now, BURST, PER_SECOND, reserve) && spend(this.total, now, TOTAL_BURST, TOTAL_PER_SECOND, 0);
    if (!isAllowed) return 'too many';
    for (const { severity, app, text } of decodeSyslog(datagram))
      if (text !== '') this.ports.keep(node.uid, { severity, ...(app && { app }), text });
    return undefined;
  }

  /** Two maps that take turns: removing the oldest entry of one map would cost a search among the removed ones. */
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
