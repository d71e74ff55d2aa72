// The shipped file set for the network, read by NetworkManager, systemd-networkd, ifupdown and a shell.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { filesOf } from './three-nodes.ts';

const ALL = [
  'eno1=boot:yes',
  'ib0=type:infiniband,ip:10.55.1.0+index/16,mtu:4092',
  'eno2=mac:52:54:00:99:00:02,ip:10.60.0.10+index/24,ip:fd00::7/64,gateway:10.60.0.1,mtu:9000,dns:10.60.0.53,route:10.61.0.0/16@10.60.0.2',
  'bond0=members:eno3+eno4,mode:802.3ad',
  'vlan9=vlan:9,parent:bond0,ip:10.9.0.10+index/24',
  'br0=type:bridge,members:eno5,dhcp:yes',
].join('; ');

async function network(t: ExecutionContext, network_style: string, _interfaces = ALL) {
  // The node whose files are looked at has addresses that no group can give
  return filesOf(t, ['network'], { attributes: { network_style }, own: { 1: { _interfaces } } });
}

test('NetworkManager reads its configuration and each connection, and leaves the boot interface alone', async t => {
  if (!requireAll(t, { programs: ['NetworkManager', 'nmcli'] })) return;
  const root = (await network(t, 'networkmanager')).write();
  const folder = join(root, 'etc/NetworkManager/conf.d');
  const empty = join(root, 'empty.conf');
  writeFileSync(empty, '');
  const printed = await runOk('NetworkManager', [
    '--print-config',
    `--config=${empty}`,
    `--config-dir=${folder}`,
    '--system-config-dir=/nonexistent',
  ]);
  t.regex(printed, /^unmanaged-devices=mac:52:54:00:54:00:11$/m);
  t.regex(printed, /^dns=none$/m);
  const connections = join(root, 'etc/NetworkManager/system-connections');
  const read = new Map<string, string>();
  for (const name of readdirSync(connections)) {
    const input = readFileSync(join(connections, name), 'utf8');
    const { status, stdout, stderr } = await run(
      'nmcli',
      ['--offline', 'connection', 'modify', 'connection.autoconnect', 'yes'],
      { input },
    );
    t.is(status, 0, `${name}: ${stderr}`);
    t.is(stderr, '', name);
    read.set(name.replace('.nmconnection', ''), stdout);
  }
  t.deepEqual([...read.keys()].sort(), ['bond0', 'br0', 'eno2', 'eno3', 'eno4', 'eno5', 'ib0', 'vlan9']);
  const has = (name: string, ...lines: string[]) => {
    for (const line of lines)
      t.true(read.get(name)?.split('\n').includes(line), `${name} has ${line}:\n${read.get(name)}`);
  };
  has('ib0', 'type=infiniband', 'mtu=4092', 'transport-mode=datagram', 'address1=10.55.1.1/16', 'never-default=true');
  has(
    'eno2',
    'mac-address=52:54:00:99:00:02',
    'mtu=9000',
    'address1=10.60.0.11/24,10.60.0.1',
    'route1=10.61.0.0/16,10.60.0.2',
    'address1=fd00::7/64',
  );
  has('bond0', 'mode=802.3ad', 'interface-name=bond0');
  has('eno3', 'master=bond0', 'slave-type=bond');
  has('vlan9', 'id=9', 'parent=bond0', 'address1=10.9.0.11/24');
  has('eno5', 'master=br0', 'slave-type=bridge');
  has('br0', 'method=auto');
});

test('systemd-networkd reads every file, and keeps what the boot interface has', async t => {
  if (!requireAll(t, { root: true, programs: ['unshare'], files: ['/usr/lib/systemd/systemd-networkd'] })) return;
  const files = await network(t, 'networkd');
  const folder = join(files.write(), 'etc/systemd/network');
  t.is(readdirSync(folder).length, 12);
  const boot = files.text('/etc/systemd/network/00-muster-boot.network');
  t.regex(boot, /^MACAddress=52:54:00:54:00:11$/m);
  t.regex(boot, /^KeepConfiguration=yes$/m);
  t.regex(boot, /^Address=10\.54\.0\.101\/16$/m);
  // In a separate network and file system, until it has read everything
  const script =
    'mount -t tmpfs run /run && mkdir -p /run/systemd/network /etc/systemd/network && mount --bind "$0" /etc/systemd/network && SYSTEMD_LOG_TARGET=console /usr/lib/systemd/systemd-networkd 2>&1; exit';
  const networkd = spawn('unshare', [
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-c',
    script,
    folder,
  ]);
  t.teardown(() => networkd.kill('SIGKILL'));
  let said = '';
  networkd.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const seen = (): string => said;
  await until('networkd to read its files', () => said.includes('Enumeration completed'), { seen });
  t.deepEqual(said.match(/^.*\/etc\/systemd\/network\/.*$/gm) ?? [], [], 'no complaint about a file');
  t.regex(files.text('/etc/systemd/network/10-muster-bond0.network'), /^VLAN=vlan9$/m);
  const connected = await network(t, 'networkd', 'ib0=type:infiniband,ip:10.55.1.1/16,mtu:65520');
  t.regex(connected.text('/etc/systemd/network/10-muster-ib0.network'), /^\[IPoIB\]\nMode=connected$/m);
});

