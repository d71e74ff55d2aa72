// Why a node is not up: each rule by a boot that was replayed into the registry.
import test from 'ava';
import type { Boots } from '../../src/boot/boots.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { type Why, why } from '../../src/boot/why.ts';
import { type WhyFacts, whyNeeds } from '../../src/boot/why-case.ts';
import { ERROR_RULES } from '../../src/boot/why-errors.ts';
import { STALL_RULES } from '../../src/boot/why-stalls.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';

interface Replayed {
  stages: Stage[];
  /** What the last of them said. */
  detail?: string;
  error?: string;
  /** Seconds of silence after it. */
  quiet: number;
}

const ORDER: readonly Stage[] = [
  'offered',
  'addressed',
  'loader',
  'ipxe',
  'script',
  'kernel',
  'initramfs',
  'image',
  'root',
];
const upTo = (stage: Stage): Stage[] => ORDER.slice(0, ORDER.indexOf(stage) + 1);

function world() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  return { fake, node, ...fakeBoots(fake) };
}

type World = ReturnType<typeof world>;

function see({ boots, node, fake }: Pick<World, 'boots' | 'node' | 'fake'>, replayed: Omit<Replayed, 'quiet'>): void {
  let session: string | undefined;
  const last = replayed.stages.at(-1);
  for (const stage of replayed.stages) {
    const words = stage === last ? { detail: replayed.detail, error: replayed.error } : {};
    const note = { stage, ...(words.detail && { detail: words.detail }), ...(words.error && { error: words.error }) };
    if (stage === 'script' && !words.error) session = minted(boots, fake, node);
    else boots.note(session ? { ...note, session } : { ...note, mac: node.value.mac });
  }
}

function minted(boots: Boots, fake: FakeCluster, node: World['node']): string {
  const answer = planBoot(fake.cluster, node);
  if ('refusal' in answer) throw new Error(answer.refusal);
  return boots.mint(answer.plan, `${answer.plan.node.ip}:1000`).id;
}

/** What somebody looked at, beside what the registry knows. */
type Looked = Partial<Pick<WhyFacts, 'ignored' | 'power' | 'answers' | 'transfer' | 'loaderProblem' | 'initramfs'>>;

function factsOf(it: World, more: Looked = {}): WhyFacts {
  const entry = it.fake.cluster.get('node', it.node.uid);
  if (!entry) throw new Error('no node');
  return {
    name: 'n0',
    mac: it.node.value.mac,
    boots: it.boots.of(it.node.uid),
    status: it.statuses.of(it.node.uid),
    plan: planBoot(it.fake.cluster, entry),
    now: it.clock.now,
    ...more,
  };
}

function ask(it: World, more: Looked = {}): Why {
  return why(factsOf(it, more));
}

function after(replayed: Replayed, looked: Looked = {}): Why {
  const it = world();
  see(it, replayed);
  it.clock.now += replayed.quiet * 1000;
  return ask(it, looked);
}

