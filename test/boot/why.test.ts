// Why a node is not up: each rule by a boot that was replayed into the registry.
import test from 'ava';
import type { Boots } from '../../src/boot/boots.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { type Why, why } from '../../src/boot/why.ts';
import { ERROR_RULES, STALL_RULES } from '../../src/boot/why-rules.ts';
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

function ask(it: World, more: { ignored?: string; poweredOff?: boolean } = {}): Why {
  const entry = it.fake.cluster.get('node', it.node.uid);
  if (!entry) throw new Error('no node');
  const boot = it.boots.current(it.node.uid);
  return why({
    name: 'n0',
    mac: it.node.value.mac,
    status: it.statuses.of(it.node.uid),
    plan: planBoot(it.fake.cluster, entry),
    now: it.clock.now,
    ...(boot && { boot }),
    ...more,
  });
}

function after(replayed: Replayed): Why {
  const it = world();
  see(it, replayed);
  it.clock.now += replayed.quiet * 1000;
  return ask(it);
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
  ['iscsi-refused', 'image', 'iSCSI login refused: the response to the CHAP challenge is wrong'],
  ['kernel-and-initramfs-differ', 'root', 'the image cannot be mounted: it is no squashfs that this kernel knows'],
  ['initramfs-lacks-part', 'image', 'this initramfs does not know the boot style live; it knows: rwram'],
  [
    'image-not-bootable',
    'root',
    'the image Img has no /sbin/init; install systemd-sysv (Debian) or systemd (RHEL) into it',
  ],
  ['session-over', 'image', 'the head says that this boot session is over (HTTP 410)'],
  ['head-cannot-read', 'kernel', 'the head cannot read the stored kernel: ENOENT'],
  ['download-stopped', 'image', 'gave up the download at 5 of 10 bytes: nothing came for 3600 s'],
  ['out-of-space-on-node', 'image', 'it has no room for the image of 70 MiB'],
];

test('every error that has a rule is named by it, with a remedy', t => {
  for (const [rule, stage, error] of ERRORS) {
    const found = after({ stages: upTo(stage), error, quiet: 300 });
    t.is(found.rule, rule, error);
    t.is(found.verdict, 'failed');
    t.truthy(found.remedy);
    t.regex(found.cause, /^[A-Z].*\.$/);
  }
  t.deepEqual(ERRORS.map(([rule]) => rule).sort(), ERROR_RULES.map(({ name }) => name).sort());
});

/** What was seen last, and how its end looked. */
const STALLS: readonly (readonly [string, Stage, string?])[] = [
  ['offer-not-taken', 'offered'],
  ['loader-not-asked-for', 'addressed'],
  ['loader-cut-off', 'loader', 'ipxe.efi over HTTP, cut off after 1000 bytes'],
  ['loader-does-not-start', 'loader', 'ipxe.efi, 1.0 MB in 0.4 s'],
  ['script-not-asked-for', 'ipxe'],
  ['kernel-not-fetched', 'script'],
  ['kernel-cut-off', 'kernel', 'initramfs in 3.0 s, cut off after 1000 bytes'],
  ['no-initramfs-report', 'kernel', 'initramfs in 0.2 s'],
  ['image-not-asked-for', 'initramfs'],
  ['image-stopped', 'image', 'image in 9.0 s, cut off after 4096 bytes'],
  ['agent-not-started', 'root'],
];

test('silence after a stage is named, and is no fault while it is short', t => {
  for (const [rule, stage, detail] of STALLS) {
    const replayed = { stages: upTo(stage), ...(detail && { detail }) };
    const found = after({ ...replayed, quiet: 600 });
    t.is(found.rule, rule);
    t.is(found.verdict, 'stuck');
    t.truthy(found.remedy);
    t.is(after({ ...replayed, quiet: 2 }).verdict, 'waiting', `${rule}, but only just`);
  }
  t.deepEqual(STALLS.map(([rule]) => rule).sort(), STALL_RULES.map(({ name }) => name).sort());
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
  t.like(ask(it, { poweredOff: true }), { rule: 'powered-off' });
});

test('a node that never asked, one that is ignored, one without a boot config, one that was left to its disk', t => {
  const it = world();
  t.like(ask(it), { verdict: 'stuck', rule: 'never-seen' });
  t.like(ask(it, { ignored: '_no_boot is set (node n0)' }), { verdict: 'failed', rule: 'ignored' });
  t.like(ask(it, { poweredOff: true }), { rule: 'powered-off' });
  it.fake.change(it.node, { attributes: { _boot_config: 'gone' } });
  t.like(ask(it), { verdict: 'failed', rule: 'nothing-to-boot' });
  const local = world();
  see(local, { stages: upTo('script') });
  const boot = local.boots.current(local.node.uid);
  if (boot) local.boots.handOver(boot);
  t.like(ask(local), { verdict: 'well', rule: 'left-to-its-disk' });
});
