// Answers requests for the nodes as files of other programs.
import type { EXPORTED } from '../../api/exports.ts';
import { MusterError } from '../../errors.ts';
import type { ExportedNode } from '../../exports/facts.ts';
import { EXPORT_FORMATS, EXPORTS } from '../../exports/table.ts';
import { effectiveAttributes } from '../../model/attributes.ts';
import type { Entry } from '../../model/cluster.ts';
import { fileSetsOf } from '../../model/file-sets.ts';
import { headAddress } from '../../model/head.ts';
import { interfacesOf } from '../../model/interfaces.ts';
import { isSecretAttribute } from '../../model/secrets.ts';
import { didYouMean } from '../../nearest.ts';
import { own } from '../../own.ts';
import type { Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { listed } from '../requests.ts';

export const exportHandlers: Handlers<typeof EXPORTED> = {
  write: ({ params: { format }, query }, ports) => {
    const { cluster, networks } = ports;
    const row = own(EXPORTS, format);
    if (!row)
      throw new MusterError(
        'bad-value',
        `There is no export '${format}'; ${didYouMean(format, EXPORT_FORMATS, `there are ${EXPORT_FORMATS.join(', ')}`)}.`,
      );
    const address = networks.main.head;
    const name = cluster.all('head').find(({ value }) => headAddress(value) === address)?.value.name ?? 'head';
    return row.write({
      domain: networks.main.domain,
      cluster: cluster.settings?.cluster_name ?? '',
      head: { name, address },
      nodes: listed(ports, 'node', query).map(node => exported(ports, node)),
      now: Date.now(),
      port: query.port,
    });
  },
};

function exported(ports: AdminPorts, node: Entry<'node'>): ExportedNode {
  const { cluster, networks, statuses } = ports;
  const { uid, value } = node;
  const { state, facts, hardware } = statuses.of(uid);
  const effective = Array.from(effectiveAttributes(cluster, value), ([key, held]) => [key, held.value] as const);
  const attributes = Object.fromEntries(effective);
  const defaultGroup = cluster.settings?.default_group ?? '';
  const groups = [...new Set([defaultGroup, ...value.groups])].flatMap(group => {
    const name = cluster.get('attrib', group)?.value.name;
    return name === undefined || group === defaultGroup ? [] : [name];
  });
  return {
    name: value.name,
    hostname: attributes['_hostname'] || value.name,
    ip: value.ip,
    mac: value.mac,
    state,
    groups,
    attributes: Object.fromEntries(effective.filter(([key]) => !isSecretAttribute(cluster, key))),
    interfaces: interfacesOf(value, attributes, networks).map(({ name, boot, mac, addresses }) => ({
      ...{ name, boot, mac },
      addresses: addresses.map(({ address }) => address),
    })),
    hardware,
    hostKeys: [...new Set([facts['ssh_host_key'] ?? '', ...derivedKeys(ports, node)])].filter(key => key !== ''),
  };
}

/** Returns the keys that a node has from its next boot on, whether or not it has ever booted. */
function derivedKeys({ cluster, nodeFiles }: AdminPorts, { uid, value }: Entry<'node'>): string[] {
  const found = fileSetsOf(cluster, value);
  const has = 'sets' in found && found.sets.some(({ name }) => name === 'ssh_host_keys');
  return has ? nodeFiles.hostKeys(uid) : [];
}