/** The words that the servers and the initramfs really use, by the rule that must know them. */
const ERRORS: readonly (readonly [string, Stage, string])[] = [
  [
    'other-dhcp-server',
    'addressed',
    'the client took the offer of 10.54.0.9: another DHCP server answers on the boot network',
  ],
  ['address-in-use', 'addressed', 'n0 declined 10.54.0.100: another machine on the boot network uses that address'],
  ['no-loader-for-firmware', 'offered', 'there is no loader for this firmware: ARM 64-bit UEFI (11)'],
  ['loader-lacks-its-file', 'loader', "TFTP: No file 'ldlinux.e64' is served."],
  ['nothing-to-boot', 'script', 'the boot config DefaultBoot has no kernel; update kernel=@FILE'],
  [
    'image-damaged',
    'image',
    'the image arrived with the SHA-256 0123, and the head promised 4567, also when it was fetched again',
  ],
  ['too-little-memory', 'image', 'too little memory for the style rwram: it needs 900 MiB, and 400 MiB are free'],
  ['wrong-disk', 'image', 'there is no LABEL=root (_disk_root); there are: sda 400 MiB'],
  ['no-network-driver', 'initramfs', 'no network interface has the hardware address 52:54:00:00:00:01'],
  ['no-link', 'initramfs', 'the interface eth0 (52:54:00:00:00:01) has no link: cable or switch port'],
  ['iscsi-secret-wrong', 'image', 'iSCSI login refused: wrong CHAP name or secret'],
  [
    'iscsi-secret-wrong',
    'image',
    'the head refused the iSCSI login (iSCSI login failed due to authorization failure); its log says why',
  ],
  [
    'iscsi-target-missing',
    'image',
    'iSCSI login refused: it wants iqn.2026-01.lab:1, and its image is iqn.2026-01.lab:2',
  ],
  ['iscsi-refused', 'image', 'no iSCSI login at 10.54.0.1:3260 in 120 s (cannot make connection)'],
  ['kernel-and-initramfs-differ', 'root', 'the image cannot be mounted: it is no squashfs that this kernel knows'],
  ['initramfs-lacks-part', 'image', 'this initramfs does not know the boot style live; it knows: rwram'],
  [
    'kernel-for-other-processor',
    'script',
    "the kernel of the boot config Compute is for x86, and the node's firmware for 64-bit ARM",
  ],
  [
    'image-not-bootable',
    'root',
    'the image Img has no /sbin/init; install systemd-sysv (Debian) or systemd (RHEL) into it',
  ],
  ['session-over', 'image', 'the head says that this boot session is over (HTTP 410)'],
  ['head-cannot-read', 'kernel', 'the head cannot read the stored kernel: ENOENT'],
  ['head-cannot-read', 'kernel', "the head's stored kernel has 5000000 of 40000000 bytes"],
  [
    'head-cannot-read',
    'kernel',
    "iPXE could not get or start kernel and initramfs in five tries: the head's stored initramfs has 0 of 9 bytes",
  ],
  ['download-stopped', 'image', 'gave up the download at 5 of 10 bytes: nothing came for 3600 s'],
  ['out-of-space-on-node', 'image', 'it has no room for the image of 70 MiB'],
];

test('every error that has a rule is named by it, with a remedy', t => {
  for (const [rule, stage, error] of ERRORS) {
    const found = after({ stages: upTo(stage), error, quiet: 300 });
    t.is(found.rule, rule, error);
    t.is(found.verdict, 'failed');
    t.truthy(found.remedy);
    t.regex(found.cause, /^(?:[A-HJ-Z]|I(?!PXE|SCSI)|iPXE|iSCSI).*\.$/);
  }
  t.deepEqual([...new Set(ERRORS.map(([rule]) => rule))].sort(), ERROR_RULES.map(({ name }) => name).sort());
});

const CLOUD = '6.1.0';
const RUNNING = { state: 'running', done: 12 << 20, size: 70 << 20, rate: 0 } as const;

