// Real DHCP clients against the server, in network namespaces that the test makes and removes.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { run, runOk } from '../../src/process/run.ts';
import { MAC, NODE, onWire, saw, TIMEOUT_MS, type Wire } from './two-spaces.ts';

async function udhcpc(wire: Wire): Promise<string> {
  const args = ['netns', 'exec', wire.client, 'busybox', 'udhcpc', '-i', 'eth0', '-q', '-n', '-f', '-s', wire.script()];
  return runOk('ip', args, { timeoutMs: TIMEOUT_MS });
}

test('busybox udhcpc gets the address and the settings', async t => {
  await onWire(t, ['busybox'], async wire => {
    await udhcpc(wire);
    const leases = wire.leases();
    for (const line of [
      'ip=10.54.0.100',
      'subnet=255.255.255.0',
      'router=10.54.0.254',
      'dns=10.54.0.1',
      'hostname=n0',
      'lease=600',
    ]) {
      t.true(leases.includes(`\n${line}\n`), line);
    }
    t.true(leases.includes('\ndomain=cluster.local\n'));
    t.deepEqual(
      wire.events.filter(event => event.note),
      [],
      'a running system is no boot',
    );
  });
});

test("a change of a node's address or hardware address is in force at once, and a removed node gets nothing", async t => {
  await onWire(t, ['busybox'], async wire => {
    await udhcpc(wire);
    await wire.set({ ...NODE, ip: '10.54.0.101' });
    await udhcpc(wire);
    t.true(wire.leases().includes('\nip=10.54.0.101\n'));
    await wire.set({ ...NODE, mac: '52:54:00:54:00:02' });
    await wire.ip(wire.client, 'link set eth0 address 52:54:00:54:00:02');
    rmSync(join(wire.folder, 'leases'));
    await udhcpc(wire);
    t.true(wire.leases().includes('\nip=10.54.0.100\n'));
    await wire.set();
    const from = wire.events.length;
    wire.spawn('busybox', 'udhcpc', '-i', 'eth0', '-f', '-s', wire.script());
    t.is((await wire.until(event => event.seen !== undefined, from)).seen?.mac, '52:54:00:54:00:02');
  });
});

test('udhcpc renews by unicast; after a change it is denied and moves to the new address; then it releases', async t => {
  await onWire(t, ['busybox'], async wire => {
    const configure =
      '[ "$1" = deconfig ] && ip addr flush dev eth0; [ "$1" = bound ] && ip addr add $ip/24 dev eth0; exit 0';
    const client = wire.spawn('busybox', 'udhcpc', '-i', 'eth0', '-f', '-R', '-s', wire.script(configure));
    const lines: string[] = [];
    createInterface({ input: client.stderr ?? process.stdin }).on('line', line => lines.push(line));
    await wire.until(event => event.msg === '10.54.0.100 given to n0');
    await saw(lines, /lease of 10\.54\.0\.100 obtained/);
    client.kill('SIGUSR1');
    await saw(lines, /lease of 10\.54\.0\.100 obtained/, 2);
    await wire.set({ ...NODE, ip: '10.54.0.101' });
    client.kill('SIGUSR1');
    await wire.until(event => event.msg?.startsWith('10.54.0.100 is not the address of n0') === true);
    await saw(lines, /lease of 10\.54\.0\.101 obtained/);
    client.kill('SIGUSR2');
    t.like(await wire.until(event => event.msg === 'n0 released 10.54.0.101'), { level: 'debug' });
  });
});

