// Answers requests about boots.
import type { BOOTS, ShownBoots } from '../../api/boots.ts';
import { furthestStage } from '../../boot/boot.ts';
import { QUIRKS } from '../../boot/quirks.ts';
import { timelineOf } from '../../boot/timeline.ts';
import { boardOf } from '../board.ts';
import type { Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { listed } from '../requests.ts';

export const bootHandlers: Handlers<typeof BOOTS> = {
  timeline: ({ query }, ports) =>
    listed(ports, 'node', query).map(({ uid, value: { name, mac, ip } }) => ({
      uid,
      name,
      mac,
      ip,
      state: ports.statuses.of(uid).state,
      boots: ports.boots.of(uid).map(timelineOf),
    })),
  underWay: (_asked, ports) => underWay(ports),
  board: ({ query }, ports) => boardOf(ports, query),
  firmware: () => QUIRKS,
};

function underWay(ports: AdminPorts): ShownBoots {
  const boots = ports.cluster.all('node').flatMap(({ uid, value }) => {
    const boot = ports.statuses.currentBoot(uid);
    if (!boot || boot.outcome || !['booting', 'failed'].includes(ports.statuses.of(uid).state)) return [];
    const { reason } = ports.statuses.of(uid);
    const stage = furthestStage(boot) ?? 'offered';
    const seconds = ports.boots.age(boot) / 1000;
    return [{ node: value.name, boot: boot.id, stage, seconds, ...(reason && { reason }) }];
  });
  return { boots, transfers: ports.transfers() };
}
