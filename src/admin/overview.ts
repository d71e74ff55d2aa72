// The main facts in a list of nodes: the state, since when, the address, and what the node boots.
import type { NodeOverview } from '../api/nodes.ts';
import type { Boot } from '../boot/boot.ts';
import { planBoot } from '../boot/plan.ts';
import type { NodeState } from '../boot/states.ts';
import type { Entry } from '../model/cluster.ts';
import { planeFor } from './plane.ts';
import type { AdminPorts } from './ports.ts';

/** Returns a row of the list. A node that runs or boots shows what its boot uses; any other, what it would boot now. */
export function overviewOf(ports: AdminPorts, node: Entry<'node'>): NodeOverview {
  const { uid, value } = node;
  const { state, reason, lastSeen, facts } = ports.statuses.of(uid);
  const boot = ports.statuses.currentBoot(uid);
  const since = boot && sinceWhen(state, boot, lastSeen);
  const plan = state === 'down' || state === 'unknown' ? undefined : boot?.plan;
  const answer = plan ? { plan } : planBoot(ports.cluster, node, planeFor(ports, node));
  const planned = 'plan' in answer ? answer.plan : undefined;
  return {
    uid,
    name: value.name,
    state,
    ...(reason && { reason }),
    ...(since !== undefined && { since }),
    ip: value.ip,
    ...(planned?.image && { image: planned.image.name }),
    ...(planned?.bootConfig.name && { boot_config: planned.bootConfig.name }),
    ...(planned?.style === 'installed' && { os: facts['os'] ?? 'installed system' }),
  };
}

/** Milliseconds since 1970. */
function sinceWhen(state: NodeState, boot: Boot, lastSeen: number | undefined): number {
  if (state === 'down') return lastSeen ?? boot.ended ?? boot.started;
  const cause = boot.events.findLast(event =>
    state === 'up' ? event.stage === 'up' : state === 'failed' && event.error,
  );
  return cause?.at ?? boot.started;
}