test('ISC dhclient gets the address and the settings, takes up its old lease again, and releases it', async t => {
  await onWire(t, ['dhclient'], async wire => {
    const script = wire.script();
    const files = ['-lf', join(wire.folder, 'db'), '-pf', join(wire.folder, 'pid'), '-cf', '/dev/null', '-sf', script];
    const lines: string[] = [];
    const start = () => {
      const child = wire.spawn('dhclient', '-1', '-d', '-v', ...files, 'eth0');
      createInterface({ input: child.stderr ?? process.stdin }).on('line', line => lines.push(line));
      return child;
    };
    const first = start();
    await saw(lines, /bound to 10\.54\.0\.100/);
    for (const line of [
      'new_ip_address=10.54.0.100',
      'new_routers=10.54.0.254',
      'new_host_name=n0',
      'new_dhcp_lease_time=600',
    ]) {
      t.true(wire.leases().includes(`\n${line}\n`), line);
    }
    const gone = once(first, 'exit');
    first.kill('SIGTERM');
    await gone;
    const again = start();
    await saw(lines, /bound to 10\.54\.0\.100/, 2);
    t.is(
      lines.filter(line => line.startsWith('DHCPDISCOVER')).length,
      1,
      'INIT-REBOOT asks for the old address without DISCOVER',
    );
    again.kill('SIGTERM');
    await once(again, 'exit');
    await wire.ip(wire.client, 'addr add 10.54.0.100/24 dev eth0');
    await runOk('ip', ['netns', 'exec', wire.client, 'dhclient', '-r', '-d', ...files, 'eth0'], {
      timeoutMs: TIMEOUT_MS,
    });
    await wire.until(event => event.msg === 'n0 released 10.54.0.100');
  });
});

test('RFC 2131 §4.3.3: when dhclient finds its address in use, the administrator is warned', async t => {
  await onWire(t, ['dhclient'], async wire => {
    const script = wire.script('[ "$reason" = BOUND ] && exit 1; exit 0');
    const files = ['-lf', join(wire.folder, 'db'), '-pf', join(wire.folder, 'pid'), '-cf', '/dev/null', '-sf', script];
    wire.spawn('dhclient', '-d', '-v', ...files, 'eth0');
    const warning = await wire.until(event => event.msg?.includes('declined 10.54.0.100') === true);
    t.is(warning.level, 'warn');
    t.truthy(await wire.until(event => event.note?.error?.includes('another machine') === true));
  });
});

test('an unknown machine gets an address of the range, saved before it is sent; a used one is skipped', async t => {
  const config = { 'dhcp.range': '10.54.0.200-10.54.0.210' };
  const body = async (wire: Wire): Promise<void> => {
    await wire.set();
    // Another machine on the wire has the first address of the range
    const other = `${wire.client}x`;
    await runOk('ip', ['netns', 'add', other]);
    t.teardown(() => run('ip', ['netns', 'del', other]));
    await wire.ip(wire.client, 'link add eth1 link eth0 type macvlan mode bridge');
    await wire.ip(wire.client, 'link set eth1 netns', other);
    await wire.ip(other, 'link set eth1 address 52:54:00:54:00:99 up');
    await wire.ip(other, 'addr add 10.54.0.200/24 dev eth1');
    const args = ['-i', 'eth0', '-q', '-n', '-f', '-x', 'hostname:stranger', '-s', wire.script()];
    await runOk('ip', ['netns', 'exec', wire.client, 'busybox', 'udhcpc', ...args], { timeoutMs: TIMEOUT_MS });
    t.regex(wire.leases(), /\nip=10\.54\.0\.201\n/);
    t.regex(wire.leases(), /\nlease=120\n/);
    t.regex(wire.leases(), /\nrouter=10\.54\.0\.254\n/);
    const saved = await wire.until(event => event.saved !== undefined);
    t.like(saved.saved?.[0], { ip: '10.54.0.201', mac: MAC, hostname: 'stranger' });
    const used = await wire.until(event => event.msg?.startsWith('10.54.0.200 is in use by') === true);
    t.regex(used.msg ?? '', /in use by 52:54:00:54:00:99/);
    t.is((await wire.until(event => event.seen !== undefined)).seen?.mac, MAC);
    await wire.set(NODE);
    await udhcpc(wire);
    t.true(wire.leases().includes('\nip=10.54.0.100\n'), 'once it is a node it gets its own address');
  };
  await onWire(t, ['busybox'], body, config);
});

test('the client of the package `dhcp` gets a lease', async t => {
  await onWire(t, [], async wire => {
    const client = join(import.meta.dirname, 'peer-client.js');
    await wire.ip(wire.client, 'route add default dev eth0');
    const text = await runOk('ip', ['netns', 'exec', wire.client, process.execPath, client, MAC], {
      timeoutMs: TIMEOUT_MS,
    });
    t.like(JSON.parse(text), {
      address: '10.54.0.100',
      options: { hostname: 'n0', broadcast: '10.54.0.255', netmask: '255.255.255.0' },
    });
  });
});
