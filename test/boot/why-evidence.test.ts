// What the head has evidence of goes before guesses: each rule by a replayed boot and what the collectors saw.
import test from 'ava';
import type { Evidence, HeadFailure, Neighbour, PathLook } from '../../src/boot/evidence.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import type { WhyFacts } from '../../src/boot/why-case.ts';
import { EVIDENCE_RULES } from '../../src/boot/why-evidence.ts';
import type { Why } from '../../src/boot/why-verdict.ts';
import { askWhy, FakeCluster, fakeBoots } from '../fakes/cluster.ts';

const STAGES: readonly Stage[] = ['addressed', 'loader', 'ipxe', 'script', 'kernel', 'initramfs', 'image', 'root'];

/** A node whose boot came to a stage. */
function world(last: Stage) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const it = fakeBoots(fake);
  let session: string | undefined;
  for (const stage of STAGES.slice(0, STAGES.indexOf(last) + 1)) {
    const answer = planBoot(fake.cluster, node);
    if (stage === 'script' && 'plan' in answer) session = it.boots.mint(answer.plan, '10.54.0.100:1').id;
    else it.boots.note(session ? { stage, session } : { stage, mac: node.value.mac });
  }
  const ask = (evidence: Evidence, more: Partial<WhyFacts> = {}): Why =>
    askWhy(it, node, planBoot(fake.cluster, node), { evidence, ...more });
  return { ...it, node, ask };
}

type World = ReturnType<typeof world>;

const FULL = { folder: '/var/lib/muster', mount: '/var', free: 0, size: 20 * 2 ** 30, unneeded: 300 << 20 };

function failure({ node }: World, more: Partial<HeadFailure>): HeadFailure {
  return {
    ago: 0,
    kind: 'disk-full',
    deed: 'save',
    what: 'save the boot',
    error: 'The head has no room for its database.',
    node: node.uid,
    times: 1,
    ...more,
  };
}

test('a full disk of the head is the cause, with the file system and what can be freed', t => {
  const it = world('script');
  const evidence = { failures: [failure(it, { times: 4, ago: 3 })], storage: FULL };
  it.clock.now += 3000;
  const found = it.ask(evidence);
  t.like(found, { verdict: 'failed', rule: 'head-disk-full' });
  t.is(
    found.cause,
    'The disk of the head is full (/var has 0 MiB of 20 GiB free): it could not save the boot, 3 s ago.',
  );
  t.regex(found.remedy ?? '', /file system \/var .* `muster storage gc` frees 300 MiB/);
  t.true(found.evidence.includes('the head could not save the boot 4 times: The head has no room for its database.'));
  const inodes = it.ask({ ...evidence, storage: { ...FULL, free: 1 << 30, inodes: 0 } });
  t.regex(inodes.cause, /\/var has no free inodes/);
});

test('a failure that the boot went on after is not the cause', t => {
  const it = world('script');
  const failures = [failure(it, { ago: 601 })];
  it.clock.now += 1000;
  it.boots.note({ stage: 'kernel', mac: it.node.value.mac, detail: 'kernel in 0.2 s' });
  it.clock.now += 600_000;
  t.is(it.ask({ failures }).rule, 'initramfs-not-fetched');
});

test('a failure that concerns no certain node counts once the boot stalls', t => {
  const it = world('kernel');
  const failures = [{ ...failure(it, { what: 'save the timelines' }) }].map(({ node: _node, ...rest }) => rest);
  it.clock.now += 2000;
  t.is(it.ask({ failures }).verdict, 'waiting');
  it.clock.now += 20_000;
  t.is(it.ask({ failures }).rule, 'head-disk-full');
  t.is(it.ask({ failures }, { power: { state: 'off' } }).rule, 'powered-off', 'unless the node is off');
});

