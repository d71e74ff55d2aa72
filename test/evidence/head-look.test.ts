// What the head looks like: mount points, descriptors, interfaces.
import { tmpdir } from 'node:os';
import test from 'ava';
import { lookAtDescriptors, lookAtInterfaces, lookAtStorage, mountOf } from '../../src/evidence/head-look.ts';
import type { Link } from '../../src/evidence/links.ts';

const MOUNTS = `22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 22 254:2 / /var rw,relatime - ext4 /dev/vda2 rw
31 30 254:3 / /var/lib/my\\040muster rw - xfs /dev/vda3 rw
`;

test('a path belongs to the longest mount point above it', t => {
  t.is(mountOf(MOUNTS, '/var/lib/muster'), '/var');
  t.is(mountOf(MOUNTS, '/var/lib/my muster/state'), '/var/lib/my muster');
  t.is(mountOf(MOUNTS, '/variable'), '/');
  t.is(mountOf('', '/var'), '/');
});

test('this machine is looked at', async t => {
  const storage = await lookAtStorage(tmpdir());
  t.true(storage.size > 0);
  t.true(tmpdir().startsWith(storage.mount));
  const descriptors = await lookAtDescriptors();
  t.true((descriptors?.open ?? 0) > 3);
  t.true((descriptors?.limit ?? 0) > (descriptors?.open ?? 0));
});

test('what is wrong with an interface is told apart', t => {
  const card = { index: 2, mtu: 1500, isUp: true, hasCarrier: true, kind: '' };
  const links = new Map<string, Link>([
    ['well', card],
    ['down', { ...card, isUp: false }],
    ['pulled', { ...card, hasCarrier: false }],
    ['br0', { ...card, hasCarrier: false, kind: 'bridge' }],
  ]);
  const locals = '     |-- 10.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.2\n        /24 link UNICAST\n';
  const problem = (name: string, head = '10.0.0.1') =>
    lookAtInterfaces([{ head, interface: name }], of => links.get(of), locals)[0]?.problem;
  t.is(problem('well'), undefined);
  t.is(problem('br0'), undefined, 'a bridge has no carrier while all machines are off');
  t.is(problem('well', '10.0.0.2'), 'no-address');
  t.is(problem('down'), 'down');
  t.is(problem('pulled'), 'no-carrier');
  t.is(problem('gone'), 'gone');
  t.is(problem(''), undefined);
});
