// Beside a site's own DHCP server: real UEFI firmware merges its offer with muster's and boots by it.
import { join } from 'node:path';
import test from 'ava';
import type { Lab } from '../../../lab/lab.ts';
import { startProcess } from '../../../lab/process.ts';
import { labTest } from '../../support/lab.ts';

/** dnsmasq gives addresses and knows nothing of booting. */
async function startSiteServer(lab: Lab) {
  const options = [
    '--no-daemon',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--log-facility=-',
    '--port=0',
  ];
  const dhcp = ['--dhcp-range=10.54.0.100,static,255.255.255.0', '--dhcp-host=52:54:00:00:00:01,10.54.0.100'];
  return startProcess({
    name: "the site's DHCP server",
    command: lab.namespace.command([
      'dnsmasq',
      ...options,
      ...dhcp,
      '--listen-address=10.54.0.2',
      '--bind-interfaces',
      '--leasefile-ro',
      '--no-ping',
      '--dhcp-authoritative',
      '--log-dhcp',
    ]),
    log: join(lab.logs, 'site.log'),
  });
}

labTest(
  test,
  'proxyDHCP: UEFI gets its address from the site and the loader from muster, iPXE the script, and the node comes up',
  { firmware: 'uefi', config: '[dhcp]\nmode = "proxy"\n' },
  async (t, lab) => {
    await lab.namespace.run(['ip', 'addr', 'add', '10.54.0.2/24', 'dev', 'br0']);
    const site = await startSiteServer(lab);
    try {
      await lab.bootUp();
      const { stdout } = await lab.muster('node', '-i', 'n0', 'timeline');
      t.regex(stdout, /offered .*snponly\.efi, next to another DHCP server/);
      t.regex(stdout, /addressed .*10\.54\.0\.100 from 10\.54\.0\.2/);
      t.regex(stdout, /loader .*snponly\.efi/);
    } finally {
      await site.stop();
    }
  },
);
