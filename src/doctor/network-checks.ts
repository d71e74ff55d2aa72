// The network: who has the ports, who else answers DHCP, and what the packet filter lets in.
import type { Config } from '../config.ts';
import { reasonOf, systemCode } from '../errors.ts';
import { linkReader } from '../evidence/links.ts';
import { own } from '../own.ts';
import { run } from '../process/run.ts';
import { parseSubnet } from '../wire/ip.ts';
import { type Offer, probeDhcp } from './dhcp-probe.ts';
import { type Finding, finding, type Patient } from './finding.ts';
import { closedPorts, type Port } from './firewall.ts';
import { bootInterface } from './host-checks.ts';
import { type Listener, listeners } from './listeners.ts';

interface Wanted extends Port {
  what: string;
  /** How musterd can run without the port. */
  instead: string;
}

/** Returns the ports of this configuration. */
function wanted(config: Config): Wanted[] {
  const rows: (Wanted & { on: boolean })[] = [
    { protocol: 'udp', port: 67, what: 'DHCP', instead: 'set dhcp.mode = "off"', on: config['dhcp.mode'] !== 'off' },
    {
      protocol: 'udp',
      port: config['tftp.port'],
      what: 'TFTP',
      instead: 'set tftp.enabled = false',
      on: config['tftp.enabled'],
    },
    { protocol: 'tcp', port: config['http.port'], what: 'HTTP', instead: 'change http.port', on: true },
    {
      protocol: 'tcp',
      port: config['iscsi.port'],
      what: 'iSCSI',
      instead: 'change iscsi.port',
      on: config['iscsi.enabled'],
    },
  ];
  return rows.filter(({ on }) => on);
}

export function checkPorts({ config, health }: Patient, found: readonly Listener[] = listeners()): Finding[] {
  const say = finding('ports');
  const address = config['head.address'].split('/')[0] ?? '';
  const ports = wanted(config);
  const findings = ports.flatMap(({ protocol, port, what, instead }) => {
    const holders = found.filter(
      item =>
        item.protocol === protocol && item.port === port && covers(item.address, address) && !isOurs(item, health?.pid),
    );
    // An ordinary user sees no process of a running daemon's sockets: then the port counts as its own.
    const strangers = health ? holders.filter(item => item.process !== undefined) : holders;
    return [...new Set(strangers.map(nameOf))].map(name =>
      say(
        health ? 'warn' : 'fail',
        `${what}: ${protocol} port ${port} is held by ${name}.`,
        `Stop that (${stopHint(strangers)}), or ${instead}.`,
      ),
    );
  });
  if (health) {
    for (const { protocol, port, what } of ports) {
      if (!found.some(item => item.protocol === protocol && item.port === port && covers(item.address, address)))
        findings.push(
          say(
            'fail',
            `${what}: musterd runs, and nobody listens on ${protocol} port ${port}.`,
            'systemctl restart musterd',
          ),
        );
    }
  }
  if (findings.length > 0) return findings;
  const list = ports.map(({ what, protocol, port }) => `${what} ${protocol}/${port}`).join(', ');
  return [say('ok', health ? `musterd has its ports: ${list}.` : `The ports are free: ${list}.`)];
}

/** Returns whether a socket on one address receives what is sent to the head's. */
function covers(bound: string, head: string): boolean {
  return bound === '0.0.0.0' || bound === head || bound === '255.255.255.255';
}

function isOurs({ process: owner }: Listener, daemon: number | undefined): boolean {
  return owner !== undefined && owner.pid === daemon;
}

function nameOf({ process: owner, address }: Listener): string {
  return owner
    ? `${owner.name} (pid ${owner.pid}) on ${address}`
    : `a process of another user on ${address} ('sudo muster doctor' names it)`;
}

