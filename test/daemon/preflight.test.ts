import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { defaultConfig } from '../../src/config.ts';
import { findInterface, makeFolder, starting } from '../../src/daemon/preflight.ts';
import { parseSubnet, type Subnet } from '../../src/wire/ip.ts';

type Interfaces = NonNullable<Parameters<typeof findInterface>[2]>;

const interfaces = {
  lo: [{ family: 'IPv4', address: '127.0.0.1' }],
  eth1: [{ family: 'IPv4', address: '10.54.0.1' }],
} as unknown as Interfaces;
const network = parseSubnet('10.54.0.1/24') as Subnet;

test('the interface is found by the address', t => {
  t.is(findInterface(defaultConfig(), network, interfaces), 'eth1');
  t.is(findInterface(defaultConfig(), parseSubnet('127.0.0.9/8') as Subnet, interfaces), 'lo');
});

test('an interface without a link, which Node does not list, is found by the route of its network', t => {
  const routes = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\tFEA01FAC\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'br0\t0000360A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    '',
  ].join('\n');
  t.is(findInterface(defaultConfig(), network, { lo: interfaces.lo }, routes), 'br0');
});

test('an address that no interface has is an error that lists those there are', t => {
  t.throws(() => findInterface(defaultConfig(), parseSubnet('10.9.9.9/24') as Subnet, interfaces), {
    message:
      'No interface has head.address 10.9.9.9; there are: lo 127.0.0.1, eth1 10.54.0.1. Set the address, or correct head.address.',
  });
});

test('an address on another interface than the configured one is an error that names both', t => {
  t.throws(() => findInterface({ ...defaultConfig(), 'head.interface': 'eth9' }, network, interfaces), {
    message: 'head.address 10.54.0.1 is on eth1, not on head.interface eth9; correct one of the two.',
  });
});

test('a port in use, and a missing right, say which server and what to do', async t => {
  const failing = (code: string) => async () => {
    throw Object.assign(new Error(`bind ${code}`), { code, port: 69 });
  };
  await t.throwsAsync(starting('The TFTP server', 'tftp.port', failing('EADDRINUSE')), {
    message: /The TFTP server cannot start: its port 69 is in use .* change tftp\.port\./,
  });
  await t.throwsAsync(starting('The DHCP server', 'dhcp.mode', failing('EACCES')), {
    message: /root or CAP_NET_BIND_SERVICE/,
  });
  await t.throwsAsync(starting('The DHCP server', 'dhcp.mode', failing('EIO')), {
    message: /cannot start: bind EIO/,
  });
});

test('a missing folder is created; a failure names its key', t => {
  const base = mkdtempSync(join(tmpdir(), 'muster-preflight-'));
  t.teardown(() => rmSync(base, { recursive: true }));
  makeFolder(join(base, 'a/state'), 'paths.state', 0o700);
  t.is(statSync(join(base, 'a/state')).mode & 0o777, 0o700);
  makeFolder(base, 'paths.socket', 0o755);
  writeFileSync(join(base, 'file'), '');
  t.throws(() => makeFolder(join(base, 'file/state'), 'paths.state', 0o700), {
    code: 'bad-config',
    message: /^The folder .*file\/state cannot be used: ENOTDIR.*; correct that, or change paths\.state\.$/,
  });
});
