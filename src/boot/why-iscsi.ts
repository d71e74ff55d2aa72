// What the iSCSI target saw of a node whose root is on the head.
import type { IscsiEnd, IscsiLook } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

/** An initiator that lost its session logs in again within seconds; after this long it does not, in seconds. */
const LOST_SECONDS = 60;
/** This many breaks within this time are no accident. */
const BREAKS = 3;
const BREAKS_SECONDS = 600;
/** An initramfs without a report of its login has tried it by now, in seconds. */
const TRIED_SECONDS = 60;

const HOW: Readonly<Record<IscsiEnd, string>> = {
  silent: 'the node stopped answering',
  reset: 'the connection was reset from outside',
  closed: 'the node closed the connection without a logout',
  replaced: 'the node lost it and began another',
};

const has = ({ boot }: Scene): boolean => boot?.plan?.style === 'iscsi';
const look = (scene: Scene): IscsiLook | undefined => (has(scene) ? scene.evidence?.iscsi : undefined);

/** Of a node that is up: it has lost its root, or loses it time after time. */
export const ISCSI_SESSION_RULES: readonly EvidenceRule[] = [
  {
    name: 'iscsi-session-lost',
    find(scene) {
      const { breaks = [], sessions = 0, connected, port } = look(scene) ?? {};
      const last = breaks.at(-1);
      if (!last || sessions > 0 || last.ago < LOST_SECONDS || scene.status.state !== 'up') return undefined;
      const isBack = connected !== undefined && connected < last.ago;
      const since = isBack
        ? `It connected again ${span(connected)} ago, and has not logged in.`
        : 'It has not connected since.';
      return {
        cause: `Its root over iSCSI is gone: the session ended ${span(last.ago)} ago, because ${HOW[last.how]}. ${since}`,
        remedy: isBack
          ? 'The log of the head says why it cannot log in (`journalctl -u musterd`). If its session is over, power-cycle the node.'
          : `Check that no firewall blocks TCP port ${port} of the head for the node. If iscsid on the node has ended (its console says so), power-cycle the node.`,
        seen: iscsiSeen(scene),
      };
    },
  },
  {
    name: 'iscsi-session-breaks',
    find(scene) {
      const breaks = (look(scene)?.breaks ?? []).filter(({ ago }) => ago <= BREAKS_SECONDS);
      const [first] = breaks;
      if (!first || breaks.length < BREAKS) return undefined;
      return {
        cause: `Its iSCSI session broke ${breaks.length} times in ${span(first.ago)}, and its root freezes each time: the path between head and node fails, or another machine has its address.`,
        remedy:
          'Look at the errors of its link on both ends (`ethtool -S`, the counters of its switch port), and change its cable or its port.',
        settle:
          'watch the state of its switch port, and look for another machine with its address: `sudo muster doctor` on the head',
        seen: iscsiSeen(scene),
      };
    },
  },
];

/** Of a node that boots: its connections do not arrive. */
export const ISCSI_PORT_RULES: readonly EvidenceRule[] = [
  {
    name: 'iscsi-port-closed',
    find(scene) {
      const { reached, silence, error, listening = silence } = scene;
      const target = look(scene);
      if (!target || (reached !== 'initramfs' && reached !== 'image')) return undefined;
      // What came before the initramfs spoke was another boot's; what came before this musterd, nobody saw
      const isSeen = target.connected !== undefined && target.connected <= silence + TRIED_SECONDS;
      if (isSeen || listening < silence) return undefined;
      const isReported = error?.fault === 'iscsi-refused' && error.by === 'node';
      if (error ? !isReported : reached !== 'initramfs' || scene.quiet < TRIED_SECONDS) return undefined;
      const { address, port } = target;
      return {
        cause: `Its initramfs reaches the head by HTTP, and none of its connections arrives at the iSCSI port ${address}:${port}: a firewall on the head or on the path drops them.`,
        remedy: `Open iscsi.port (TCP ${port}) in the firewall of the head and of every router between: \`muster doctor\` reads the rules of the head. The node tries again by itself.`,
        ...(!isReported && { settle: 'read its console: it says whether it tries to log in' }),
        seen: [`no connection from the node to port ${port} since its initramfs reported`],
      };
    },
  },
];

/** Returns what the target saw of the node's sessions. */
export function iscsiSeen(scene: Scene): string[] {
  const { breaks = [], sessions = 0 } = look(scene) ?? {};
  if (breaks.length === 0) return [];
  const ends = breaks.slice(-3).map(({ ago, how }) => `its iSCSI session ended ${span(ago)} ago: ${HOW[how]}`);
  return sessions > 0 ? [...ends, 'it has a session again'] : ends;
}
