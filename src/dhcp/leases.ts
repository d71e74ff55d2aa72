// Addresses lent to machines that are not nodes: which machine has which, until when, and the next one to lend. In memory only: the
// owner makes it durable.
import { Allowance } from '../allowance.ts';
import { monotonicNow } from '../clock.ts';
import { type BootNetwork, inRange } from '../networks.ts';
import { ipFromNumber } from '../wire/ip.ts';

/** An address lent to a machine. It stays the machine's own after the end, until another needs it (RFC 2131 §2.2). */
export interface Lease {
  ip: string;
  /** Not the client identifier of RFC 2131 §4.2: firmware, iPXE and OS of one machine send different ones and must share an address. */
  mac: string;
  network: string;
  /** The machine's name for itself, option 12, cleaned; may be empty. */
  hostname: string;
  /** Option 60, cleaned; may be empty. */
  vendor: string;
  /** When it was first given and last renewed, in milliseconds since 1970. */
  since: number;
  renewed: number;
  until: number;
}

/** How long an offered address is reserved, in milliseconds. */
const HELD_MS = 60_000;
/** Hardware addresses can be invented freely: at most this many strangers at once are offered an address, then this many a second. */
const BURST = 64;
const PER_SECOND = 16;

export interface LeaseRules {
  /** Wall time in milliseconds since 1970: leases are stored and shown with it. */
  now: () => number;
  /** Leases end by this clock, so setting the wall clock neither ends nor prolongs one. */
  monotonic?: () => number;
  /** Whether an address is a node's, one of its interfaces', the head's, or a router's. */
  isTaken: (ip: string) => boolean;
  /** Whether an address must not be used now, because another machine uses it. */
  isQuarantined: (ip: string) => boolean;
}

export class Leases {
  private readonly rules: LeaseRules;
  private readonly byIp = new Map<string, Lease>();
  private readonly byMac = new Map<string, Lease>();
  /** When each ends, by the monotonic clock. */
  private readonly ends = new WeakMap<Lease, number>();
  private readonly monotonic: () => number;
  /** Offered and not accepted yet. */
  private readonly holds = new Map<string, { mac: string; until: number }>();
  private readonly holdOf = new Map<string, string>();
  /** Where the search continues, by network: an address that was just given up is given again last. */
  private readonly next = new Map<string, number>();
  private readonly allowance: Allowance;

  constructor(rules: LeaseRules, leases: readonly Lease[] = [], allowance?: Allowance) {
    this.rules = rules;
    this.monotonic = rules.monotonic ?? monotonicNow;
    this.allowance = allowance ?? new Allowance(BURST, PER_SECOND, this.monotonic);
    for (const lease of [...leases].sort((left, right) => left.renewed - right.renewed)) this.put(lease);
  }

  all(): Lease[] {
    return [...this.byIp.values()];
  }

  isLiving(lease: Lease): boolean {
    return this.termOf(lease).until > this.monotonic();
  }

  /** Returns when a lease was last given and when it ends, in milliseconds of the monotonic clock. */
  termOf(lease: Lease): { at: number; until: number } {
    const length = Math.max(0, lease.until - lease.renewed);
    // A lease never lasts longer than it was given for: a head that starts without a clock finds stored ones that end in decades
    const left = Math.min(length, Math.max(0, lease.until - this.rules.now()));
    const until = this.ends.get(lease) ?? this.monotonic() + left;
    return { at: until - length, until };
  }

  /** Adjusts the wall times of current leases after somebody set the clock; returns the leases, to be saved. */
  clockWasSet(): Lease[] {
    const moved = this.all().filter(lease => this.isLiving(lease));
    return moved.map(lease => {
      const { until } = this.termOf(lease);
      const step = Math.round(this.rules.now() + until - this.monotonic() - lease.until);
      const { since, renewed } = lease;
      const now = { ...lease, since: since + step, renewed: renewed + step, until: lease.until + step };
      this.ends.set(now, until);
      this.put(now);
      return now;
    });
  }

  /** Returns what a machine has or had. */
  of(mac: string): Lease | undefined {
    return this.byMac.get(mac);
  }

  at(ip: string): Lease | undefined {
    return this.byIp.get(ip);
  }

  /** Returns the address that a machine was offered a moment ago. */
  offeredTo(mac: string): string | undefined {
    const ip = this.holdOf.get(mac);
    const hold = ip === undefined ? undefined : this.holds.get(ip);
    return hold?.mac === mac && hold.until > this.monotonic() ? ip : undefined;
  }

