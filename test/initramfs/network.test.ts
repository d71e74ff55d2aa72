// The boot interface among those of a node, by its hardware address: Ethernet, InfiniBand, in every shell.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { makePlace, runParts, SHELLS } from './shells.ts';

for (const shell of Object.keys(SHELLS)) {
  test(`${shell}: the interface with the boot address is found, an InfiniBand port by its GUID`, async t => {
    if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? ''] })) return;
    const place = await makePlace(t);
    const net = join(place.folder, 'sys/class/net');
    for (const [name, mac] of [
      ['eth0', '52:54:00:00:00:0A'],
      ['ib0', '80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:bc:de'],
      ['eth0.5', '52:54:00:00:00:0b'],
    ] as const) {
      await mkdir(join(net, name, name.includes('.') ? 'lower' : 'device'), { recursive: true });
      await writeFile(join(net, name, 'address'), `${mac}\n`);
    }
    const script = (mac: string) => `. "$MUSTER_LIB/lib/network"; interface_of_mac ${mac} && echo "$NIC"`;
    const find = async (mac: string) => runParts(shell, place, script(mac), { MUSTER_SYS: join(place.folder, 'sys') });
    t.is((await find('52:54:00:00:00:0a')).stdout, 'eth0\n');
    t.is((await find('00:02:c9:0a:bc:de')).stdout, 'ib0\n');
    t.is((await find('52:54:00:00:00:0b')).stdout, '', 'a VLAN on top has no device of its own');
  });
}
