// The lab's own network: apart from this machine's, and gone with its last process.
import { readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openNamespace } from '../../lab/namespace.ts';
import { makeNetwork } from '../../lab/network.ts';
import { startProcess } from '../../lab/process.ts';
import { requireAll } from '../support/require.ts';

const NEEDS = { root: true, programs: ['unshare', 'nsenter', 'setpriv', 'ip'], files: ['/dev/net/tun'] };

test('a process runs in a separate network until it is stopped', async t => {
  if (!requireAll(t, NEEDS)) return;
  const folder = await mkdtemp(join(tmpdir(), 'namespace-'));
  const namespace = await openNamespace();
  try {
    await makeNetwork(namespace, 2);
    const links = JSON.parse(await namespace.run(['ip', '-json', 'link'])) as { ifname: string }[];
    t.deepEqual(links.map(link => link.ifname).toSorted(), ['br0', 'lo', 'tap0', 'tap1']);
    const child = await startProcess({
      name: 'sleep',
      command: namespace.command(['sleep', '600']),
      log: join(folder, 'log'),
    });
    t.is(await child.stop(), 128 + 15);
    t.is(child.status(), 128 + 15);
  } finally {
    await namespace.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test('nothing of the network is visible on this machine', async t => {
  if (!requireAll(t, NEEDS)) return;
  const namespace = await openNamespace();
  try {
    const inside = (await namespace.run(['readlink', '/proc/self/ns/net'])).trim();
    t.not(inside, readlinkSync('/proc/self/ns/net'));
  } finally {
    await namespace.close();
  }
});

test('a failed command of the network is an error with the text of the program', async t => {
  if (!requireAll(t, NEEDS)) return;
  const namespace = await openNamespace();
  try {
    await t.throwsAsync(namespace.run(['ip', 'link', 'set', 'nothing', 'up']), { message: /nothing/ });
  } finally {
    await namespace.close();
  }
});
