import test from 'ava';
import { directRoutes, kernelAddresses, ownAddresses } from '../../src/wire/kernel-addresses.ts';

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\tFE0200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
br0\t0000360A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`;
const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
           |-- 192.0.2.2
              /32 host LOCAL
           |-- 192.0.2.255
              /32 link BROADCAST
           |-- 10.54.0.1
              /32 host LOCAL
`;

test('own addresses have their interface and prefix, also where an interface has no link', t => {
  t.deepEqual(kernelAddresses(ROUTES, TRIE, 'LE'), [
    { name: 'eth0', address: '192.0.2.2', cidr: '192.0.2.2/24' },
    { name: 'br0', address: '10.54.0.1', cidr: '10.54.0.1/16' },
  ]);
});

test('a default route without a gateway is no network of the machine, and of two networks the smaller counts', t => {
  const more = `${ROUTES}ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
`;
  t.deepEqual(kernelAddresses(more, TRIE, 'LE'), [
    { name: 'eth0', address: '192.0.2.2', cidr: '192.0.2.2/24' },
    { name: 'br0', address: '10.54.0.1', cidr: '10.54.0.1/16' },
  ]);
});

test('a big-endian kernel writes addresses the other way round', t => {
  const routes = 'Iface\nbr0\t0A360000\t00000000\t0001\t0\t0\t0\tFFFF0000\t0\t0\t0\n';
  t.deepEqual(kernelAddresses(routes, TRIE, 'BE'), [{ name: 'br0', address: '10.54.0.1', cidr: '10.54.0.1/16' }]);
});

test('routes by a gateway are of no network of the machine, and an empty text is none', t => {
  t.deepEqual(
    directRoutes(ROUTES, 'LE').map(({ name }) => name),
    ['eth0', 'br0'],
  );
  t.deepEqual(directRoutes(''), []);
  t.deepEqual(ownAddresses(TRIE), ['127.0.0.1', '192.0.2.2', '10.54.0.1']);
});