test('each kind of failure of the head has a rule, a cause and a remedy', t => {
  const it = world('kernel');
  it.clock.now += 1000;
  const descriptors = { open: 1024, limit: 1024 };
  const rules = (
    [
      'read-only',
      'disk-broken',
      'no-descriptors',
      'no-memory',
      'database',
      'network',
      'filtered',
      'crashed',
      'other',
    ] as const
  ).map(kind => {
    const found = it.ask({ failures: [failure(it, { kind, what: 'read the kernel' })], descriptors });
    t.regex(found.cause, /^[A-Zm].*: it could not read the kernel, 0 s ago\.$/, kind);
    t.regex(found.remedy ?? '', /\.$/);
    return found.rule;
  });
  t.deepEqual(rules, [
    'head-disk-broken',
    'head-disk-broken',
    'head-out-of-descriptors',
    'head-out-of-memory',
    'head-database-failed',
    'head-network-failed',
    'head-filters',
    'head-part-crashed',
    'head-failed',
  ]);
  t.is(new Set(EVIDENCE_RULES.map(({ name }) => name)).size, EVIDENCE_RULES.length);
});

test('a stored file with another content is the cause once the boot stalls, and one that is right is evidence', t => {
  const it = world('kernel');
  const stored = [
    { name: 'kernel', state: 'right' },
    { name: 'initramfs', state: 'wrong' },
  ] as const;
  t.is(it.ask({ stored }).verdict, 'waiting');
  it.clock.now += 25_000;
  const found = it.ask({ stored });
  t.like(found, { verdict: 'failed', rule: 'stored-file-damaged' });
  t.regex(found.cause, /stored initramfs of the boot config DefaultBoot differs from what was uploaded/);
  t.regex(found.remedy ?? '', /muster boot -i DefaultBoot update initramfs=@FILE/);
  it.clock.now += 600_000;
  const right = it.ask({
    stored: [
      { name: 'kernel', state: 'right' },
      { name: 'image', state: 'reading' },
    ],
  });
  t.is(right.rule, 'initramfs-not-fetched');
  t.true(right.evidence.includes('the stored files match their SHA-256: kernel'));
  t.true(right.evidence.some(line => /still comparing .*\(image\); ask again/.test(line)));
});

test("a damaged image takes precedence over the node's report of it", t => {
  const it = world('image');
  it.boots.note({
    stage: 'image',
    mac: it.node.value.mac,
    error: 'the image arrived with the SHA-256 01',
    fault: 'image-damaged',
  });
  const found = it.ask({ stored: [{ name: 'image', state: 'wrong' }] });
  t.is(found.rule, 'stored-file-damaged');
  t.regex(found.remedy ?? '', /muster image -i DefaultImage update content=@FILE/);
});

test('a path that drops large packets is the cause, with the size that passes and what the head saw', t => {
  const it = world('script');
  const tcp = {
    ago: 0,
    sent: 40,
    again: 5,
    segment: 1460,
    unacknowledged: 1,
    retransmits: 5,
    acknowledged: 1,
    quiet: 9,
  };
  const path = { mtu: 1500, answers: true, passes: 1200, fails: 1201, tcp };
  t.is(it.ask({ path }).verdict, 'waiting', 'not before it stands still');
  it.clock.now += 10_000;
  const found = it.ask({ path, interfaces: [{ name: 'eth1', address: '10.54.0.1' }] });
  t.like(found, { verdict: 'failed', rule: 'path-mtu' });
  t.regex(found.cause, /1200 bytes pass, and 1201 bytes or more do not/);
  t.regex(found.remedy ?? '', /to 1500\. .*`ip link set dev eth1 mtu 1200`/);
  t.true(found.evidence.includes('a segment of 1460 bytes was sent again 5 times and is not acknowledged'));
  const every = it.ask({ path: { mtu: 1500, answers: true, passes: 1500 } });
  t.true(every.evidence.includes('it answers echo requests of every size that the head sends'));
  t.not(every.rule, 'path-mtu');
});

