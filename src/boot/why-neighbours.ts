// Another machine that uses the node's address.
import type { Neighbour } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

/** A sighting older than this, or this long before the last heartbeat, no longer counts, in seconds. */
const RECENT_SECONDS = 600;
/** Two machines that boot alternately do so again within this time, in seconds. */
const TURN_SECONDS = 1800;

export const NEIGHBOUR_RULES: readonly EvidenceRule[] = [
  {
    name: 'mac-twice',
    find({ evidence, mac }) {
      const { twins } = evidence ?? {};
      if (!twins || twins.ago > TURN_SECONDS) return undefined;
      const { by, names, ago } = twins;
      const sources =
        by === 'machine' ? `from the machines ${names.join(' and ')}` : `from the networks ${names.join(' and ')}`;
      return {
        cause: `Two machines have its hardware address ${mac}: its DHCP messages come alternately ${sources}.`,
        remedy:
          'Give one of them another hardware address (a copied virtual machine, a bond, a shared adapter), or take it off the boot network. Then boot the node again.',
        seen: [`the last change was ${span(ago)} ago`],
      };
    },
  },
  {
    name: 'address-shared',
    find(scene) {
      const { neighbours } = scene.evidence ?? {};
      const other = otherOf(scene);
      if (!neighbours || !other) return undefined;
      const { ip } = neighbours;
      return {
        cause: `Another machine uses its address ${ip}: ${nameOf(other)} answers for it, and the node is ${scene.mac}.`,
        remedy: other.node
          ? `Take ${ip} away from ${other.node}, or give the node another address (\`muster node -i ${scene.name} update ip=…\`). Then boot it again.`
          : `Find that machine by its hardware address in the tables of the switches, and take ${ip} away from it. Or give the node another address: \`muster node -i ${scene.name} update ip=…\`.`,
        seen: neighbourSeen(scene),
      };
    },
  },
];

/** Returns the other machine that was seen last with the node's address. */
function otherOf({ evidence, status }: Scene): Neighbour | undefined {
  const seen = evidence?.neighbours?.seen ?? [];
  // On a node that is up, a single other hardware address may belong to its bond or bridge
  if (status.state === 'up' && !seen.some(({ own, ago }) => own && ago <= RECENT_SECONDS)) return undefined;
  // Sightings older than the boot are already left out
  const lost = status.silence ?? Number.POSITIVE_INFINITY;
  const within = status.state === 'up' ? RECENT_SECONDS : lost + RECENT_SECONDS;
  return seen.findLast(({ own, ago }) => !own && ago <= within);
}

const nameOf = ({ mac, node }: Neighbour): string => (node ? `${mac}, which is ${node},` : mac);

/** Returns each machine that was seen with the node's address, if there is another. */
export function neighbourSeen({ evidence }: Scene): string[] {
  const { ip, seen = [] } = evidence?.neighbours ?? {};
  if (!seen.some(({ own }) => !own)) return [];
  return seen.map(
    ({ mac, own, node, ago }) =>
      `${mac}${own ? ' (the node)' : node ? ` (${node})` : ''} answered for ${ip} ${span(ago)} ago`,
  );
}
