// The attribute `_dhcp_options`: further DHCP options of a node by name, `ntp-servers=10.54.0.1,10.54.0.2; 224=0x0102`.
import { own } from '../own.ts';
import { ipToBytes, parseIpv4, parseSubnet } from '../wire/ip.ts';

type Writer = (text: string) => Buffer | string;

const ips: Writer = text => {
  const addresses = text.split(',').map(part => parseIpv4(part));
  if (addresses.some(ip => ip === undefined)) return 'wants IPv4 addresses with commas';
  return Buffer.concat(addresses.map(ip => ipToBytes(ip ?? '')));
};

const ip: Writer = text => (text.includes(',') ? 'wants one IPv4 address' : ips(text));

const text: Writer = value => (/^[\x20-\x7e]+$/.test(value) ? Buffer.from(value, 'latin1') : 'wants text');

const number =
  (bytes: 1 | 2 | 4): Writer =>
  value => {
    const wanted = Number(value);
    if (!/^\d+$/.test(value) || wanted >= 256 ** bytes) return `wants a whole number below ${256 ** bytes}`;
    const target = Buffer.alloc(bytes);
    target.writeUIntBE(wanted, 0, bytes);
    return target;
  };

const hex: Writer = value => {
  const digits = value.replace(/^0x/i, '').replaceAll(':', '');
  return /^([0-9a-f]{2})+$/i.test(digits) ? Buffer.from(digits, 'hex') : 'wants bytes as hex digits';
};

/** RFC 3397 §2: names in the encoding of RFC 1035 §4.1.2, without compression. */
const domains: Writer = value => {
  const labels = value.split(',').map(name => name.trim().replace(/\.$/, '').split('.'));
  if (labels.flat().some(label => !/^[A-Za-z0-9_-]{1,63}$/.test(label))) return 'wants domain names with commas';
  return Buffer.concat(
    labels.flatMap(name => [
      ...name.map(label => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
      Buffer.of(0),
    ]),
  );
};

/** RFC 3442: `10.60.0.0/16 10.54.0.254, 0.0.0.0/0 10.54.0.1`; only the significant bytes of the destination are written. */
const routes: Writer = value => {
  const parts = value.split(',').map(route => route.trim().split(/\s+/));
  const written = parts.map(([destination = '', gateway = '', ...more]) => {
    const subnet = parseSubnet(destination);
    const router = parseIpv4(gateway);
    if (!subnet || !router || more.length > 0) return undefined;
    const significant = ipToBytes(subnet.network).subarray(0, Math.ceil(subnet.prefix / 8));
    return Buffer.from([subnet.prefix, ...significant, ...ipToBytes(router)]);
  });
  if (written.some(route => route === undefined)) return 'wants routes such as 10.60.0.0/16 10.54.0.254, with commas';
  return Buffer.concat(written.flatMap(route => (route ? [route] : [])));
};

/** By the names of ISC's and dnsmasq's tables (dhcp-options(5)). RFC 2132 unless noted. */
const NAMES: Readonly<Record<string, readonly [code: number, write: Writer]>> = {
  'time-offset': [2, number(4)],
  routers: [3, ips],
  'time-servers': [4, ips],
  'domain-name-servers': [6, ips],
  'log-servers': [7, ips],
  'lpr-servers': [9, ips],
  'host-name': [12, text],
  'boot-size': [13, number(2)],
  'domain-name': [15, text],
  'swap-server': [16, ip],
  'root-path': [17, text],
  'extensions-path': [18, text],
  'default-ip-ttl': [23, number(1)],
  'interface-mtu': [26, number(2)],
  'broadcast-address': [28, ip],
  'nis-domain': [40, text],
  'nis-servers': [41, ips],
  'ntp-servers': [42, ips],
  'vendor-encapsulated-options': [43, hex],
  'netbios-name-servers': [44, ips],
  'dhcp-lease-time': [51, number(4)],
  'tftp-server-name': [66, text],
  'bootfile-name': [67, text],
  'smtp-server': [69, ips],
  'www-server': [72, ips],
  'posix-timezone': [100, text], //       RFC 4833
  'tzdb-timezone': [101, text], //        RFC 4833
  'captive-portal': [114, text], //       RFC 8910
  'domain-search': [119, domains], //     RFC 3397
  'classless-static-routes': [121, routes], // RFC 3442
  'tftp-server-address': [150, ips], //   RFC 5859
};

/** Options of the exchange itself, which would break with other values. */
const KEPT: ReadonlySet<number> = new Set([
  0, 1, 50, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 77, 82, 93, 97, 118, 175, 255,
]);

/** Returns the options by code, or what is wrong with the text, for the administrator. */
export function readDhcpOptions(value: string): Map<number, Buffer> | string {
  const options = new Map<number, Buffer>();
  for (const part of value.split(';').filter(item => item.trim() !== '')) {
    const [, name = '', content = ''] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (name === '')
      return `has '${part.trim()}', which is no name=value; write ntp-servers=10.54.0.1; interface-mtu=9000`;
    const row = rowOf(name);
    if (!row) return `has no option '${name}'; there are ${Object.keys(NAMES).join(', ')}, and numbers from 2 to 254`;
    if (KEPT.has(row[0])) return `cannot set option ${row[0]}, which muster needs itself`;
    const bytes = row[1](content);
    if (typeof bytes === 'string') return `has '${content}' for ${name}, which ${bytes}`;
    if (bytes.length > 1024) return `has more than 1024 bytes for ${name}`;
    options.set(row[0], bytes);
  }
  return options;
}

function rowOf(name: string): readonly [number, Writer] | undefined {
  if (Object.hasOwn(NAMES, name)) return own(NAMES, name);
  if (!/^\d{1,3}$/.test(name) || Number(name) > 254) return undefined;
  // A number: bytes as 0x…, addresses, else text
  return [
    Number(name),
    value => (/^0x/i.test(value) ? hex(value) : parseIpv4(value.split(',')[0] ?? '') ? ips(value) : text(value)),
  ];
}

/** Returns the name of an option code, and its value as an administrator writes it; hex digits if there is no better way. */
export function describeDhcpOption(code: number, bytes: Uint8Array): { name?: string; value: string } {
  const value = Buffer.from(bytes);
  const [name, row] = Object.entries(NAMES).find(([, [known]]) => known === code) ?? [];
  const isText = value.length > 0 && value.every(byte => byte >= 0x20 && byte < 0x7f);
  const asHex = `0x${value.toString('hex')}`;
  if (!row) return { value: isText ? value.toString('latin1') : asHex };
  return { ...(name !== undefined && { name }), value: readBack(row[1], value, isText) ?? asHex };
}

function readBack(write: Writer, value: Buffer, isText: boolean): string | undefined {
  if (write === text) return isText ? value.toString('latin1') : undefined;
  if (write === ip || write === ips) {
    if (value.length === 0 || value.length % 4 !== 0) return undefined;
    return Array.from({ length: value.length / 4 }, (_, at) => value.subarray(at * 4, at * 4 + 4).join('.')).join(',');
  }
  if (write === hex || write === domains || write === routes) return undefined;
  return [1, 2, 4].includes(value.length) ? String(value.readUIntBE(0, value.length)) : undefined;
}
