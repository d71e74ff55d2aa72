// Machines that asked for an address and are no nodes: who, when, where, how often. Bounded, the longest silent go first.
import type { UnknownMachine } from '../api/nodes.ts';
import { Latest } from '../latest.ts';
import { printable } from '../printable.ts';

const LIMIT = 2000;

export class UnknownMachines {
  private readonly machines = new Latest<string, UnknownMachine>(LIMIT);

  seen(client: {
    mac: string;
    architecture: string;
    vendorClass: string | undefined;
    relay: string | undefined;
    network?: string;
    at: number;
  }): void {
    const { mac, architecture, vendorClass, relay, network = 'boot', at } = client;
    const known = this.machines.get(mac);
    this.machines.set(mac, {
      mac,
      first: known?.first ?? at,
      last: at,
      count: (known?.count ?? 0) + 1,
      arch: architecture,
      vendor: printable(vendorClass ?? '', 100),
      where:
        relay !== undefined
          ? `behind the relay ${relay}`
          : network === 'boot'
            ? 'the boot network'
            : `the network ${network}`,
    });
  }

  /** Returns them, the latest first, without those that became nodes. */
  list(isNode: (mac: string) => boolean): UnknownMachine[] {
    return [...this.machines.values()].filter(machine => !isNode(machine.mac)).reverse();
  }
}
