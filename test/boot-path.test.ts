// The whole journey in memory: captured packets of real firmware in, the decisions of every stage, one timeline out.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { tokenOf } from '../src/boot/boot.ts';
import { clusterDirectory } from '../src/boot/cluster-directory.ts';
import { JOURNEY } from '../src/boot/journey.ts';
import { servedLoaders } from '../src/boot/loaders.ts';
import { planBoot } from '../src/boot/plan.ts';
import { sessionUrl, sessionValues } from '../src/boot/plane/session-values.ts';
import { renderScript } from '../src/boot/script.ts';
import { sessionFile } from '../src/boot/session-archive.ts';
import { timelineOf } from '../src/boot/timeline.ts';
import { defaultConfig, networksOf } from '../src/config.ts';
import { answer } from '../src/dhcp/exchange.ts';
import { decode } from '../src/dhcp/packet.ts';
import { readRequest } from '../src/dhcp/request.ts';
import { attributesIni } from '../src/http/attributes-ini.ts';
import { packageRoot } from '../src/package-root.ts';
import { findFile } from '../src/tftp/names.ts';
import { captured } from './dhcp/build.ts';
import { FakeCluster, fakeBoots } from './fakes/cluster.ts';
import { fakeNode, fakePorts } from './fakes/plane.ts';

const LOADERS = {
  bios: '/l/undionly.kpxe',
  efi64: '/l/snponly.efi',
  'http-efi64': '/l/snponly.efi',
  'efi-arm64': '/l/ipxe-arm64.efi',
  'http-efi-arm64': '/l/ipxe-arm64.efi',
};
const HEAD = { address: '10.54.0.1', port: 8080, prefix: 24, router: '', dns: [], domain: '', failureSeconds: 60 };
const template = readFileSync(join(packageRoot, 'boot-scripts/netboot.ipxe'), 'utf8');

/** Lets a node of the captured packets' MAC boot; `packets` are what its firmware and iPXE send, in order. */
async function journey(t: ExecutionContext, packets: readonly string[]) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const mac = readRequest(decode(captured(packets[0] ?? ''))).mac;
  // The captured clients ask for the address that they were offered when they were recorded.
  const asked = packets.map(name => readRequest(decode(captured(name))).requestedAddress);
  const wanted = asked.find(ip => ip !== undefined) ?? node.value.ip;
  fake.change(node, { mac, ip: wanted });
  const world = fakeBoots(fake);
  // Past the time of trust after a start: only the ACKs below allow a script.
  world.clock.now += 10 * 60_000;
  const context = {
    networks: networksOf({ ...defaultConfig(), 'head.address': '10.54.0.1/24' }),
    config: defaultConfig(),
    quarantined: () => 0,
    directory: clusterDirectory(fake.cluster),
    loaders: LOADERS,
  };
  for (const [index, name] of packets.entries()) {
    const result = answer(readRequest(decode(captured(name))), context, {
      network: context.networks.main,
      broadcast: true,
    });
    if (!('reply' in result)) return t.fail(`${name}: ${JSON.stringify(result)}`);
    t.is(result.reply.yiaddr, wanted, name);
    if (result.note) world.boots.note(result.note);
    if (result.grant) world.boots.grant(result.grant.node);
    // U-Boot asks for its script first, and fetches none of ours then.
    const goesOn = packets[index + 1]?.startsWith('uboot-');
    if (result.grant?.kind === 'firmware' && !goesOn) fetchLoader(t, world.boots, node.uid, String(result.reply.file));
    world.clock.now += 500;
  }
  return finish(t, fake, world, node.uid);
}

function fetchLoader(
  t: ExecutionContext,
  boots: ReturnType<typeof fakeBoots>['boots'],
  node: string,
  file: string,
): void {
  const name = file.startsWith('http') ? file.slice(file.lastIndexOf('/') + 1) : file;
  t.true('source' in findFile(servedLoaders(LOADERS), name), file);
  boots.note({ stage: 'loader', node, detail: name });
}

