// What the head knows about a node's boot besides its timeline, gathered for `why`.
import type { EvidenceAccess, EvidenceQuestion } from '../admin/evidence.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import type { Evidence, IscsiLook, NeighbourLook, PathLook, RouteLook, StoredLook } from '../boot/evidence.ts';
import { probeArp } from '../evidence/arp-probe.ts';
import { StoredDigests } from '../evidence/digests.ts';
import {
  isOwnAddress,
  lookAtDescriptors,
  lookAtInterfaces,
  lookAtMemory,
  lookAtStorage,
} from '../evidence/head-look.ts';
import { probePath } from '../evidence/path-probe.ts';
import type { BootNetwork } from '../networks.ts';
import type { State } from './state.ts';

type Needs = Pick<
  State,
  | 'config'
  | 'networks'
  | 'failures'
  | 'blobs'
  | 'tcpWatch'
  | 'transfers'
  | 'iscsiWatch'
  | 'resets'
  | 'panics'
  | 'neighbours'
  | 'directory'
  | 'refusals'
  | 'macSightings'
  | 'clockWatch'
  | 'linkOf'
>;

const STORED = ['kernel', 'initramfs', 'image'] as const;

export function evidenceAccess(state: Needs, unneeded: () => Promise<number>): EvidenceAccess {
  const digests = new StoredDigests();
  const storedLooks = async (plan: BootPlan | undefined, left: number): Promise<StoredLook[]> => {
    const looks = STORED.map(async name => {
      const file = plan?.[name];
      const result = file ? await digests.look(state.blobs.path(file.blob), file, left) : undefined;
      return result ? [{ name, state: result }] : [];
    });
    return (await Promise.all(looks)).flat();
  };
  return {
    atOnce: question => atOnce(state, question),
    async head() {
      const folder = state.config['paths.state'];
      const [storage, descriptors, memory] = await Promise.all([
        lookAtStorage(folder).catch(() => undefined),
        lookAtDescriptors(),
        lookAtMemory(),
      ]);
      const isFull = storage && (storage.free < FULL_BYTES || storage.inodes === 0);
      return {
        interfaces: lookAtInterfaces(state.networks.attached, state.linkOf),
        ...(storage && { storage: isFull ? { ...storage, unneeded: await unneeded().catch(() => 0) } : storage }),
        ...(descriptors && { descriptors }),
        ...(memory && { memory }),
      };
    },
    async of(question, left) {
      const [stored, path] = await Promise.all([
        question.needs.stored ? storedLooks(question.boot?.plan, left) : [],
        question.needs.path ? lookAtPath(state, question.ip, left) : undefined,
        question.needs.neighbours ? lookForOthers(state, question.ip) : undefined,
      ]);
      return {
        ...(stored.length > 0 && { stored }),
        ...(path && { path }),
      };
    },
  };
}

/** Returns what is in memory. */
function atOnce(state: Needs, question: EvidenceQuestion): Evidence {
  const { node, within, ip, macs } = question;
  const twins = macs[0] === undefined ? undefined : state.macSightings.of(macs[0]);
  const tftp = state.transfers.of(ip);
  const neighbours = knownNeighbours(state, question);
  const refusals = [state.refusals.of(ip, within), state.refusals.of(node, within)].flatMap(one => one ?? []);
  const own = state.networks.of(ip);
  const panic = state.panics.of(node, within);
  const resets = state.resets.of(ip, within);
  const iscsi = state.config['iscsi.enabled'] && question.boot ? iscsiLook(state, question) : undefined;
  const jumps = question.boot ? state.clockWatch.of(within) : [];
  return {
    failures: state.failures.of(node, within),
    ...(refusals.length > 0 && { refusals }),
    ...(own && { network: own.head, route: routeOf(own) }),
    ...(panic && { panic }),
    ...(jumps.length > 0 && { jumps }),
    ...(neighbours && { neighbours }),
    ...(iscsi && { iscsi }),
    ...(resets.length > 0 && { resets }),
    ...(twins && { twins }),
    ...(tftp && { path: { answers: false, tftp } }),
  };
}

/** Asks the wire who has the address, where the system lets musterd ask, and remembers the answers. */
async function lookForOthers({ networks, neighbours, linkOf }: Needs, ip: string): Promise<void> {
  const network = networks.of(ip);
  const link = network?.attached ? linkOf(network.interface) : undefined;
  if (!network || !link) return;
  if (link.mac && isOwnAddress(ip)) neighbours.seen(ip, link.mac, true);
  const macs = await probeArp({ ip, from: network.head }, link);
  for (const mac of macs ?? []) neighbours.seen(ip, mac, true);
}

function knownNeighbours(
  { neighbours, directory, networks, linkOf }: Needs,
  { ip, node, macs, within }: EvidenceQuestion,
): NeighbourLook | undefined {
  const sightings = neighbours.of(ip);
  const network = sightings.length > 0 ? networks.of(ip) : undefined;
  const headMac = network && linkOf(network.interface)?.mac;
  const seen = sightings.flatMap(({ mac, ago, answered }) => {
    if (ago > within) return [];
    const owner = directory.nodeByMac(mac);
    const own = macs.includes(mac) || owner?.uid === node;
    const name = mac === headMac ? 'the head itself' : owner?.name;
    return [{ mac, ago, own, ...(answered !== undefined && { answered }), ...(name && !own && { node: name }) }];
  });
  return seen.length > 0 ? { ip, seen } : undefined;
}

function routeOf({ name, subnet, attached, router }: BootNetwork): RouteLook {
  return { name, subnet: `${subnet.network}/${subnet.prefix}`, attached, router };
}

function iscsiLook({ config, networks, iscsiWatch }: Needs, { ip, boot }: EvidenceQuestion): IscsiLook {
  const { head } = networks.of(ip) ?? networks.main;
  return { address: head, port: config['iscsi.port'], ...iscsiWatch.of(ip, boot?.id) };
}

async function lookAtPath(
  { networks, tcpWatch, transfers, linkOf }: Needs,
  ip: string,
  left: number,
): Promise<PathLook | undefined> {
  const network = networks.of(ip);
  if (!network) return undefined;
  const attached = networks.attached.find(({ head }) => head === network.head);
  const mtu = attached && linkOf(attached.interface)?.mtu;
  const result = mtu === undefined ? undefined : await probePath({ ip, from: network.head, mtu }, left);
  const tcp = tcpWatch.of(ip);
  const tftp = transfers.of(ip);
  return {
    ...(mtu !== undefined && { mtu }),
    ...(result ?? { answers: false }),
    ...(tcp && { tcp }),
    ...(tftp && { tftp }),
  };
}

/** With less space than this the database cannot be written for long. */
const FULL_BYTES = 64 << 20;
