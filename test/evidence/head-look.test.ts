// What the head looks like: mount points, descriptors, interfaces.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  lookAtDescriptors,
  lookAtInterfaces,
  lookAtMemory,
  lookAtStorage,
  mountOf,
} from '../../src/evidence/head-look.ts';
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

test('the look at the head reads this machine', async t => {
  const storage = await lookAtStorage(tmpdir());
  t.true(storage.size > 0);
  t.true(tmpdir().startsWith(storage.mount));
  const descriptors = await lookAtDescriptors();
  t.true((descriptors?.open ?? 0) > 3);
  t.true((descriptors?.limit ?? 0) > (descriptors?.open ?? 0));
});

test('memory and pressure are read from /proc, also where the kernel does not count pressure', async t => {
  const proc = await mkdtemp(join(tmpdir(), 'muster-proc-'));
  t.teardown(async () => rm(proc, { recursive: true }));
  t.is(await lookAtMemory(proc), undefined);
  await writeFile(join(proc, 'meminfo'), 'MemTotal:        2048000 kB\nMemFree: 1 kB\nMemAvailable:      20480 kB\n');
  t.deepEqual(await lookAtMemory(proc), { available: 20_480 * 1024, total: 2_048_000 * 1024 });
  await mkdir(join(proc, 'pressure'));
  const some = 'some avg10=70.00 avg60=1.00 avg300=0.00 total=9\n';
  await writeFile(join(proc, 'pressure/memory'), `${some}full avg10=41.25 avg60=0.00 avg300=0.00 total=7\n`);
  t.like(await lookAtMemory(proc), { stalled: 41.25 });
  t.true(((await lookAtMemory())?.total ?? 0) > 0);
});

test('each fault of an interface has its own name', t => {
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