async function finish(t: ExecutionContext, fake: FakeCluster, world: ReturnType<typeof fakeBoots>, uid: string) {
  const { boots, statuses, clock } = world;
  const node = fake.cluster.get('node', uid);
  const planned = node && planBoot(fake.cluster, node);
  if (!planned || 'refused' in planned) return t.fail('no plan');
  t.true(boots.mayMint(uid));
  const { id, boot } = boots.mint(planned.plan, `${planned.plan.node.ip}:1`);
  const script = renderScript(template, planned.plan, sessionUrl(HEAD, id));
  const cmdline = /^kernel .*$/m.exec(script)?.[0].replace(/^kernel --name kernel \S+ /, '') ?? '';
  t.false(cmdline.includes(id), 'no session id on the kernel command line');
  t.true(sessionFile(sessionValues(planned.plan, id, HEAD)).includes(`MUSTER_SESSION='${id}'`));
  boots.note({ stage: 'kernel', session: id });
  clock.now += 2000;
  const attributes = (): string => attributesIni({ uid, name: 'n0' }, new Map());
  const system = fakeNode(fakePorts(fake, world, { attributesIni: attributes }), planned.plan.node.ip);
  for (const stage of ['initramfs', 'image', 'root']) t.is(await system.report(id, `stage=${stage}\n`), 200);
  t.is(await system.beat(`token=${tokenOf(id)}\n`), 200);
  t.is(statuses.of(uid).state, 'up');
  t.is(boots.of(uid).length, 1);
  return timelineOf(boot);
}

test('UEFI by PXE: OVMF, TFTP, snponly, ten stages', async t => {
  const timeline = await journey(t, ['ovmf-pxe-discover', 'ovmf-pxe-request', 'snponly-discover', 'snponly-request']);
  t.true(timeline?.rows.every(row => row.at !== undefined));
  t.is(timeline?.outcome, 'up');
});

test('UEFI by HTTP boot: the loader over HTTP, ten stages', async t => {
  const timeline = await journey(t, ['ovmf-http-discover', 'ovmf-http-request']);
  t.deepEqual(
    timeline?.rows.filter(row => row.at === undefined).map(row => row.stage),
    ['ipxe'],
  );
});

test('BIOS with iPXE in the card: the journey begins at stage 4', async t => {
  const timeline = await journey(t, ['bios-ipxe-discover', 'bios-ipxe-request']);
  t.deepEqual(
    timeline?.rows.filter(row => row.at === undefined).map(row => row.number),
    [1, 2, 3],
  );
  t.deepEqual(
    timeline?.rows.map(row => row.stage),
    JOURNEY.map(stage => stage.name),
  );
});

test('64-bit ARM by PXE and by HTTP boot: AAVMF, its own loader, ten stages', async t => {
  const ipxe = ['ipxe-arm64-discover', 'ipxe-arm64-request'];
  for (const way of ['pxe', 'http']) {
    const timeline = await journey(t, [`aavmf-${way}-discover`, `aavmf-${way}-request`, ...ipxe]);
    t.true(timeline?.rows.every(row => row.at !== undefined));
    t.regex(timeline?.rows[0]?.detail ?? '', /^ARM 64-bit UEFI.*ipxe-arm64\.efi$/);
  }
});

test('U-Boot asks for its own script and then for a UEFI program: one boot, and the loader of its processor', async t => {
  const asked = ['script', 'efi'].flatMap(what => [`uboot-${what}-discover`, `uboot-${what}-request`]);
  const timeline = await journey(t, asked);
  t.is(timeline?.outcome, 'up');
  t.regex(timeline?.rows[0]?.detail ?? '', /^ARM 64-bit U-Boot \(22\): ipxe-arm64\.efi.*ARM 64-bit UEFI \(11\)/);
});