test('ifupdown would bring up each interface but that of the boot', async t => {
  if (!requireAll(t, { programs: ['ifup', 'ifquery'] })) return;
  const files = await network(t, 'ifupdown');
  const file = join(files.write(), 'etc/network/interfaces');
  const listed = await runOk('ifquery', ['-i', file, '--list']);
  t.deepEqual(listed.trim().split('\n').sort(), ['bond0', 'br0', 'eno2', 'eno3', 'eno4', 'eno5', 'ib0', 'lo', 'vlan9']);
  const { status, stdout, stderr } = await run('ifup', [
    '--no-act',
    '--verbose',
    '--force',
    '-i',
    file,
    '-a',
    '--ignore-errors',
  ]);
  t.is(status, 0, stdout + stderr);
  const words = stdout + stderr;
  t.regex(words, /ip addr add 10\.55\.1\.1\/255\.255\.0\.0 .*dev ib0|ip addr add 10\.55\.1\.1\/16 .*dev ib0/);
  t.regex(words, /ip route replace 10\.61\.0\.0\/16 via 10\.60\.0\.2/);
  t.regex(words, /ip -6 addr add fd00::7\/64/);
  t.notRegex(words, /eno1/);
});

test('ifcfg files are what a shell reads, and the boot interface is not touched', async t => {
  const files = await network(t, 'ifcfg');
  const folder = join(files.write(), 'etc/sysconfig/network-scripts');
  const read = async (name: string): Promise<string[]> =>
    (await runOk('sh', ['-euc', '. "$0/ifcfg-$1"; set', folder, name], { cleanEnv: true, env: {} }))
      .split('\n')
      .filter(line => /^[A-Z]/.test(line));
  const has = async (name: string, ...lines: string[]) => {
    const all = await read(name);
    for (const line of lines) t.true(all.includes(line), `${name} has ${line}: ${all.join(' ')}`);
  };
  await has('eno1', "HWADDR='52:54:00:54:00:11'", "ONBOOT='no'", "NM_CONTROLLED='no'");
  await has('ib0', "TYPE='InfiniBand'", "IPADDR='10.55.1.1'", "PREFIX='16'", "CONNECTED_MODE='no'", "DEFROUTE='no'");
  await has('eno2', "GATEWAY='10.60.0.1'", "MTU='9000'", "DNS1='10.60.0.53'", "IPV6ADDR='fd00::7/64'");
  await has('bond0', "BONDING_OPTS='mode=802.3ad miimon=100'");
  await has('eno3', "MASTER='bond0'", "SLAVE='yes'");
  await has('vlan9', "VLAN='yes'", "PHYSDEV='bond0'", "VLAN_ID='9'");
  await has('br0', "BOOTPROTO='dhcp'", "TYPE='Bridge'");
  await has('eno5', "BRIDGE='br0'");
  t.is(files.text('/etc/sysconfig/network-scripts/route-eno2'), '10.61.0.0/16 via 10.60.0.2 dev eno2\n');
});

test('the kernel of the image says which system it has, and an attribute says so too', async t => {
  const first = async (release: string, attributes = {}) => {
    const files = await filesOf(t, ['network'], { release, attributes });
    return [...files.entries.values()].find(({ type }) => type === 'file')?.path;
  };
  t.is(await first('5.14.0-362.el9.x86_64'), '/etc/NetworkManager/conf.d/90-muster.conf');
  t.is(await first('6.8.5-301.fc40.x86_64'), '/etc/NetworkManager/conf.d/90-muster.conf');
  t.is(await first('3.10.0-1160.el7.x86_64'), '/etc/sysconfig/network');
  t.is(await first('6.1.0-18-amd64'), '/etc/systemd/network/00-muster-boot.network');
  t.is(await first('6.1.0-18-amd64', { network_style: 'ifupdown' }), '/etc/network/interfaces');
  await t.throwsAsync(first('', { network_style: 'wicked' }), {
    message: /network_style must be networkmanager, networkd/,
  });
});

test('the interface of the boot cannot be a member of a bond or bridge', async t => {
  await t.throwsAsync(network(t, 'networkd', 'eno1=boot:yes; bond0=members:eno1+eno2'), {
    message: /the node boots by eno1, which cannot be a member of bond0/,
  });
});
