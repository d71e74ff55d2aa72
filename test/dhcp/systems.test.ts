// The DHCP clients that running systems have, each as its distribution has it: systemd-networkd, NetworkManager, dhcpcd.
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { NODE, onWire, TIMEOUT_MS, type Wire } from './two-spaces.ts';

/**
 * Runs a shell script among the clients in mount and process namespaces of its own, so that it has a /run for itself and nothing outlives
 * it; `body` runs meanwhile. /sys is read-only, as in a container: the clients then wait for no udev.
 */
async function within(wire: Wire, script: string, body: () => Promise<void>): Promise<void> {
  const path = join(wire.folder, 'system');
  writeFileSync(path, `#!/bin/sh -e\nmount -t tmpfs none /run\nmount -o remount,ro /sys\n${script}\n`, { mode: 0o755 });
  const child = wire.spawn('unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', path);
  try {
    await body();
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }
}

/** Waits until the client has configured address and default route, as a system would use them. */
async function isConfigured(t: ExecutionContext, wire: Wire): Promise<void> {
  const address = async () => runOk('ip', ['-n', wire.client, '-4', 'addr', 'show', 'dev', 'eth0']);
  const route = async () => (await run('ip', ['-n', wire.client, 'route', 'show', 'default'])).stdout;
  await until(
    'address and default route',
    async () => (await address()).includes(`inet ${NODE.ip}/24`) && (await route()).includes('via 10.54.0.254'),
    { milliseconds: TIMEOUT_MS, every: 50, seen: async () => `${await address()}${await route()}` },
  );
  await wire.until(event => event.msg === `${NODE.ip} given to n0`);
  t.deepEqual(
    wire.events.filter(event => event.note),
    [],
    'a running system is no boot',
  );
}

test('systemd-networkd gets the address and the route, and gives the address back when it stops', async t => {
  if (!requireAll(t, { files: ['/usr/lib/systemd/systemd-networkd'] })) return;
  await onWire(t, ['unshare'], async wire => {
    const network = '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n';
    const script = `mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /run/systemd/network
printf '${network.replaceAll('\n', '\\n')}' > /run/systemd/network/10-eth0.network
chown -R systemd-network /run/systemd/netif
/usr/lib/systemd/systemd-networkd & daemon=$!
while [ ! -e ${wire.folder}/stop ]; do sleep 0.1; done
kill $daemon
wait`;
    await within(wire, script, async () => {
      await isConfigured(t, wire);
      writeFileSync(join(wire.folder, 'stop'), '');
      // systemd 252 and others send no server identifier with it, which RFC 2131 table 5 asks for
      await wire.until(event => event.msg === 'n0 released 10.54.0.100');
    });
  });
});

test("NetworkManager's own client gets the address and the route", async t => {
  await onWire(t, ['unshare', 'dbus-daemon', 'NetworkManager'], async wire => {
    const folder = join(wire.folder, 'nm');
    for (const name of ['connections', 'state', 'none']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'bus.conf'), BUS);
    writeFileSync(
      join(folder, 'nm.conf'),
      `[main]\nplugins=keyfile\ndhcp=internal\ndns=none\nhostname-mode=none\nno-auto-default=*\n[keyfile]\npath=${folder}/connections\n`,
    );
    const connection = join(folder, 'connections/boot.nmconnection');
    writeFileSync(
      connection,
      '[connection]\nid=boot\nuuid=3f2d2a2e-0000-4000-8000-000000000001\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n',
    );
    chmodSync(connection, 0o600);
    const none = `--config-dir=${folder}/none --system-config-dir=${folder}/none`;
    const script = `mkdir -p /run/dbus /run/NetworkManager
mount --bind ${folder}/state /var/lib/NetworkManager
dbus-daemon --config-file=${folder}/bus.conf --nofork --nopidfile &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.1; done
exec NetworkManager --no-daemon --config=${folder}/nm.conf ${none} --pid-file=/run/nm.pid --state-file=/run/nm.state`;
    await within(wire, script, async () => isConfigured(t, wire));
  });
});

test('dhcpcd gets the address and the route', async t => {
  await onWire(t, ['unshare', 'dhcpcd'], async wire => {
    const script =
      'mkdir -p /run/dhcpcd\nmount -t tmpfs none /var/lib/dhcpcd\nexec dhcpcd -4 -B -f /dev/null -c /bin/true eth0';
    await within(wire, script, async () => isConfigured(t, wire));
  });
});

/** A system bus for one program, where everybody may do everything. */
const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
<allow send_requested_reply="true"/><allow receive_requested_reply="true"/></policy></busconfig>
`;
