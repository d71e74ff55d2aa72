// Why a node is not up: each rule by a boot that was replayed into the registry.
import test from 'ava';
import type { Boots } from '../../src/boot/boots.ts';
import { type EventFacts, FAULTS, type Fault } from '../../src/boot/faults.ts';
import type { Stage, StageNote } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { storageFault } from '../../src/boot/plane/storage-fault.ts';
import { why } from '../../src/boot/why.ts';
import { type Case, caseOf, type WhyFacts, whyNeeds } from '../../src/boot/why-case.ts';
import { ERROR_RULES } from '../../src/boot/why-errors.ts';
import { STALL_RULES } from '../../src/boot/why-stalls.ts';
import type { Why } from '../../src/boot/why-verdict.ts';
import { BOOT_STYLES, type BootStyle } from '../../src/model/values.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';

interface Replayed {
  stages: Stage[];
  /** What the last of them said. */
  detail?: string;
  error?: string;
  fault?: Fault;
  facts?: Pick<EventFacts, 'about' | 'complete' | 'file'>;
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
    const { detail, error, fault = 'node-failed', facts }: Partial<Replayed> = stage === last ? replayed : {};
    const seen = { stage, ...(detail && { detail }), ...facts };
    const note: StageNote = error === undefined ? seen : { ...seen, error, fault };
    if (stage === 'script' && !error) session = minted(boots, fake, node);
    else boots.note(session ? { ...note, session } : { ...note, mac: node.value.mac });
  }
}

function minted(boots: Boots, fake: FakeCluster, node: World['node']): string {
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  return boots.mint(answer.plan, `${answer.plan.node.ip}:1000`).id;
}

const AN_ERROR = { at: 0, stage: 'image', error: 'it went wrong' } as const;

/** A boot of the style, by a loader. */
function caseAs(style: BootStyle, loader = 'snponly.efi'): Case {
  const it = world();
  see(it, { stages: upTo('image'), error: 'it went wrong' });
  const boot = it.boots.current(it.node.uid);
  const found = caseOf(factsOf(it));
  if (!boot?.plan || !found) throw new Error('no boot');
  boot.plan = { ...boot.plan, style };
  boot.loader = loader;
  return found;
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

const STAGE_OF: Partial<Record<Fault, Stage>> = { 'other-dhcp-server': 'addressed', 'cut-off': 'loader' };

test('every fault has its own rule, with a cause in a sentence and a remedy', t => {
  for (const fault of Object.keys(FAULTS) as Fault[]) {
    const found = after({ stages: upTo(STAGE_OF[fault] ?? 'image'), error: 'it went wrong', fault, quiet: 300 });
    t.is(found.rule, ERROR_RULES[fault].rule ?? fault);
    t.is(found.verdict, 'failed');
    t.regex(found.remedy ?? '', /^[A-Z].*[.)]$/, fault);
    t.regex(found.cause, /^[A-Z].*\.$/, fault);
    t.is(found.certainty, found.settle === undefined ? 'certain' : 'guess');
  }
});

test('a remedy never names what the node does already: neither its boot style nor its loader', t => {
  const tables = [...Object.values(ERROR_RULES), ...STALL_RULES];
  // `next` and `live` are words of the language too.
  for (const style of BOOT_STYLES.filter(name => name !== 'next' && name !== 'live'))
    for (const loader of ['grubx64.efi', 'snponly.efi', 'ipxe.efi', 'shimx64.efi']) {
      const situation = caseAs(style, loader);
      for (const rule of tables) {
        const remedy = rule.remedy(situation, { at: 0, stage: 'image', error: 'it went wrong' });
        t.notRegex(remedy, new RegExp(`\\b${style}\\b(?!\\.\\w)`), remedy);
        if (loader.startsWith('grub')) t.notRegex(remedy, /_boot_loader=grub/);
        if (loader.startsWith('shim')) t.notRegex(remedy, /_boot_loader=shim/);
        if (loader === 'ipxe.efi') t.notRegex(remedy, /ipxe\.efi/);
        t.notRegex(remedy, /undefined|, \.|: \./);
      }
    }
});

test('too little memory: only styles that need less are named', t => {
  const remedy = (style: BootStyle) => ERROR_RULES['too-little-memory'].remedy(caseAs(style), AN_ERROR);
  t.regex(remedy('rwram'), /a boot style that needs less: roram, iscsi, or disked\.$/);
  t.regex(remedy('roram'), /a boot style that needs less: iscsi\.$/);
  t.is(remedy('iscsi'), 'Give the node more memory or a smaller image.');
});