test('large TFTP blocks without an answer are named without a probe, and a slow transfer is none', t => {
  const it = world('addressed');
  const tftp = {
    file: 'ipxe.efi',
    packet: 1500,
    acknowledged: 0,
    blocks: 713,
    agreed: true,
    unanswered: 4,
    repeated: 2,
  };
  it.clock.now += 25_000;
  const found = it.ask({ path: { answers: false, tftp } });
  t.is(found.rule, 'path-mtu');
  t.regex(found.cause, /small ones pass, and those of 1500 bytes are not answered/);
  t.is(
    it.ask({ path: { answers: false, tftp: { ...tftp, repeated: 0 } } }).rule,
    'loader-not-acknowledged',
    'a client that is gone',
  );
  const slow = it.ask({ path: { answers: false, tftp: { ...tftp, acknowledged: 300, unanswered: 0 } } });
  t.like(slow, { verdict: 'waiting', rule: 'booting' });
  t.regex(slow.cause, /300 of 713 blocks of ipxe\.efi by TFTP/);
});

test('a large segment without an answer is named by ARP of the node itself, also after the connection was closed', t => {
  const it = world('script');
  it.clock.now += 25_000;
  const tcp = {
    ago: 0,
    sent: 40,
    again: 2,
    segment: 1448,
    unacknowledged: 2,
    retransmits: 5,
    acknowledged: 200,
    quiet: 12,
  };
  const ip = '10.54.0.100';
  const own = { mac: it.node.value.mac, ago: 3, own: true };
  const ask = (look: Partial<typeof tcp>, seen: Neighbour[], path: Partial<PathLook> = {}): string =>
    it.ask({ path: { answers: false, tcp: { ...tcp, ...look }, ...path }, neighbours: { ip, seen } }).rule;
  t.is(ask({}, [own]), 'path-mtu');
  t.is(ask({ ago: 15, quiet: 4 }, [{ ...own, ago: 16 }]), 'path-mtu', 'closed 15 s ago, and it answered before that');
  t.is(ask({ ago: 30 }, [own]), 'kernel-not-fetched', 'it came further after that');
  t.is(ask({}, [{ ...own, ago: 30 }]), 'kernel-not-fetched', 'it answered before it fell silent');
  t.is(ask({}, [{ ...own, own: false }]), 'address-shared', 'another machine answered');
  t.is(ask({ acknowledged: 5000 }, [own]), 'kernel-not-fetched', 'large ones were acknowledged before');
  t.is(ask({}, [own], { answers: true, passes: 1500 }), 'kernel-not-fetched', 'large echo requests are answered');
  const lost = it.ask({ path: { answers: false, tcp: { ...tcp, ago: 15 } }, neighbours: { ip, seen: [own] } });
  t.true(
    lost.evidence.includes('a segment of 1448 bytes was sent again 5 times and was not acknowledged, 15 s ago'),
    lost.evidence.join(),
  );
});

