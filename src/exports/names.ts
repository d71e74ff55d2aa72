// Files by which other machines find and trust the nodes: hosts(5), known_hosts and ssh_config(5), DNS.
import { addressesOf, type ExportFacts, namesOf } from './facts.ts';

/** hosts(5): head and nodes, one line for each address. */
export function hosts({ head, nodes, domain }: ExportFacts): string {
  const lines = [
    { address: head.address, names: namesOf(head.name, head.name, domain) },
    ...nodes.flatMap(node => addressesOf(node, domain)),
  ];
  const width = Math.max(0, ...lines.map(({ address }) => address.length));
  return text(lines.map(({ address, names }) => `${address.padEnd(width)} ${names.join(' ')}`));
}

/** sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: all names and addresses of a node with each of its keys. */
export function knownHosts({ nodes, domain }: ExportFacts): string {
  return text(
    nodes.flatMap(node => {
      const all = addressesOf(node, domain).flatMap(({ address, names }) => [...names, address]);
      return node.hostKeys.map(key => `${[...new Set(all)].join(',')} ${key}`);
    }),
  );
}

/** ssh_config(5): every name of a node leads to its address, so ssh needs no resolver. */
export function sshConfig({ nodes, domain }: ExportFacts): string {
  return text(
    nodes.flatMap(({ name, hostname, ip }) => [
      `Host ${namesOf(hostname, name, domain).join(' ')}`,
      `  HostName ${ip}`,
      `  HostKeyAlias ${name}`,
    ]),
  );
}

/** dnsmasq(8): fixed leases and names. */
export function dnsmasq({ head, nodes, domain }: ExportFacts): string {
  const record = (names: readonly string[], address: string): string => `host-record=${names.join(',')},${address}`;
  return text([
    ...(domain === '' ? [] : [`domain=${domain}`, `local=/${domain}/`]),
    record(namesOf(head.name, head.name, domain), head.address),
    ...nodes.flatMap(node => [
      `dhcp-host=${node.mac},${node.ip},${node.hostname.split('.')[0]}`,
      ...addressesOf(node, domain).map(({ address, names }) => record(names, address)),
    ]),
  ]);
}

/** RFC 1035 §5: a master file. The serial number is the time, so a later export has a larger one (RFC 1982). */
export function zone({ head, nodes, domain, now }: ExportFacts): string {
  const name = (text: string): string => text.split('.')[0] ?? text;
  const records = [
    { name: name(head.name), address: head.address },
    ...nodes.flatMap(node =>
      addressesOf(node, '').flatMap(({ address, names }) =>
        [...new Set(names.map(name))].map(own => ({ name: own, address })),
      ),
    ),
  ];
  const width = Math.max(0, ...records.map(record => record.name.length));
  return text([
    `$ORIGIN ${domain === '' ? 'cluster' : domain}.`,
    '$TTL 300',
    `@ IN SOA ${name(head.name)} hostmaster (${Math.floor(now / 1000)} 3600 600 604800 300)`,
    `@ IN NS ${name(head.name)}`,
    ...records.map(
      ({ name: own, address }) => `${own.padEnd(width)} IN ${address.includes(':') ? 'AAAA' : 'A'} ${address}`,
    ),
  ]);
}

function text(lines: readonly string[]): string {
  return lines.map(line => `${line}\n`).join('');
}