  /**
   * RFC 2131 §4.3.1: returns its present address, else its former one, else the one it requests, else a free one, of these
   * networks, which share a wire. Undefined when there is none, `wait` when too many strangers ask at once.
   */
  choose(mac: string, networks: readonly BootNetwork[], requested: string | undefined): string | 'wait' | undefined {
    const fits = (ip: string | undefined): ip is string =>
      ip !== undefined && networks.some(({ range }) => inRange(range, ip)) && this.isFreeFor(mac, ip);
    const own = this.byMac.get(mac)?.ip;
    if (fits(own)) return own;
    const held = this.offeredTo(mac);
    if (fits(held)) return held;
    if (!this.allowance.take()) return 'wait';
    if (fits(requested) && !this.byIp.has(requested)) return requested;
    return this.search(networks, ip => !this.byIp.has(ip) && fits(ip)) ?? this.oldest(networks, fits);
  }

  /** Reserves an address for the machine that is offered it. */
  hold(mac: string, ip: string): void {
    this.release(mac);
    const former = this.holds.get(ip);
    if (former) this.release(former.mac);
    const now = this.monotonic();
    this.holds.set(ip, { mac, until: now + HELD_MS });
    this.holdOf.set(mac, ip);
    for (const [oldest, { mac: who, until }] of this.holds) {
      if (until > now) break;
      this.holds.delete(oldest);
      if (this.holdOf.get(who) === oldest) this.holdOf.delete(who);
    }
  }

  /** Forgets what a machine was offered: it accepted another server's offer, or found the address in use. */
  release(mac: string): void {
    const held = this.holdOf.get(mac);
    if (held !== undefined && this.holds.get(held)?.mac === mac) this.holds.delete(held);
    this.holdOf.delete(mac);
  }

  put(lease: Lease): void {
    const before = this.byMac.get(lease.mac);
    if (before && before.ip !== lease.ip) this.byIp.delete(before.ip);
    const other = this.byIp.get(lease.ip);
    if (other && other.mac !== lease.mac) this.byMac.delete(other.mac);
    // Renewed leases move to the end, so the first is the one unused for longest
    this.byIp.delete(lease.ip);
    this.byIp.set(lease.ip, lease);
    this.ends.set(lease, this.termOf(lease).until);
    this.byMac.set(lease.mac, lease);
  }

  /** Returns the hardware address of the machine that has an address now, or was offered it a moment ago. */
  holderOf(ip: string): string | undefined {
    const lease = this.byIp.get(ip);
    if (lease && this.isLiving(lease)) return lease.mac;
    const hold = this.holds.get(ip);
    return hold && hold.until > this.monotonic() ? hold.mac : undefined;
  }

  isFreeFor(mac: string, ip: string): boolean {
    const { isTaken, isQuarantined } = this.rules;
    const lease = this.byIp.get(ip);
    if (lease && lease.mac !== mac && this.isLiving(lease)) return false;
    const hold = this.holds.get(ip);
    if (hold && hold.mac !== mac && hold.until > this.monotonic()) return false;
    return !isTaken(ip) && !isQuarantined(ip);
  }

  /** Returns a separate copy: changes in it change nothing here. */
  copy(): Leases {
    const copy = new Leases(this.rules, [], this.allowance.copy());
    for (const lease of this.all()) {
      copy.ends.set(lease, this.termOf(lease).until);
      copy.put(lease);
    }
    for (const [ip, hold] of this.holds) copy.holds.set(ip, { ...hold });
    for (const [mac, ip] of this.holdOf) copy.holdOf.set(mac, ip);
    for (const [network, index] of this.next) copy.next.set(network, index);
    return copy;
  }

  private search(networks: readonly BootNetwork[], isFree: (ip: string) => boolean): string | undefined {
    for (const { name, range } of networks) {
      if (!range) continue;
      const size = range.last - range.first + 1;
      const from = this.next.get(name) ?? 0;
      for (let step = 0; step < size; step++) {
        const index = (from + step) % size;
        const ip = ipFromNumber(range.first + index);
        if (!isFree(ip)) continue;
        this.next.set(name, (index + 1) % size);
        return ip;
      }
    }
    return undefined;
  }

  private oldest(networks: readonly BootNetwork[], isFree: (ip: string) => boolean): string | undefined {
    for (const lease of this.byIp.values()) {
      const { ip } = lease;
      const isHere = networks.some(({ range }) => inRange(range, ip));
      if (isHere && !this.isLiving(lease) && isFree(ip)) return ip;
    }
    return undefined;
  }
}
