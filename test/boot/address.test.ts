import test from 'ava';
import { addressFor } from '../../src/boot/address.ts';
import type { BootNode, Directory } from '../../src/boot/directory.ts';

const node: BootNode = { uid: 'u0', name: 'n0', mac: '52:54:00:00:00:01', ip: '10.54.0.100', hostname: 'n0' };
const knows = (known: BootNode): Directory => ({
  nodeByMac: mac => (mac === known.mac ? known : undefined),
  nodeByIp: () => undefined,
});

test('a known hardware address leads to its node', t => {
  t.deepEqual(addressFor(node.mac, knows(node)), { node });
});

test('an unknown hardware address is refused, and marked as one that may be added', t => {
  t.like(addressFor('52:54:00:00:00:02', knows(node)), { unknown: true });
});

test('a node that is not to be booted is refused with its reason, and is not unknown', t => {
  const decision = addressFor(node.mac, knows({ ...node, ignore: '_no_boot is set' }));
  t.deepEqual(decision, { refused: 'node n0 is not to be booted: _no_boot is set', unknown: false });
});

test('multicast and zero addresses belong to no machine', t => {
  for (const mac of ['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00']) {
    t.like(addressFor(mac, knows({ ...node, mac })), { unknown: false });
  }
});

test('a change of the directory is in force at once', t => {
  let ip = '10.54.0.100';
  const directory: Directory = { nodeByMac: () => ({ ...node, ip }), nodeByIp: () => undefined };
  t.like(addressFor(node.mac, directory), { node: { ip: '10.54.0.100' } });
  ip = '10.54.0.101';
  t.like(addressFor(node.mac, directory), { node: { ip: '10.54.0.101' } });
});
