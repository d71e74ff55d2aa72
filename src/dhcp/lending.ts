// What happens to a loan before its reply goes out: the address is probed and reserved, or the lease is made durable.
import { reasonOf } from '../errors.ts';
import type { Loan } from './answer.ts';
import type { Lease, Leases } from './leases.ts';

export interface LendingPorts {
  leases: Leases;
  /** Durable when it resolves. */
  save: (leases: readonly Lease[]) => Promise<void>;
  /** Returns the user of an address; absent when addresses are not probed. */
  probe?: ((ip: string, from: string) => Promise<string | undefined>) | undefined;
}

/** `send`: the reply may go out. `drop`: it may not, and why. `again`: another machine uses the address; try the next one. */
export type Outcome =
  | { do: 'send' }
  | { do: 'drop'; reason: string; error?: boolean }
  | { do: 'again'; ip: string; user: string };

export class Lending {
  private readonly ports: LendingPorts;
  /** Machines whose address is being probed. */
  private readonly trying = new Set<string>();
  /** Machines whose lease, or its end, is being saved: a store that hangs holds one of each. */
  private readonly saving = new Set<string>();

  constructor(ports: LendingPorts) {
    this.ports = ports;
  }

  get leases(): Leases {
    return this.ports.leases;
  }

  /** @param from the head's address for this machine */
  async settle(loan: Loan | undefined, from: string): Promise<Outcome> {
    if (!loan) return { do: 'send' };
    const { leases, save } = this.ports;
    const before = 'lease' in loan ? leases.of(loan.lease.mac) : undefined;
    if (loan.do === 'offer') return this.offer(loan, from);
    if (loan.do === 'forget') {
      leases.release(loan.mac);
      return { do: 'send' };
    }
    if (loan.do === 'lend') {
      const { ip, mac } = loan.lease;
      if (!leases.isFreeFor(mac, ip)) return { do: 'drop', reason: `${ip} is another machine's by now` };
      // Nobody else is offered it while it is being saved
      leases.hold(mac, ip);
    }
    const key = `${loan.do} ${loan.lease.mac}`;
    if (this.saving.has(key)) return { do: 'drop', reason: `the lease of ${loan.lease.ip} is being saved` };
    this.saving.add(key);
    // A return takes effect in memory at once, so that nothing returned is renewed; a new lease only when it is durable
    if (loan.do === 'return') leases.put(loan.lease);
    try {
      await save([loan.lease]);
    } catch (error) {
      return {
        do: 'drop',
        reason: `the lease of ${loan.lease.ip} could not be saved: ${reasonOf(error)}`,
        error: true,
      };
    } finally {
      this.saving.delete(key);
    }
    if (loan.do === 'lend') {
      const { ip, mac } = loan.lease;
      // A RELEASE or DECLINE that arrived while the lease was being saved counts, and was saved after it
      if (leases.of(mac) !== before)
        return { do: 'drop', reason: `${ip} was given back while its lease was being saved` };
      if (!leases.isFreeFor(mac, ip)) return { do: 'drop', reason: `${ip} is another machine's by now` };
      leases.put(loan.lease);
    }
    leases.release(loan.lease.mac);
    return { do: 'send' };
  }

  private async offer({ mac, ip, probe }: Extract<Loan, { do: 'offer' }>, from: string): Promise<Outcome> {
    const { leases } = this.ports;
    if (this.trying.has(mac)) return { do: 'drop', reason: `${ip} is being tried for it` };
    leases.hold(mac, ip);
    if (!probe || !this.ports.probe) return { do: 'send' };
    this.trying.add(mac);
    try {
      const user = await this.ports.probe(ip, from);
      if (user === undefined || user === mac) return { do: 'send' };
      leases.release(mac);
      return { do: 'again', ip, user };
    } finally {
      this.trying.delete(mac);
    }
  }
}