/** The units that stop the usual servers. */
const UNITS: Readonly<Record<string, string>> = {
  dhcpd: 'isc-dhcp-server or dhcpd',
  'kea-dhcp4': 'kea-dhcp4-server',
  dnsmasq: 'dnsmasq',
  'in.tftpd': 'tftpd-hpa or tftp.socket',
  atftpd: 'atftpd',
  nginx: 'nginx',
  apache2: 'apache2',
  httpd: 'httpd',
  tgtd: 'tgt',
};

function stopHint(holders: readonly Listener[]): string {
  const owner = holders.find(({ process: who }) => who)?.process;
  if (!owner) return 'find it with ss -lnp';
  const unit = own(UNITS, owner.name);
  return unit ? `systemctl disable --now ${unit}` : `systemctl status ${owner.pid} names its unit`;
}

export async function checkOtherDhcp(patient: Patient): Promise<Finding> {
  const say = finding('other DHCP');
  const { config, isRoot, probeMs } = patient;
  const network = parseSubnet(config['head.address']);
  const nic = bootInterface(patient);
  if (probeMs === undefined) return say('skip', 'No DISCOVER was sent, as requested.');
  if (!isRoot) return say('skip', 'Asking the network who answers DHCP needs port 68.', 'sudo muster doctor');
  if (!network || nic === undefined) return say('skip', 'There is no boot network to ask.');
  let offers: Offer[];
  try {
    const { mac } = (await linkReader())(nic) ?? {};
    if (mac === undefined) return say('skip', `${nic} has no Ethernet address to ask with.`);
    offers = await probeDhcp(network.address, mac, probeMs);
  } catch (error) {
    const reason = systemCode(error) === 'EADDRINUSE' ? 'a DHCP client holds port 68' : reasonOf(error);
    return say('skip', `The network could not be asked: ${reason}.`);
  }
  const strangers = offers.filter(({ server }) => server !== network.address);
  if (strangers.length === 0) return say('ok', `Nobody else on ${nic} answers DHCP.`);
  const text = strangers.map(({ server, offered }) => `${server} (it offered ${offered})`).join(', ');
  if (config['dhcp.mode'] !== 'authoritative')
    return say('ok', `DHCP on ${nic} is answered by ${text}, and dhcp.mode is ${config['dhcp.mode']} here.`);
  return say(
    'fail',
    `Another DHCP server answers on ${nic}: ${text}. Nodes that take its offer do not boot from here.`,
    'Stop it for this network; or let it serve and set dhcp.mode = "proxy" (docs/configuration.md).',
  );
}

export async function checkFirewall(patient: Patient): Promise<Finding> {
  const say = finding('firewall');
  const { config, isRoot } = patient;
  const ports = wanted(config);
  const nic = bootInterface(patient) ?? config['head.interface'];
  if (!isRoot) return say('skip', 'The rules of the packet filter are for root to read.', 'sudo muster doctor');
  const answer = await run('nft', ['-j', 'list', 'ruleset'], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    timeoutMs: 10_000,
    keepBytes: 64 << 20,
  }).catch(() => undefined);
  if (answer === undefined)
    return say('skip', 'There is no nft here to read the packet filter with.', 'Install nftables.');
  if (answer.status !== 0) return say('skip', `nft does not list the rules: ${answer.stderr.trim()}`);
  const closed = closedPorts(JSON.parse(answer.stdout || '{}'), ports, nic);
  if (closed.length === 0) return say('ok', 'No rule was found that keeps nodes out.');
  const names = closed.map(({ protocol, port }) => `${protocol}/${port}`).join(', ');
  const firewalld = ['--permanent', ...closed.map(({ protocol, port }) => `--add-port=${port}/${protocol}`)].join(' ');
  const remedies = [
    `firewalld: firewall-cmd ${firewalld} && firewall-cmd --reload`,
    `ufw: ${closed.map(({ protocol, port }) => `ufw allow in on ${nic} to any port ${port} proto ${protocol}`).join('; ')}`,
    `nft: accept 'iifname "${nic}"' in your input chain`,
  ];
  return say('warn', `The packet filter seems to drop ${names} from ${nic}.`, remedies.join('\n'));
}
