// A node that has an address and no way to the head: what DHCP gave it, and whether it is there at all.
import type { RouteLook } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

/** Firmware asks for its loader within this after its address, in seconds. */
const STALLED_SECONDS = 20;

/** The route of a node behind relay agents from which nothing came but what the relay passes on. */
function farRoute(scene: Scene): RouteLook | undefined {
  const { reached, quiet, error, boot, evidence } = scene;
  const { route, path, network } = evidence ?? {};
  if (!route || route.attached || network === undefined || error || quiet < STALLED_SECONDS) return undefined;
  if (reached !== 'addressed' && reached !== 'ipxe') return undefined;
  // A loader that it fetched, or an answer to an echo request, went that way
  const hasWay = path?.answers === true || path?.tftp !== undefined || boot?.events.some(({ bytes }) => bytes);
  return hasWay ? undefined : route;
}

export const ROUTE_RULES: readonly EvidenceRule[] = [
  {
    name: 'no-way-to-head',
    find(scene) {
      const route = farRoute(scene);
      if (route?.router !== '') return undefined;
      const { name, subnet } = route;
      return {
        cause: `It has an address and no route to the head ${scene.evidence?.network}: its network ${name} (${subnet}) is behind a relay agent, and has no router.`,
        remedy: `Set \`router\` of the network ${name} in the configuration of the head, and \`systemctl reload musterd\`. Then boot the node again.`,
        seen: [`DHCP gives the machines of ${name} no router`],
      };
    },
  },
  {
    name: 'router-does-not-route',
    find(scene) {
      const route = farRoute(scene);
      if (!route || route.router === '') return undefined;
      const { name, subnet, router } = route;
      const head = scene.evidence?.network;
      return {
        cause: `Its DHCP messages arrive through the relay agent, and nothing that it sends directly reaches the head ${head}: its router ${router} does not forward to the head, the head has no route back to ${subnet}, or a firewall on the path drops it.`,
        remedy: `Let ${router} route between ${subnet} and ${head}, and open port 69 (UDP) and http.port (TCP) on that path. If ${router} is not the router of ${name}, correct \`router\` of that network in the configuration and reload musterd.`,
        settle: `ping ${head} from another machine of ${name}, and run \`ip route get ${router}\` on the head`,
        seen: [`DHCP gives the machines of ${name} the router ${router}`],
      };
    },
  },
];

/** Returns how many seconds ago the node itself answered ARP, when that was after its boot came further. */
export function answeredArp({ evidence, silence }: Pick<Scene, 'evidence' | 'silence'>): number | undefined {
  const own = evidence?.neighbours?.seen.findLast(one => one.own)?.answered;
  return own !== undefined && own < silence ? own : undefined;
}

/** Returns what ARP says of a node that stands still: its link, its address and its mask are right. */
export function arpWords(scene: Pick<Scene, 'evidence' | 'silence'>): string {
  const ago = answeredArp(scene);
  return ago === undefined ? '' : ` It answered ARP ${span(ago)} ago, so its link and its address are right.`;
}
