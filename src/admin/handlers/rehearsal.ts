// Answers requests for a rehearsed boot.
import type { Selection } from '../../api/parameters.ts';
import type { REHEARSAL, Rehearsal } from '../../api/rehearsal.ts';
import { MusterError } from '../../errors.ts';
import type { Entry } from '../../model/cluster.ts';
import { didYouMean } from '../../nearest.ts';
import { parseMac } from '../../wire/mac.ts';
import type { Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { rehearsalOf } from '../rehearsal.ts';
import { listed } from '../requests.ts';

/** With an update each node is rehearsed twice, on a copy of all objects. More nodes are too many for one request. */
const MOST = 100;

export const rehearsalHandlers: Handlers<typeof REHEARSAL> = {
  rehearse: async ({ query, body }, ports) => {
    const { arch: firmware, network, update } = body;
    if (network !== undefined) checkNetwork(ports, network);
    const whose = chosen(ports, query);
    if (whose.length > MOST)
      throw new MusterError(
        'bad-usage',
        `${whose.length} nodes are too many to explain at once; the limit is ${MOST}.`,
      );
    const found: Rehearsal[] = [];
    for (const one of whose) found.push(await rehearsalOf(ports, one, { firmware, network, update }));
    return found;
  },
};

/** Nodes, and hardware addresses that belong to no node. */
function chosen(ports: AdminPorts, query: Omit<Selection, 'all'>): { mac: string; node?: Entry<'node'> }[] {
  const { id = [], state, select } = query;
  const strangers = id.flatMap(text => {
    const mac = /[:.-]/.test(text) ? parseMac(text) : undefined;
    return mac !== undefined && !ports.cluster.nodeByMac(mac) ? [{ text, mac }] : [];
  });
  const known = id.filter(text => !strangers.some(stranger => stranger.text === text));
  if (id.length === 0 && state === undefined && select === undefined)
    throw new MusterError('bad-usage', 'Whose boot? Give a node, or a MAC address.');
  const nodes = known.length === 0 && strangers.length > 0 ? [] : listed(ports, 'node', { ...query, id: known });
  return [...nodes.map(node => ({ mac: node.value.mac, node })), ...strangers.map(({ mac }) => ({ mac }))];
}

function checkNetwork({ networks }: AdminPorts, given: string): void {
  const names = networks.all.map(({ name }) => name);
  if (names.includes(given)) return;
  const hint = didYouMean(given, names, `there are ${names.join(', ')}`);
  throw new MusterError('bad-value', `There is no network '${given}'; ${hint}`);
}
