// DHCP in the running daemon: what it receives on each interface, and nodes with an address in no network.
import { otherInterfaces } from '../dhcp/sockets.ts';
import { type Finding, finding, type Patient } from './finding.ts';

/** @param others the machine's interfaces other than these */
export function checkDhcpHearing(
  { config, health }: Pick<Patient, 'config' | 'health'>,
  others: (names: readonly string[]) => readonly string[] = otherInterfaces,
): Finding[] {
  const say = finding('DHCP');
  if (!health) return [say('skip', 'Only a running musterd knows what its DHCP server receives.')];
  if (config['dhcp.mode'] === 'off') return [say('skip', 'dhcp.mode is off.')];
  const { dhcp } = health;
  if (!dhcp)
    return [say('skip', 'This musterd does not report what its DHCP server receives.', 'systemctl restart musterd')];
  const strange = others(dhcp.map(hearing => hearing.interface));
  const findings = dhcp.flatMap(({ interface: name, hears, reason = '' }) => {
    if (hears === 'nothing')
      return say(
        'fail',
        `DHCP receives nothing on ${name}: ${reason}.`,
        `ip link show ${name}; musterd listens again by itself.`,
      );
    if (hears === 'its own' || strange.length === 0) return [];
    return say(
      'warn',
      `DHCP also receives and answers machines on ${strange.join(', ')}, because it cannot be bound to ${name}: ${reason}`,
      'Install musterd with its packages; before Linux 5.7 also: systemctl edit musterd, [Service] AmbientCapabilities=CAP_NET_RAW, CapabilityBoundingSet=CAP_NET_RAW.',
    );
  });
  if (findings.length > 0) return findings;
  return [say('ok', `DHCP receives on ${dhcp.map(hearing => hearing.interface).join(', ')} and no other interface.`)];
}

export function checkAddresses({ config, health }: Pick<Patient, 'config' | 'health'>): Finding {
  const say = finding('addresses');
  if (!health?.nodes) return say('skip', 'Only a running musterd knows the addresses of its nodes.');
  const { homeless, addressed } = health.nodes;
  if (!homeless) return say('ok', 'All addresses of nodes are in a network of this head.');
  const { count, nodes } = homeless;
  return say(
    // Without muster's DHCP a node may boot from wherever it is routed
    config['dhcp.mode'] === 'authoritative' ? 'fail' : 'warn',
    `${count} of ${addressed} nodes have an address of no network: ${nodes}.`,
    'Give them other addresses (muster node -i NODE update ip=…), or correct head.address or [[networks]].',
  );
}