/** What was seen last, how its end looked, and what was looked at. */
const STALLS: readonly (readonly [string, Stage, string?, Looked?])[] = [
  ['offer-not-taken', 'offered'],
  ['loader-not-asked-for', 'addressed'],
  ['loader-cut-off', 'loader', 'ipxe.efi over HTTP, cut off after 1000 bytes'],
  ['wrong-loader', 'loader', 'ipxe.efi, 1.0 MB in 0.4 s', { loaderProblem: '/x/ipxe.efi is no EFI program' }],
  ['loader-does-not-start', 'loader', 'ipxe.efi, 1.0 MB in 0.4 s'],
  ['script-not-asked-for', 'ipxe'],
  ['kernel-not-fetched', 'script'],
  ['kernel-cut-off', 'kernel', 'initramfs in 3.0 s, cut off after 1000 bytes'],
  ['initramfs-not-fetched', 'kernel', 'kernel in 0.2 s'],
  ['initramfs-of-another-kernel', 'kernel', 'initramfs in 0.2 s', { initramfs: { releases: ['5.10.0'] } }],
  [
    'initramfs-lacks-driver',
    'kernel',
    'initramfs in 0.2 s',
    { initramfs: { releases: [CLOUD], driver: { lacks: true } } },
  ],
  ['no-initramfs-report', 'kernel', 'initramfs in 0.2 s'],
  [
    'no-initramfs-report',
    'kernel',
    'initramfs in 0.2 s',
    { initramfs: { releases: [CLOUD], driver: { driver: 'virtio_net' } } },
  ],
  ['image-not-asked-for', 'initramfs'],
  ['image-stopped', 'image', 'image in 9.0 s, cut off after 4096 bytes'],
  [
    'image-stopped',
    'image',
    'image in 9.0 s, cut off after 4096 bytes',
    { transfer: { ...RUNNING, state: 'queued', cut: true } },
  ],
  ['root-not-ready', 'image', 'image in 9.0 s'],
  ['agent-not-started', 'root'],
];

test('silence after a stage is named, and is no fault while it is short', t => {
  for (const [rule, stage, detail, looked] of STALLS) {
    const replayed = { stages: upTo(stage), ...(detail && { detail }) };
    const found = after({ ...replayed, quiet: 600 }, looked);
    t.is(found.rule, rule);
    t.is(found.verdict, 'stuck');
    t.truthy(found.remedy);
    t.is(after({ ...replayed, quiet: 2 }, looked).verdict, 'waiting', `${rule}, but only just`);
    const off = after({ ...replayed, quiet: 2 }, { ...looked, power: { state: 'off' } });
    t.is(off.rule, 'powered-off', `${rule}, and the BMC says off`);
    t.regex(off.cause, new RegExp(`stage \\d, ${stage}`));
  }
  t.deepEqual([...new Set(STALLS.map(([rule]) => rule))].sort(), STALL_RULES.map(({ name }) => name).sort());
});

test('an image that comes slowly, one that waits for its turn, and one that has stopped are told apart', t => {
  const replayed = { stages: upTo('initramfs'), quiet: 600 };
  const sent = (transfer: Looked['transfer']): Why => after(replayed, transfer && { transfer });
  t.like(sent({ ...RUNNING, rate: 90e6, idle: 0, seconds: 1 }), { verdict: 'waiting', rule: 'booting' });
  const slow = sent({ ...RUNNING, rate: 250_000, idle: 3, seconds: 240 });
  t.like(slow, { verdict: 'waiting', rule: 'image-slow' });
  t.regex(slow.cause, /12 of 70 MiB, at 0\.3 MB\/s; 4 min to go/);
  t.truthy(slow.remedy);
  const queued = sent({ ...RUNNING, state: 'queued', place: 3, seconds: 40 });
  t.like(queued, { verdict: 'waiting', rule: 'image-queued' });
  t.regex(queued.cause, /place 3 .*40 s/);
  const stopped = sent({ ...RUNNING, idle: 25 });
  t.like(stopped, { verdict: 'stuck', rule: 'image-stopped' });
  t.regex(stopped.cause, /12 of 70 MiB were sent, and nothing for 25 s/);
});

