import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { defaultConfig } from '../../src/config.ts';
import { Enrolments } from '../../src/daemon/enrolments.ts';
import { openKickstarts } from '../../src/daemon/kickstarts.ts';
import { MusterError } from '../../src/errors.ts';
import { Networks } from '../../src/networks.ts';
import { runOk } from '../../src/process/run.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { testFolder } from '../support/iso.ts';

function opened(t: ExecutionContext, ip = '10.54.0.100') {
  const folder = testFolder(t);
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { ip });
  const networks = new Networks(
    { ...{ address: '10.54.0.1/24', interface: '', router: '', dns: [], domain: '' }, leaseSeconds: 60 },
    [{ name: 'racks', address: '10.60.0.1/16', router: '10.60.255.254', dns: ['10.60.0.53'], domain: 'racks.example' }],
  );
  const config = { ...defaultConfig(), 'paths.kickstarts': folder };
  const enrolment = new Enrolments({
    ...{ headKey: Buffer.alloc(32), cluster: fake.cluster, networks, now: () => 0, newUid: () => 'ab'.repeat(16) },
    secretPlane: { ready: async () => ({ tls: { port: 8443, pin: 'sha256//PIN' } }) },
  });
  const kickstarts = openKickstarts({
    config,
    networks,
    cluster: fake.cluster,
    statuses: fakeBoots(fake).statuses,
    enrolment,
  });
  return { folder, kickstarts, uid: node.uid };
}

test("the head has its address on the node's own network", async t => {
  const text = '<head[address]> <head[netmask]> <head[router]> <head[dns]> <head[domain]> <session_url()>';
  const boot = opened(t);
  t.is(
    await boot.kickstarts.render(boot.uid, 'x', 'S', { text }),
    '10.54.0.1 255.255.255.0    http://10.54.0.1:8080/boot/v1/S',
  );
  const racks = opened(t, '10.60.1.7');
  t.is(
    await racks.kickstarts.render(racks.uid, 'x', 'S', { text }),
    '10.60.0.1 255.255.0.0 10.60.255.254 10.60.0.53 racks.example http://10.60.0.1:8080/boot/v1/S',
  );
});

test('only regular files with a proper name count, and not too large ones', async t => {
  const { folder, kickstarts } = opened(t);
  writeFileSync(join(folder, 'own.ks'), 'text\n', { mode: 0o600 });
  writeFileSync(join(folder, '.hidden'), '');
  writeFileSync(join(folder, 'with space'), '');
  mkdirSync(join(folder, 'folder'));
  symlinkSync('gone', join(folder, 'dangling'));
  symlinkSync('own.ks', join(folder, 'link.ks'));
  writeFileSync(join(folder, 'huge'), '');
  truncateSync(join(folder, 'huge'), (1 << 20) + 1);
  await runOk('mkfifo', [join(folder, 'pipe')]);
  const found = await kickstarts.list();
  t.deepEqual(
    found.filter(file => !file.shipped).map(({ name, readable }) => [name, readable]),
    [
      ['huge', true],
      ['link.ks', false],
      ['own.ks', false],
    ],
  );
  t.is(await kickstarts.read('link.ks'), 'text\n');
  for (const [name, code] of [
    ['huge', 'bad-kickstart'],
    ['pipe', 'no-such-object'],
    ['folder', 'no-such-object'],
    ['../own.ks', 'bad-value'],
    ['', 'bad-value'],
  ] as const) {
    const error = await t.throwsAsync(async () => kickstarts.read(name), { instanceOf: MusterError });
    t.is(error?.code, code, name);
  }
});
