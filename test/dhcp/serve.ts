// A DHCP server in a process of its own, for tests that run it inside a network namespace.
// Takes JSON lines on standard input (`{"nodes": […]}`), and prints JSON lines of what happened; ends with its input.
import { createInterface } from 'node:readline';
import type { BootNode } from '../../src/boot/directory.ts';
import { defaultConfig, networksOf } from '../../src/config.ts';
import { Leases } from '../../src/dhcp/leases.ts';
import { AddressProbe } from '../../src/dhcp/probe.ts';
import { Quarantine } from '../../src/dhcp/quarantine.ts';
import { startDhcpServer } from '../../src/dhcp/server.ts';
import { createLog } from '../../src/log.ts';

const print = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

// usage: serve ADDRESS/PREFIX [CONFIG AS JSON]
const config = { ...defaultConfig(), 'head.address': process.argv[2] ?? '', ...JSON.parse(process.argv[3] ?? '{}') };
let nodes: BootNode[] = [];
const networks = networksOf(config);
const quarantine = new Quarantine();
const leases = new Leases({
  now: Date.now,
  isTaken: ip => networks.isHead(ip) || nodes.some(node => node.ip === ip),
  isQuarantined: ip => quarantine.secondsLeft(ip) > 0,
});
const probe = new AddressProbe();
const server = await startDhcpServer({
  networks,
  config,
  directory: {
    nodeByMac: mac => nodes.find(node => node.mac === mac),
    nodeByIp: ip => nodes.find(node => node.ip === ip),
  },
  journey: { note: note => print({ note }) },
  log: createLog('debug', process.stdout),
  loaders: { bios: '/l/undionly.kpxe', efi64: '/l/snponly.efi', 'http-efi64': '/l/snponly.efi' },
  granted: granted => print({ granted }),
  quarantine,
  lending: {
    leases,
    isOn: () => networks.hasRange,
    save: async saved => print({ saved }),
    probe: async (ip, from) => probe.user(ip, from),
  },
  seen: seen => print({ seen }),
});
print({ ready: true });
for await (const line of createInterface(process.stdin)) {
  ({ nodes } = JSON.parse(line) as { nodes: BootNode[] });
  print({ nodes: nodes.length });
}
await server.close();
