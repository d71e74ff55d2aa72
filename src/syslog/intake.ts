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
/** Nodes whose allowance is remembered. */
const REMEMBERED = 20_000;

interface Bucket {
  left: number;
  at: number;
}

export class Intake {
  private readonly ports: IntakePorts;
  private readonly buckets = new Map<string, Bucket>();
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
    const bucket = this.buckets.get(node.uid) ?? { left: BURST, at: now };
    this.buckets.delete(node.uid);
    const oldest = this.buckets.size >= REMEMBERED ? this.buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.buckets.delete(oldest);
    this.buckets.set(node.uid, bucket);
    // Information may take half of what a node has: a kernel's first hundreds of lines leave room for its errors.
    const reserve = severityOf(datagram) > NOTICE ? BURST / 2 : 0;
    const isAllowed =
      spend(bucket, now, BURST, PER_SECOND, reserve) && spend(this.total, now, TOTAL_BURST, TOTAL_PER_SECOND, 0);
    if (!isAllowed) return 'too many';
    for (const { severity, app, text } of decodeSyslog(datagram))
      if (text !== '') this.ports.keep(node.uid, { severity, ...(app && { app }), text });
    return undefined;
  }
}

function spend(bucket: Bucket, now: number, burst: number, perSecond: number, reserve: number): boolean {
  bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
  bucket.at = now;
  if (bucket.left < 1 + reserve) return false;
  bucket.left -= 1;
  return true;
}
