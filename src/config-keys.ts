// The one table of configuration keys. docs/configuration.md lists it and a test compares.
import { availableParallelism, hostname } from 'node:os';
import type { z } from 'zod';
import {
  address,
  addresses,
  type DhcpMode,
  decimal,
  dhcpMode,
  endpoint,
  integer,
  iqn,
  loaders,
  logLevel,
  networkEntries,
  path,
  range,
  subnet,
  text,
  yesNo,
} from './config-values.ts';
import type { Zod } from './issue.ts';
import type { NetworkEntry } from './networks.ts';

/** One key: the schema of its value, its default, and what it means. */
export interface Key<T> {
  schema(z: Zod): z.ZodType<T>;
  default: T;
  meaning: string;
  example: string;
}

const key = <T>(schema: (z: Zod) => z.ZodType<T>, value: T, example: string, meaning: string): Key<T> => ({
  schema,
  default: value,
  meaning,
  example,
});

export const CONFIG_KEYS = {
  'head.name': key(
    text,
    hostname().split('.')[0] || 'head',
    '"head1"',
    "The head's name; the machine's host name when absent.",
  ),
  'head.address': key(
    subnet,
    '10.54.0.1/24',
    '"10.54.0.1/24"',
    "The head's address on the boot network, with the prefix of that network. Every server listens there, and only there.",
  ),
  'head.interface': key(text, '', '"eth1"', 'The interface of the boot network; found by the address when absent.'),
  'paths.state': key(
    path,
    '/var/lib/muster',
    '"/var/lib/muster"',
    'The database and the stored files (kernels, images).',
  ),
  'paths.socket': key(
    path,
    '/run/musterd/admin.sock',
    '"/run/musterd/admin.sock"',
    'The Unix socket of the command line.',
  ),
  'paths.scripts': key(
    path,
    '',
    '"/etc/muster/boot-scripts"',
    "A folder with iPXE scripts that replace muster's own of the same name.",
  ),
  'paths.shim': key(
    path,
    '',
    '"/etc/muster/shim"',
    "A folder with a distribution's shimx64.efi, grubx64.efi and mmx64.efi, for `_boot_loader=shim`; without it those of Debian's packages.",
  ),
  'paths.kickstarts': key(
    path,
    '/etc/muster/kickstarts',
    '"/etc/muster/kickstarts"',
    "The folder of kickstart, preseed and autoinstall files; a file with the same name replaces muster's own.",
  ),
  'files.folder': key(
    path,
    '/etc/muster/files',
    '"/etc/muster/files"',
    'The folder below which templates of file sets read files of the head, by the filter `head_file`.',
  ),
  'dhcp.mode': key<DhcpMode>(
    dhcpMode,
    'authoritative',
    '"authoritative"',
    "How DHCP is answered: authoritative gives the nodes their addresses; proxy only says what to boot, next to the site's own server; off leaves all to that server.",
  ),
  'dhcp.router_advertisements': key(
    yesNo,
    true,
    'true',
    'Whether musterd runs radvd, where it is installed, to advertise a router lifetime of 0: many iPXE builds wait 16 s for an advertisement.',
  ),
  'dhcp.router': key(address, '', '"10.54.0.254"', 'The default gateway given to nodes; none when empty.'),
  'dhcp.dns': key(addresses, [], '["10.54.0.1"]', 'The name servers given to nodes.'),
  'dhcp.domain': key(text, '', '"cluster.local"', 'The domain name given to nodes.'),
  'dhcp.lease_seconds': key(integer(60, 31_536_000), 3600, '3600', 'How long an address is leased, in seconds.'),
  'dhcp.range': key(
    range,
    '',
    '"10.54.0.200-10.54.0.250"',
    'Addresses of the boot network that are lent to machines that are not nodes; none when empty. No node may have one of them.',
  ),
  'dhcp.unknown_lease_seconds': key(
    integer(60, 31_536_000),
    600,
    '600',
    'How long an address is lent to a machine that is not a node, in seconds.',
  ),
  'dhcp.probe': key(
    yesNo,
    true,
    'true',
    'Whether an address is probed before it is lent to a machine that is not a node; a used address is skipped for a while.',
  ),
  'dhcp.leasequery': key(
    addresses,
    [],
    '["10.54.0.9"]',
    'Hosts that may query leases with DHCPLEASEQUERY (RFC 4388): addresses of access concentrators and monitors; none when empty.',
  ),
  networks: key<NetworkEntry[]>(
    networkEntries,
    [],
    '[{ name = "rack2", subnet = "10.56.0.0/24", router = "10.56.0.254" }]',
    'Further networks that nodes boot from, a table each: on other interfaces of the head, or behind relay agents. See docs/network.md.',
  ),
  'tftp.enabled': key(yesNo, true, 'true', 'Whether musterd answers TFTP.'),
  'tftp.port': key(integer(1, 65535), 69, '69', 'The UDP port of TFTP; firmware knows only 69.'),
  'tftp.max_blksize': key(
    integer(512, 65464),
    65464,
    '65464',
    'The largest block of TFTP in bytes, for a path whose MTU the head cannot know: the MTU less 32. Never more than the path MTU that the kernel knows.',
  ),
  'tftp.single_port': key(
    yesNo,
    false,
    'false',
    'Whether all TFTP transfers use the one port, for firewalls and address translation in between.',
  ),
  'syslog.enabled': key(
    yesNo,
    true,
    'true',
    'Whether musterd puts syslog messages of booting nodes onto their timelines. If another program has the port, it runs without.',
  ),
  'syslog.port': key(integer(1, 65535), 514, '514', 'The UDP port of syslog; iPXE and DHCP option 7 know only 514.'),
  'http.port': key(
    integer(1, 65535),
    8080,
    '8080',
    'The TCP port of the boot plane: scripts, kernels, images, reports.',
  ),
  'https.port': key(
    integer(1, 65535),
    8443,
    '8443',
    'The TCP port over which nodes get their secret files and installed systems enrol, with TLS; musterd listens there once it is needed.',
  ),
  'http.image_transfers': key(
    integer(1, 10_000),
    64,
    '64',
    'How many nodes get their image at a time; the others wait in a queue. Much slower ones do not count.',
  ),
  'http.peer_connections': key(
    integer(8, 65_535),
    128,
    '128',
    'How many HTTP connections one address may have at a time; a node needs a few, an installer about ten. Raise it if nodes come through address translation.',
  ),
  'iscsi.enabled': key(yesNo, true, 'true', 'Whether musterd serves iSCSI, for nodes of boot style iscsi.'),
  'iscsi.port': key(integer(1, 65535), 3260, '3260', 'The TCP port of iSCSI.'),
  'iscsi.workers': key(
    integer(0, 64),
    Math.min(4, availableParallelism() - 1),
    '4',
    'Processes that serve iSCSI besides musterd itself, started when the first node logs in; by default one less than the machine has CPUs, at most 4.',
  ),
  'iscsi.iqn': key(
    iqn,
    'iqn.2026-01.local.muster',
    '"iqn.2026-01.org.example.cluster"',
    'What the iSCSI names of targets and initiators begin with; running nodes keep the one they booted with.',
  ),
  'boot.failure_seconds': key(
    integer(5, 86_400),
    60,
    '60',
    'How long a node whose boot failed waits before it reboots to try again, in seconds; the node adds up to half as much at random.',
  ),
  'boot.session_seconds': key(
    integer(60, 604_800),
    14_400,
    '14400',
    'How long the session of a boot that never comes up lasts, in seconds.',
  ),
  'power.soft_timeout_seconds': key(
    integer(1, 3600),
    120,
    '120',
    'How long a soft reboot or shutdown may take before the hard one follows, in seconds.',
  ),
  'power.timeout_seconds': key(
    integer(1, 300),
    10,
    '10',
    'How long a BMC or hypervisor may take for one answer, in seconds.',
  ),
  'power.fanout': key(
    integer(1, 1024),
    64,
    '64',
    'How many BMCs or hypervisors each driver speaks to at the same time.',
  ),
  'power.server_fanout': key(
    integer(1, 256),
    8,
    '8',
    'How many commands run at the same time on one server that runs the tool for the head; sshd drops logins beyond its MaxStartups.',
  ),
  'power.stagger_seconds': key(
    decimal(0, 60),
    0,
    '0.2',
    'How long the next node waits after the last one was switched on, in seconds; --stagger overrides it.',
  ),
  'power.drivers': key(
    path,
    '/etc/muster/power.d',
    '"/etc/muster/power.d"',
    "A folder with power drivers of the site's own.",
  ),
  'exec.fanout': key(integer(1, 1024), 64, '64', 'On how many nodes an exec command runs at the same time.'),
  'audit.megabytes': key(
    integer(1, 100_000),
    64,
    '64',
    'The largest size of the audit trail, in megabytes of its text; the oldest lines are removed first.',
  ),
  'storage.gc_hours': key(
    integer(0, 500),
    1,
    '1',
    'How often unused stored files are removed, in hours; with 0 only `muster storage gc` does it.',
  ),
  'files.keep': key(
    integer(1, 1000),
    10,
    '10',
    'How many contents of a file set are kept, the current one included; `muster files rollback` returns to one of them.',
  ),
  'metrics.address': key(
    endpoint,
    '',
    '"127.0.0.1:9754"',
    'Address and port where Prometheus reads the metrics; none when empty. Nothing protects them: use no address that nodes reach.',
  ),
  'log.level': key(logLevel, 'info', '"info"', 'The lowest level that is logged: debug, info, warn or error.'),
  loaders: key(
    loaders,
    {},
    '{ bios = "/usr/lib/ipxe/undionly.kpxe" }',
    "Loader files by client architecture; those not named are found where the distribution's iPXE package puts them.",
  ),
} as const;

export type ConfigKey = keyof typeof CONFIG_KEYS;
export type Config = { [K in ConfigKey]: (typeof CONFIG_KEYS)[K]['default'] };
