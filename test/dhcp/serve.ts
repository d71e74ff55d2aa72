// A DHCP server in a process of its own, for tests that run it inside a network namespace.
// Takes JSON lines on standard input (`{"nodes": […]}`), and prints JSON lines of what happened; ends with its input.
import { createInterface } from 'node:readline';
import type { BootNode } from '../../src/boot/directory.ts';
import { defaultConfig } from '../../src/config.ts';
import { startDhcpServer } from '../../src/dhcp/server.ts';
import { createLog } from '../../src/log.ts';
import { parseSubnet } from '../../src/wire/ip.ts';

const print = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

const head = parseSubnet(process.argv[2] ?? '');
if (!head) throw new Error('usage: serve ADDRESS/PREFIX [CONFIG AS JSON]');
let nodes: BootNode[] = [];
const server = await startDhcpServer({
  head,
  config: { ...defaultConfig(), ...JSON.parse(process.argv[3] ?? '{}') },
  directory: {
    nodeByMac: mac => nodes.find(node => node.mac === mac),
    nodeByIp: ip => nodes.find(node => node.ip === ip),
  },
  journey: { note: note => print({ note }) },
  log: createLog('debug', process.stdout),
  loaders: { bios: '/l/undionly.kpxe', efi64: '/l/snponly.efi', 'http-efi64': '/l/snponly.efi' },
  granted: granted => print({ granted }),
  seen: seen => print({ seen }),
});
print({ ready: true });
for await (const line of createInterface(process.stdin)) {
  ({ nodes } = JSON.parse(line) as { nodes: BootNode[] });
  print({ nodes: nodes.length });
}
await server.close();