test('a node that fails and starts over is called failed while it tries again, until it comes further', t => {
  const it = world();
  see(it, { stages: upTo('image'), error: 'the image arrived with the SHA-256 0123' });
  it.clock.now += 70_000;
  see(it, { stages: ['ipxe'] });
  const looping = ask(it);
  t.like(looping, { verdict: 'failed', rule: 'image-damaged' });
  t.regex(looping.cause, /^Its last boot failed: the image arrived .* it tries again, and is at stage 4, ipxe\.$/);
  it.clock.now += 5000;
  see(it, { stages: ['script', 'kernel', 'initramfs', 'image', 'root'] });
  t.like(ask(it), { verdict: 'waiting', rule: 'booting' });

  const silent = world();
  see(silent, { stages: upTo('kernel'), detail: 'initramfs in 0.2 s' });
  silent.clock.now += 110_000;
  see(silent, { stages: ['ipxe'] });
  t.like(ask(silent, { initramfs: { releases: [CLOUD], driver: { lacks: true } } }), {
    verdict: 'stuck',
    rule: 'initramfs-lacks-driver',
  });
  t.true(whyNeeds(factsOf(silent)).initramfs, 'it is looked at for the boot that failed');

  const cycled = world();
  see(cycled, { stages: upTo('kernel'), detail: 'initramfs in 0.2 s' });
  cycled.clock.now += 110_000;
  cycled.boots.action(cycled.node.uid, 'power cycle, by root', 'begin');
  see(cycled, { stages: ['ipxe'] });
  t.like(ask(cycled), { verdict: 'waiting', rule: 'booting' }, 'somebody has done something about it');
});

test('an installer that runs is waited for, and its end is the end', t => {
  const it = world();
  see(it, { stages: upTo('kernel') });
  const boot = it.boots.current(it.node.uid);
  if (!boot?.plan) return t.fail('no boot');
  boot.plan = { ...boot.plan, install: { kind: 'anaconda' } as NonNullable<typeof boot.plan.install> };
  it.clock.now += 1200_000;
  t.like(ask(it), { verdict: 'waiting', rule: 'installing' });
  it.boots.installed(boot, '10.54.0.100:1');
  it.clock.now += 1200_000;
  t.like(ask(it), { verdict: 'well', rule: 'installed' });
});

test('what is right is called right', t => {
  const it = world();
  see(it, { stages: upTo('root') });
  const boot = it.boots.current(it.node.uid);
  if (!boot) return t.fail('no boot');
  it.boots.up(boot, {});
  it.statuses.beat(boot, {}, 10_000);
  t.like(ask(it), { verdict: 'well', rule: 'up' });
  it.clock.now += 3600_000;
  const lost = ask(it);
  t.like(lost, { verdict: 'stuck', rule: 'heartbeat-lost' });
  t.regex(lost.cause, /last heartbeat came 60 min ago/);
  const off = ask(it, { power: { state: 'off' }, answers: false });
  t.like(off, { verdict: 'stuck', rule: 'powered-off' });
  t.regex(off.cause, /It was up, and its last heartbeat came 60 min ago/);
  t.like(ask(it, { answers: true, power: { state: 'on' } }), { verdict: 'stuck', rule: 'agent-stopped' });
  const silent = ask(it, { answers: false, power: { problem: 'BMC 10.1.1.1 did not answer' } });
  t.is(silent.rule, 'heartbeat-lost');
  t.true(silent.evidence.includes('its power is not known: BMC 10.1.1.1 did not answer'));
  t.like(whyNeeds(factsOf(it)), { power: true, answers: true, loader: false, initramfs: false });
});

test('a node that never asked, one that is ignored, one without a boot config, one that was left to its disk', t => {
  const it = world();
  t.like(ask(it), { verdict: 'stuck', rule: 'never-seen' });
  t.like(ask(it, { ignored: '_no_boot is set (node n0)' }), { verdict: 'failed', rule: 'ignored' });
  t.like(ask(it, { power: { state: 'off' } }), { rule: 'powered-off' });
  it.fake.change(it.node, { attributes: { _boot_config: 'gone' } });
  t.like(ask(it), { verdict: 'failed', rule: 'nothing-to-boot' });
  const local = world();
  see(local, { stages: upTo('script') });
  const boot = local.boots.current(local.node.uid);
  if (boot) local.boots.handOver(boot);
  t.like(ask(local), { verdict: 'well', rule: 'left-to-its-disk' });
});
