// Which nodes may begin a boot: those with booting firmware that recently got its address from this head.

/** How long after an ACK for a booting client a script may be asked for, in milliseconds. */
const GRANT_MS = 10 * 60_000;

export interface GrantRules {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** True when another server answers DHCP, so that no ACK is ever seen here. */
  trustsAddressAlone(): boolean;
}

export class Grants {
  private readonly rules: GrantRules;
  private readonly startedAt: number;
  /** Bounded by the number of nodes. */
  private readonly grants = new Map<string, { until: number; mac: string | undefined }>();

  constructor(rules: GrantRules) {
    this.rules = rules;
    this.startedAt = rules.now();
  }

  /** A booting client of this node got its address. @param mac its interface's */
  give(node: string, mac?: string): void {
    this.grants.set(node, { until: this.rules.now() + GRANT_MS, mac });
  }

  /** Returns the interface that the node's firmware booted from. */
  macOf(node: string): string | undefined {
    return this.grants.get(node)?.mac;
  }

  /** Returns whether booting firmware of the node recently got its address from this head. */
  has(node: string): boolean {
    return (this.grants.get(node)?.until ?? Number.NEGATIVE_INFINITY) > this.rules.now();
  }

  end(node: string): void {
    this.grants.delete(node);
  }

  /**
   * Returns whether the node may begin a boot. Only a client on UDP port 68 can have received the ACK, so no user of the running
   * node can make a session. For a while after a restart the head trusts the address alone, because it has lost the ACKs.
   */
  mayBegin(node: string): boolean {
    if (this.rules.trustsAddressAlone()) return true;
    return this.has(node) || this.rules.now() - this.startedAt < GRANT_MS / 5;
  }
}
