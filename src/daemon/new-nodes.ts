// `accept_new_nodes`: an unknown machine becomes a node on its first DISCOVER, so its next one is answered.
import type { Commander } from '../admin/commander.ts';
import { Allowance } from '../allowance.ts';
import { MusterError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ChangeContext, planCreate } from '../model/changes.ts';
import { networkOfPool } from '../model/pools.ts';

export interface NewNodesPorts {
  context: ChangeContext;
  commander: Pick<Commander, 'perform'>;
  log: Log;
  now(): number;
}

/** A machine that asks but is not a node. */
export interface Newcomer {
  mac: string;
  architecture: string;
  /** Whether it asks for an address, with DISCOVER. */
  discovers: boolean;
  /** The name of the network it asks from; that of `head.address` when absent. */
  network?: string;
}

/** Hardware addresses can be invented freely: at most this many nodes at once, then this many a second. A real machine asks again. */
const BURST = 64;
const PER_SECOND = 16;

export class NewNodes {
  private readonly ports: NewNodesPorts;
  /** Addresses with a node being created. */
  private readonly pending = new Set<string>();
  private readonly allowance: Allowance;
  /** The last refusal that was logged: a full pool is logged once, and again when the reason changes. */
  private told = '';

  constructor(ports: NewNodesPorts) {
    this.ports = ports;
    this.allowance = new Allowance(BURST, PER_SECOND, () => ports.now());
  }

  /** Creates a node for the machine if the settings say so; resolves when that is decided. Never rejects. */
  async seen(client: Newcomer): Promise<void> {
    const { context, commander, log } = this.ports;
    const { cluster } = context;
    if (!client.discovers || !cluster.settings?.accept_new_nodes) return;
    if (this.pending.has(client.mac) || !this.allowance.take()) return;
    this.pending.add(client.mac);
    try {
      const fields = newcomerFields(context, client);
      const { uids } = await commander.perform({
        who: 'muster (DHCP)',
        what: `accept the new node ${client.mac}`,
        plan: () => (cluster.nodeByMac(client.mac) ? { changes: [], uids: [] } : planCreate(context, 'node', [fields])),
      });
      const node = cluster.get('node', uids[0] ?? '')?.value;
      if (node)
        log.info({ mac: client.mac, node: node.name, ip: node.ip }, `${client.mac} is the new node ${node.name}`);
      this.told = '';
    } catch (error) {
      this.tell(client.mac, error);
    } finally {
      this.pending.delete(client.mac);
    }
  }

  private tell(mac: string, error: unknown): void {
    const reason = reasonOf(error);
    if (reason === this.told) return;
    this.told = reason;
    this.ports.log.warn({ mac }, `an unknown machine could not become a node: ${reason}`);
  }
}

/** Returns the fields of the node that a machine becomes. */
export function newcomerFields(
  context: ChangeContext,
  { mac, architecture, network }: Omit<Newcomer, 'discovers'>,
): Record<string, string> {
  const pool = poolFor(context, network);
  const description = `added on its first DISCOVER: ${architecture}`;
  return { mac, description, ...(pool !== undefined && { naming_pool: pool }) };
}

/** Returns the naming pool with addresses in the machine's network; the default one for the network of the head itself. */
function poolFor({ cluster, networks }: ChangeContext, network: string | undefined): string | undefined {
  if (network === undefined || !networks || network === networks.main.name) return undefined;
  const pool = cluster.all('pool').find(({ value }) => networkOfPool(cluster, networks, value) === network);
  if (pool) return pool.value.name;
  const remedy = `muster pool create name=${network} pattern=${network}-{} ip_base=…`;
  throw new MusterError('not-ready', `no naming pool has its ip_base in the network ${network}: ${remedy}`);
}
