import test from 'ava';
import { commandLine } from '../../src/boot/install.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import type { StoredIso } from '../../src/model/values.ts';
import { DIGEST, FakeCluster, fakeBoots } from '../fakes/cluster.ts';

const ISO = 'e'.repeat(64);
const URL_OF_SESSION = 'http://10.54.0.1:8080/boot/v1/abc';

function iso(kind: 'anaconda' | 'debian' | 'subiquity' = 'anaconda'): StoredIso {
  return {
    sha256: ISO,
    size: 10 << 20,
    mtime: 0,
    repositories: ['BaseOS'],
    installer: {
      kind,
      ...{ family: 'Rocky Linux', version: '9.4', release: '5.14.0' },
      kernel: { path: 'images/pxeboot/vmlinuz', offset: 2048, size: 500, sha256: DIGEST.kernel },
      initramfs: { path: 'images/pxeboot/initrd.img', offset: 4096, size: 700, sha256: DIGEST.initramfs },
    },
    reason: '',
  };
}

function cluster(config: Record<string, unknown> = {}, attributes: Record<string, string> = { _boot_style: 'live' }) {
  const fake = new FakeCluster();
  const made = fake.bootable();
  const repo = fake.create('repo', { name: 'Rocky9' }, { iso: iso() });
  fake.change(made.config, { repo: repo.uid, kickstart: 'site.ks', cmdline: '', ...config });
  fake.change(made.node, { attributes });
  const node = () => fake.cluster.get('node', made.node.uid) ?? made.node;
  const plan = () => {
    const answer = planBoot(fake.cluster, node());
    if ('refused' in answer) throw new Error(answer.refused);
    return answer.plan;
  };
  return { fake, repo, ...made, node, plan, words: () => commandLine(plan(), URL_OF_SESSION).split(' ') };
}

test('live takes kernel and initramfs as ranges of the image, other styles those of the boot config', t => {
  const { plan, fake, node } = cluster();
  t.like(plan(), {
    style: 'live',
    kernel: { blob: ISO, offset: 2048, size: 500, sha256: DIGEST.kernel },
    initramfs: { blob: ISO, offset: 4096, size: 700 },
    image: null,
    bootConfig: { release: '5.14.0' },
    install: { kind: 'anaconda', kickstart: 'site.ks', repo: { name: 'Rocky9', iso: { blob: ISO } } },
  });
  fake.change(node(), { attributes: {} });
  t.like(plan(), { style: 'rwram', kernel: { blob: DIGEST.kernel, offset: 0 }, install: undefined });
});

test('the words for each installer, and only those that the cmdline does not have', t => {
  const { words, fake, config, repo } = cluster();
  const tree = 'http://10.54.0.1:8080/isomount/Rocky9';
  const bootif = 'BOOTIF=01-52-54-00-54-00-01';
  t.deepEqual(words(), [
    `inst.repo=${tree}`,
    `inst.stage2=${tree}`,
    `inst.ks=${URL_OF_SESSION}/kickstart`,
    'inst.ks.sendmac',
    bootif,
    'ip=dhcp',
  ]);
  fake.change(config, { cmdline: 'inst.stage2=hd:LABEL=x ip=eth0:dhcp inst.text', kickstart: '' });
  t.deepEqual(words(), [`inst.repo=${tree}`, bootif, 'inst.stage2=hd:LABEL=x', 'ip=eth0:dhcp', 'inst.text']);
  fake.change(config, { cmdline: '', kickstart: 'site.yaml' });
  fake.change(repo, { iso: iso('subiquity') });
  t.deepEqual(words(), [
    'ip=dhcp',
    `url=${URL_OF_SESSION}/image.iso`,
    'cloud-config-url=/dev/null',
    'autoinstall',
    `ds=nocloud-net;s=${URL_OF_SESSION}/seed/`,
    bootif,
  ]);
});

test("without an image the boot config's own files are the installer, and the file of answers says which", t => {
  const { words, plan, fake, config } = cluster({ repo: '', kickstart: 'site.preseed' });
  t.like(plan(), { kernel: { blob: DIGEST.kernel }, install: { kind: 'debian' } });
  t.deepEqual(words().slice(0, 3), ['auto=true', 'priority=critical', `url=${URL_OF_SESSION}/kickstart`]);
  const mirror = fake.create('repo', { name: 'mirror', urls: ['http://mirror.example.org/9/os/'] });
  fake.change(config, { repo: mirror.uid, kickstart: 'site.ks' });
  t.is(words()[0], 'inst.repo=http://mirror.example.org/9/os');
});

test('a missing part is refused with the remedy', t => {
  const refusal = (config: Record<string, unknown>, stored: Partial<StoredIso> | null = {}): string => {
    const { fake, repo, node } = cluster({ kernel: null, ...config });
    fake.change(repo, { iso: stored && { ...iso(), ...stored } });
    const answer = planBoot(fake.cluster, node());
    return 'refused' in answer ? answer.refused : 'a plan';
  };
  t.regex(refusal({ repo: '' }), /DefaultBoot has nothing to boot as live: update repo=NAME/);
  t.regex(refusal({}, null), /the repo Rocky9 has no ISO image; give DefaultBoot kernel=@FILE/);
  t.regex(
    refusal({}, { installer: null, reason: 'it has no .treeinfo' }),
    /Rocky9 has no installer: it has no \.treeinfo; give/,
  );
  t.regex(refusal({ repo: 'f'.repeat(32) }), /is gone; update repo=NAME/);
  t.regex(refusal({ cmdline: 'a || b' }), /the word '\|\|'/);
});

test('_boot_once counts before _boot_style, on the node only', t => {
  const { plan, fake, node } = cluster({}, { _boot_style: 'rwram', _boot_once: 'live' });
  t.like(plan(), { style: 'live', once: 'live', styleSource: '_boot_once of n0' });
  const group = fake.create('attrib', { name: 'g' });
  fake.change(group, { attributes: { _boot_once: 'roram' } });
  fake.change(node(), { groups: [group.uid], attributes: { _boot_style: 'rwram' } });
  t.like(plan(), { style: 'rwram', once: undefined });
});

test('an installation that told its end is over, well, and keeps nothing', t => {
  const { fake, plan, node } = cluster();
  const { boots, statuses } = fakeBoots(fake);
  const { id, boot } = boots.mint(plan(), 'x');
  t.true([...boots.usedBlobs()].some(({ sha256 }) => sha256 === ISO));
  boots.note({ stage: 'kernel', session: id });
  t.regex(timelineOf(boot).reason ?? '', /the installer runs/);
  t.is(statuses.of(node().uid).state, 'booting');
  boots.note({ stage: 'root', session: id, error: 'a passing trouble', fault: 'node-failed' });
  boots.installed(boot, 'x');
  t.like(timelineOf(boot), { outcome: 'installed', reason: undefined });
  t.like(statuses.of(node().uid), { state: 'local', reason: 'installed; nothing was received from it since' });
  t.like(boots.session(id, node().value.ip), { gone: true, outcome: 'installed' });
  t.deepEqual([...boots.usedBlobs()], []);
});
