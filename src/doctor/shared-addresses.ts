// Addresses of nodes that several machines answer for. Asking the wire needs CAP_NET_RAW, which musterd's unit does not have: root has it.
import { networksOf } from '../config.ts';
import { probeArp } from '../evidence/arp-probe.ts';
import { linkReader } from '../evidence/links.ts';
import { type Finding, finding, type Patient } from './finding.ts';
import { bootInterface } from './host-checks.ts';

/** A question is a broadcast, which costs every machine on the wire: at most this many nodes are asked for, those that are not up first. */
const MOST = 64;

/** Returns the hardware addresses that answer for an address; undefined when it cannot be asked. */
export type AskWire = (ip: string) => Promise<readonly string[] | undefined>;

export async function checkSharedAddresses(patient: Patient, ask?: AskWire): Promise<Finding> {
  const say = finding('shared addresses');
  const { nodes, isRoot, probeMs, health } = patient;
  if (probeMs === undefined)
    return say('skip', 'The network was not asked who has the addresses of nodes, as requested.');
  if (!health) return say('skip', 'Only a running musterd knows the addresses of its nodes.');
  if (!isRoot) return say('skip', 'Asking the network who has an address needs a raw socket.', 'sudo muster doctor');
  const asked = [...nodes].sort((one, other) => Number(one.isUp) - Number(other.isUp)).slice(0, MOST);
  const wire = ask ?? (await wireOf(patient));
  // One after the other of a few: a flood of questions would be worse than what is looked for
  const answers = await inTurns(asked, async node => ({ node, macs: await wire(node.ip) }));
  const known = answers.flatMap(({ node, macs }) => (macs ? [{ node, macs }] : []));
  const shared = known.flatMap(({ node, macs }) => {
    const strangers = macs.filter(mac => !node.macs.includes(mac));
    return strangers.length > 0 ? [`${node.ip} of ${node.name} (${strangers.join(', ')})`] : [];
  });
  if (known.length === 0) return say('skip', 'No node has an address on a wire of this head.');
  if (shared.length === 0)
    return say(
      'ok',
      `No other machine answers for the addresses of ${known.length} node${known.length === 1 ? '' : 's'}.`,
    );
  return say(
    'warn',
    `Machines with unknown hardware addresses answer for: ${shared.join('; ')}.`,
    'Find them in the tables of the switches and take the addresses away from them; a further interface of the node itself is no fault.',
  );
}

/** Returns a function that asks on the interface of an address's network. */
async function wireOf(patient: Patient): Promise<AskWire> {
  const networks = networksOf(patient.config);
  const linkOf = await linkReader();
  return async ip => {
    const network = networks.of(ip);
    if (!network?.attached) return undefined;
    const link = linkOf(network.interface || (network === networks.main ? (bootInterface(patient) ?? '') : ''));
    return link && probeArp({ ip, from: network.head }, link);
  };
}

/** What is asked at the same time. */
const FANOUT = 8;

async function inTurns<From, To>(items: readonly From[], act: (item: From) => Promise<To>): Promise<To[]> {
  const results: To[] = [];
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.push(await act(next));
  };
  await Promise.all(Array.from({ length: FANOUT }, work));
  return results;
}