test('a disk of the head that fails under an iSCSI root is named, during a boot and for a node that is up', t => {
  const it = world('root');
  const disk = failure(it, {
    deed: 'disk',
    kind: 'disk-broken',
    what: 'use the disk of its iSCSI root',
    error: 'i/o error',
    ago: 4,
  });
  const found = it.ask({ failures: [disk] });
  t.like(found, { verdict: 'failed', rule: 'iscsi-disk-failed' });
  t.is(found.cause, 'The head could not use the disk of its iSCSI root, 4 s ago: i/o error.');
  t.regex(found.remedy ?? '', /muster doctor --deep.*`muster image -i DefaultImage update/);
  const full = it.ask({ failures: [{ ...disk, kind: 'disk-full' }], storage: FULL });
  t.regex(full.remedy ?? '', /Free space on the file system \/var of the head: `muster storage gc` frees 300 MiB/);
  const [boot] = it.boots.of(it.node.uid);
  if (!boot) return t.fail();
  it.boots.up(boot, {});
  it.statuses.beat(boot, {}, 10_000);
  t.is(it.ask({ failures: [disk] }).rule, 'iscsi-disk-failed');
  t.is(it.ask({ failures: [{ ...disk, ago: 700 }] }).rule, 'up');
});

test('two machines with one hardware address are named, also while one of them is up', t => {
  const it = world('initramfs');
  const twins = { by: 'machine', names: ['id-a', 'id-b'], ago: 40 } as const;
  const found = it.ask({ twins });
  t.like(found, { verdict: 'failed', rule: 'mac-twice' });
  t.regex(found.cause, /alternately from the machines id-a and id-b\.$/);
  t.regex(it.ask({ twins: { ...twins, by: 'network' } }).cause, /alternately from the networks id-a and id-b\.$/);
  t.not(it.ask({ twins: { ...twins, ago: 3000 } }).rule, 'mac-twice');
  const [boot] = it.boots.of(it.node.uid);
  if (!boot) return t.fail();
  it.boots.up(boot, {});
  it.statuses.beat(boot, {}, 10_000);
  t.is(it.ask({ twins }).rule, 'mac-twice');
});

test('a crash of a part of musterd, and memory of the head that is used up, count once the boot stands still', t => {
  const it = world('loader');
  it.clock.now += 3000;
  const crash = { ...failure(it, { kind: 'crashed', deed: 'send', what: 'keep its TFTP server running', error: 'x' }) };
  const { node: _node, ...failures } = crash;
  const memory = { available: 50 << 20, total: 4 * 2 ** 30, stalled: 35 };
  t.is(it.ask({ failures: [failures], memory }).verdict, 'waiting');
  it.clock.now += 20_000;
  t.is(it.ask({ failures: [failures] }).rule, 'head-part-crashed');
  const short = it.ask({ memory });
  t.like(short, { verdict: 'failed', rule: 'head-memory-short' });
  t.regex(short.cause, /\(50 MiB of 4096 MiB are free, and it stalled for lack of memory 35 % of the last 10 s\)/);
  t.not(it.ask({ memory: { ...memory, stalled: 3 } }).rule, 'head-memory-short', 'little is free, and nothing waits');
  t.is(it.ask({ memory: { available: 50 << 20, total: 4 * 2 ** 30 } }).rule, 'head-memory-short', 'without PSI');
});

test('a path that loses packets is named while kernel or image come slowly, and a slow path without loss is none', t => {
  const it = world('script');
  it.clock.now += 30_000;
  const tcp = {
    ago: 0,
    sent: 1000,
    again: 180,
    segment: 1448,
    unacknowledged: 9,
    retransmits: 1,
    acknowledged: 1 << 20,
    quiet: 1,
  };
  const path = { answers: true, tcp };
  const found = it.ask({ path });
  t.like(found, { verdict: 'waiting', rule: 'path-loses-packets' });
  t.regex(
    found.cause,
    /has fetched 1\.0 MiB of .*, and packets get lost: 180 of 1000 segments \(18 %\) were sent more than once\.$/,
  );
  t.regex(found.remedy ?? '', /ethtool -S/);
  const slow = it.ask({ path: { ...path, tcp: { ...tcp, again: 30 } } });
  t.is(slow.rule, 'booting');
  t.true(slow.evidence.includes('30 of 1000 segments (3 %) were sent more than once'));
  const image = world('initramfs');
  image.clock.now += 30_000;
  const transfer = { state: 'running', done: 9 << 20, size: 90 << 20, rate: 200_000, idle: 1, seconds: 400 } as const;
  t.is(image.ask({ path }, { transfer }).rule, 'path-loses-packets');
  t.is(image.ask({}, { transfer }).rule, 'image-slow');
  t.is(image.ask({ path }, { transfer: { ...transfer, rate: 20e6, seconds: 4 } }).rule, 'booting');
});

test('a download is on its way while more is acknowledged, and not while a segment is sent again', t => {
  const it = world('script');
  it.clock.now += 30_000;
  const tcp = {
    ago: 0,
    sent: 40,
    again: 2,
    segment: 1448,
    unacknowledged: 9,
    retransmits: 2,
    acknowledged: 300_000,
    quiet: 2,
  };
  const ask = (look: Partial<typeof tcp>): Why => it.ask({ path: { answers: true, tcp: { ...tcp, ...look } } });
  t.like(ask({}), {
    rule: 'booting',
    cause: 'It is booting and has fetched 0.3 MiB of kernel and initramfs over this connection.',
  });
  t.is(ask({ acknowledged: 700 }).rule, 'kernel-not-fetched');
  t.is(ask({ quiet: 12 }).rule, 'kernel-not-fetched');
  t.is(ask({ ago: 9 }).rule, 'kernel-not-fetched');
});

test('another machine with the address is named, by its node when it is one of ours', t => {
  const it = world('initramfs');
  const own = { mac: it.node.value.mac, ago: 0, own: true };
  const other = { mac: '52:54:00:99:00:01', ago: 0, own: false };
  const ip = '10.54.0.100';
  t.not(it.ask({ neighbours: { ip, seen: [own] } }).rule, 'address-shared');
  const found = it.ask({ neighbours: { ip, seen: [own, other] } });
  t.like(found, { verdict: 'failed', rule: 'address-shared' });
  t.regex(found.cause, /uses its address 10\.54\.0\.100: 52:54:00:99:00:01 answers for it/);
  t.regex(found.remedy ?? '', /tables of the switches/);
  t.deepEqual(found.evidence.slice(0, 2), [
    `${it.node.value.mac} (the node) answered for 10.54.0.100 0 s ago`,
    '52:54:00:99:00:01 answered for 10.54.0.100 0 s ago',
  ]);
  const named = it.ask({ neighbours: { ip, seen: [{ ...other, node: 'n7' }] } });
  t.regex(named.cause, /52:54:00:99:00:01, which is n7, answers/);
  t.regex(named.remedy ?? '', /^Take 10\.54\.0\.100 away from n7/);
});

test('of a node that is up one strange hardware address is its bond, and two are two machines', t => {
  const it = world('root');
  const boot = it.boots.current(it.node.uid);
  if (!boot) return t.fail('no boot');
  it.boots.up(boot, {});
  it.statuses.beat(boot, {}, 10_000);
  const other = { mac: '52:54:00:99:00:01', ago: 0, own: false };
  const own = { mac: it.node.value.mac, ago: 0, own: true };
  const old = { ago: 20 * 60 };
  const ask = (...seen: (typeof own)[]) => it.ask({ neighbours: { ip: '10.54.0.100', seen } });
  t.is(ask(other).rule, 'up');
  t.is(ask(own, other).rule, 'address-shared');
  it.clock.now += 20 * 60_000;
  it.statuses.beat(boot, {}, 10_000);
  t.is(ask({ ...own, ...old }, { ...other, ...old }).rule, 'up', 'what was long ago is over');
  it.clock.now += 60_000;
  t.is(ask(own, other).rule, 'address-shared', 'its heartbeats are lost');
  t.is(ask({ ...own, ...old }, { ...other, ...old }).rule, 'heartbeat-lost');
});

test('a boot interface of the head that is down is the cause, for nodes behind it alone', t => {
  const it = world('script');
  it.clock.now += 15_000;
  const broken = { name: 'eth1', address: '10.54.0.1', problem: 'no-carrier' } as const;
  const well = { name: 'eth2', address: '10.55.0.1' };
  const found = it.ask({ interfaces: [well, broken], network: '10.54.0.1' });
  t.is(found.rule, 'head-interface-down');
  t.is(found.cause, 'The interface eth1 of the head has no link, so musterd cannot serve any node behind it.');
  t.not(it.ask({ interfaces: [well, broken], network: '10.55.0.1' }).rule, 'head-interface-down');
  const address = it.ask({ interfaces: [{ ...broken, problem: 'no-address' }], network: '10.54.0.1' });
  t.regex(address.cause, /no longer has the address 10\.54\.0\.1/);
  const gone = it.ask({ interfaces: [{ ...broken, problem: 'down' }] }, { boots: [] });
  t.is(gone.rule, 'head-interface-down', 'also for a node that was never seen');
  t.regex(gone.remedy ?? '', /^Bring it up: `ip link set dev eth1 up`/);
});

test('a musterd without descriptors, and a request that it refused', t => {
  const it = world('ipxe');
  const descriptors = { open: 1023, limit: 1024 };
  const refusals = [{ ago: 12, status: 403, reason: 'n0 asked for a script without DHCP', times: 3 }];
  t.is(it.ask({ descriptors, refusals }).verdict, 'waiting');
  it.clock.now += 15_000;
  t.is(it.ask({ descriptors }).rule, 'head-descriptors-used-up');
  t.not(it.ask({ descriptors: { open: 100, limit: 1024 } }).rule, 'head-descriptors-used-up');
  const found = it.ask({ refusals });
  t.is(found.rule, 'head-refused');
  t.regex(found.cause, /refused its last request: n0 asked for a script without DHCP \(HTTP 403\)/);
  const dhcp = [{ ago: 3, reason: 'n0 asks from a network that is not its own', times: 1 }];
  t.is(it.ask({ refusals: dhcp }).rule, 'dhcp-not-answered');
  t.regex(
    it.ask({ refusals: dhcp }, { boots: [] }).cause,
    /does not answer its DHCP messages: n0 asks from/,
    'never seen',
  );
  it.boots.note({ stage: 'ipxe', mac: it.node.value.mac });
  it.clock.now += 10_000;
  t.not(it.ask({ refusals }).rule, 'head-refused', 'it came further after that');
});

test('a jump of the clock is named, stops no boot, and hides no fault', t => {
  const it = world('initramfs');
  const jumps = [{ ago: 12, by: 86_400_000 }];
  const found = it.ask({ jumps });
  t.like(found, { verdict: 'waiting', rule: 'head-clock-jumped' });
  t.regex(
    found.cause,
    /^The clock of the head was set forward by 24 h, 12 s ago, which does not stop the boot\. It is/,
  );
  t.regex(it.ask({ jumps: [{ ago: 3, by: -3_600_000 }] }).cause, /set back by 60 min, 3 s ago/);
  it.clock.now += 600_000;
  const stuck = it.ask({ jumps });
  t.is(stuck.rule, 'image-not-asked-for');
  t.true(stuck.evidence.some(line => /^the clock of the head was set forward/.test(line)));
});

test("iPXE's own code says what stopped it", t => {
  const causes: Readonly<Record<string, RegExp>> = {
    '4c0a6035': /the head was not heard in time/,
    '31062006': /its memory is too small for kernel and initramfs/,
    '2e008001': /does not take the kernel as a program/,
    '0f0a6039': /the connection was reset/,
  };
  for (const [code, words] of Object.entries(causes)) {
    const it = world('kernel');
    const error = `iPXE could not get or start kernel and initramfs in five tries (https://ipxe.org/${code})`;
    it.boots.note({ stage: 'kernel', mac: it.node.value.mac, error, fault: 'loader-gave-up', about: { name: code } });
    const found = it.ask({});
    t.like(found, { rule: 'loader-gave-up', certainty: 'certain' });
    t.regex(found.cause, words);
  }
  const it = world('kernel');
  it.boots.note({
    stage: 'kernel',
    mac: it.node.value.mac,
    error: 'iPXE gave up',
    fault: 'loader-gave-up',
    about: { name: '7f000000' },
  });
  t.like(it.ask({}), { rule: 'loader-gave-up', certainty: 'guess' });
});