test('what the head noted explains what the node reported, and a node cannot explain itself', t => {
  const it = world();
  see(it, { stages: upTo('image') });
  const { uid } = it.node;
  it.boots.note({ stage: 'image', node: uid, error: 'refused', fault: 'iscsi-secret-wrong', about: { name: 'wrong' } });
  it.boots.note({ stage: 'image', node: uid, by: 'node', error: 'error 24', fault: 'iscsi-refused' });
  t.is(ask(it).rule, 'iscsi-secret-wrong');
  t.regex(ask(it).cause, /its secret is wrong: wrong\.$/);

  const lying = world();
  see(lying, { stages: upTo('image') });
  const node = { stage: 'image', node: lying.node.uid, by: 'node' } as const;
  lying.boots.note({ ...node, error: 'mine', fault: 'iscsi-secret-wrong' });
  lying.boots.note({ ...node, error: 'error 24', fault: 'iscsi-refused' });
  t.is(ask(lying).rule, 'iscsi-refused');
});

test('a file that the head cannot read is named with its path, and the remedy fits the error', t => {
  const path = '/var/lib/muster/blobs/ab';
  const remedies: Record<string, RegExp> = {
    EACCES: /`chown muster: \/var\/lib\/muster\/blobs\/ab`, and `namei -l \/var/,
    EIO: /returns errors for \/var\/lib\/muster\/blobs\/ab: .* muster boot -i .* update kernel=@FILE\.$/,
    EMFILE: /^Raise LimitNOFILE/,
    ENOENT: /upload the file again: muster boot -i/,
  };
  for (const [code, remedy] of Object.entries(remedies)) {
    const it = world();
    see(it, { stages: upTo('script') });
    const error = Object.assign(new Error(`${code}: it failed, read`), { code });
    const problem = storageFault('stored kernel', 'kernel', error, path);
    it.boots.note({ stage: 'kernel', node: it.node.uid, ...problem });
    const found = ask(it);
    t.is(found.rule, 'head-cannot-read');
    t.is(found.cause, `The head cannot read the stored kernel: ${code}: it failed, read (${path}).`);
    t.regex(found.remedy ?? '', remedy, code);
  }
});

test('an image that the head could not open for an iSCSI login explains the refused login', t => {
  const it = world();
  see(it, { stages: upTo('initramfs') });
  const note = { stage: 'image', node: it.node.uid } as const;
  const about = { name: 'EACCES', have: '/var/lib/muster/blobs/ab' };
  const error = 'iSCSI login refused: the head cannot open the image DefaultImage: EACCES: permission denied';
  it.boots.note({ ...note, error, fault: 'unreadable-file', file: 'image', about });
  it.boots.note({ ...note, by: 'node', error: 'error 24', fault: 'iscsi-refused' });
  t.is(ask(it).rule, 'head-cannot-read');
  t.regex(ask(it).remedy ?? '', /`chown muster: \/var\/lib\/muster\/blobs\/ab`/);
});

/** Those of a running system have tests of their own. */
const STALLS_BY_STAGE = STALL_RULES.map(({ name }) => name)
  .filter(name => !['root-readonly', 'root-full', 'memory-short', 'unit-hangs'].includes(name))
  .filter((name, index, all) => all.indexOf(name) === index)
  .sort();

const CLOUD = '6.1.0';
const RUNNING = { state: 'running', done: 12 << 20, size: 70 << 20, rate: 0 } as const;

/** What was seen last, how its end looked, and what was looked at. */
const STALLS: readonly (readonly [string, Stage, Replayed['facts']?, Looked?])[] = [
  ['offer-not-taken', 'offered'],
  ['loader-not-asked-for', 'addressed'],
  ['wrong-loader', 'loader', { file: 'loader', complete: true }, { loaderProblem: '/x/ipxe.efi is no EFI program' }],
  ['loader-does-not-start', 'loader', { file: 'loader', complete: true }],
  ['script-not-asked-for', 'ipxe'],
  ['kernel-not-fetched', 'script'],
  ['kernel-cut-off', 'kernel', { file: 'initramfs', complete: false }],
  ['initramfs-not-fetched', 'kernel', { file: 'kernel', complete: true }],
  [
    'initramfs-of-another-kernel',
    'kernel',
    { file: 'initramfs', complete: true },
    { initramfs: { releases: ['5.10.0'] } },
  ],
  [
    'initramfs-lacks-driver',
    'kernel',
    { file: 'initramfs', complete: true },
    { initramfs: { releases: [CLOUD], driver: { lacks: true } } },
  ],
  ['no-initramfs-report', 'kernel', { file: 'initramfs', complete: true }],
  [
    'no-initramfs-report',
    'kernel',
    { file: 'initramfs', complete: true },
    { initramfs: { releases: [CLOUD], driver: { driver: 'virtio_net' } } },
  ],
  ['image-not-asked-for', 'initramfs'],
  ['image-stopped', 'image', { file: 'image', complete: false }],
  [
    'image-stopped',
    'image',
    { file: 'image', complete: false },
    { transfer: { ...RUNNING, state: 'queued', cut: true } },
  ],
  ['root-not-ready', 'image', { file: 'image', complete: true }],
  ['agent-not-started', 'root'],
];

test('silence after a stage is reported, but is no fault while it is short', t => {
  for (const [rule, stage, facts, looked] of STALLS) {
    const replayed = { stages: upTo(stage), ...(facts && { facts }) };
    const found = after({ ...replayed, quiet: 600 }, looked);
    t.is(found.rule, rule);
    t.is(found.verdict, 'stuck');
    t.truthy(found.remedy);
    t.is(after({ ...replayed, quiet: 2 }, looked).verdict, 'waiting', `${rule}, but only just`);
    const off = after({ ...replayed, quiet: 2 }, { ...looked, power: { state: 'off' } });
    t.is(off.rule, 'powered-off', `${rule}, and the BMC says off`);
    t.regex(off.cause, new RegExp(`stage \\d, ${stage}`));
  }
  t.deepEqual([...new Set(STALLS.map(([rule]) => rule))].sort(), STALLS_BY_STAGE);
});

test('an image that comes slowly, one that waits for its turn, and one that has stopped are three cases', t => {
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
  see(it, { stages: upTo('image'), error: 'the image arrived with the SHA-256 0123', fault: 'image-damaged' });
  it.clock.now += 70_000;
  see(it, { stages: ['ipxe'] });
  const looping = ask(it);
  t.like(looping, { verdict: 'failed', rule: 'image-damaged' });
  t.regex(
    looping.cause,
    /^Its last boot failed: the image arrived .* It has been retrying for \d+ s and is at stage 4, ipxe\.$/,
  );
  it.clock.now += 5000;
  see(it, { stages: ['script', 'kernel', 'initramfs', 'image', 'root'] });
  t.like(ask(it), { verdict: 'waiting', rule: 'booting' });

  const silent = world();
  see(silent, { stages: upTo('kernel'), facts: { file: 'initramfs', complete: true } });
  silent.clock.now += 110_000;
  see(silent, { stages: ['ipxe'] });
  t.like(ask(silent, { initramfs: { releases: [CLOUD], driver: { lacks: true } } }), {
    verdict: 'stuck',
    rule: 'initramfs-lacks-driver',
  });
  t.true(whyNeeds(factsOf(silent)).initramfs, 'it is looked at for the boot that failed');

  const cycled = world();
  see(cycled, { stages: upTo('kernel'), facts: { file: 'initramfs', complete: true } });
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

test('correct values are accepted', t => {
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

test('why covers nodes that never asked, are ignored, have no boot config, or boot their own disk', t => {
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

test('an initramfs that is too old for the boot is answered with the command that makes it again', t => {
  const it = world();
  const error =
    'the initramfs of the boot config DefaultBoot is older than file sets, and the node would start without';
  see(it, { stages: upTo('script'), error, fault: 'initramfs-too-old', facts: { about: { name: 'DefaultBoot' } } });
  const answer = ask(it);
  t.like(answer, { verdict: 'failed', rule: 'initramfs-too-old' });
  t.regex(JSON.stringify(answer), /muster mkramfs --update DefaultBoot/);
});

test('a layout of disks that needs a program is answered with its package', t => {
  const it = world();
  const about = { name: 'mkfs.xfs', want: 'xfsprogs' };
  const error = 'this initramfs has no mkfs.xfs';
  see(it, { stages: upTo('image'), error, fault: 'disk-tool-missing', facts: { about } });
  const found = ask(it);
  t.like(found, { verdict: 'failed', rule: 'disk-tool-missing' });
  t.regex(found.cause, /The initramfs has no mkfs\.xfs, which _disk_layout needs/);
  t.regex(
    found.remedy ?? '',
    /^Install xfsprogs into the image \S+, then rebuild the initramfs: muster mkramfs --update/,
  );
});
