// Installed systems with an identity: their tokens, and how their heartbeats go together with network boots.
import test from 'ava';
import { type Boot, tokenOf } from '../../src/boot/boot.ts';
import { EnrolmentTokens, enrolAnswer, enrolLine, identityOf, installedPlan } from '../../src/boot/enrolment.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { why } from '../../src/boot/why.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';

const NODE = { uid: 'u', ip: '10.54.0.100' };
const WORD = 'ab'.repeat(16);
const HOUR = 3_600_000;

test('a token is of one node at one address, for a limited time, and of one head', t => {
  const tokens = new EnrolmentTokens(Buffer.alloc(32, 1));
  const token = tokens.make(NODE, 10_000, 'ab'.repeat(8));
  t.is(tokens.problem(NODE, token, 9_999), undefined);
  t.like(tokens.problem(NODE, token, 10_000), { status: 410 });
  for (const [node, text] of [
    [{ ...NODE, ip: '10.54.0.101' }, token],
    [{ ...NODE, uid: 'v' }, token],
    [NODE, token.replace(/.$/, last => (last === '0' ? '1' : '0'))],
    [NODE, token.replace(/^\w+/, 'zzzzzz')],
    [NODE, ''],
    [NODE, '--'],
  ] as const)
    t.like(tokens.problem(node, text, 0), { status: 403 }, text);
  t.like(new EnrolmentTokens(Buffer.alloc(32, 2)).problem(NODE, token, 0), { status: 403 });
});

/** A node with boots, and an installed system. */
function world() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const registry = fakeBoots(fake);
  const plan = installedPlan(fake.cluster, node);
  const enrol = (token: string, session = WORD): Boot => {
    const answer = enrolAnswer(registry.boots.of(node.uid), { token, session, claim: WORD });
    if (!('enrol' in answer)) throw new Error(JSON.stringify(answer));
    return registry.boots.enrol(plan, answer.enrol, 'peer');
  };
  const beat = (boot: Boot): void => {
    registry.boots.up(boot, { cpus: '4' });
    registry.statuses.beat(boot, { os: 'Debian' }, 10_000);
    registry.boots.goodbye(boot, undefined);
  };
  const leave = (): Boot => {
    const planned = planBoot(fake.cluster, node);
    if ('refused' in planned) throw new Error(planned.refused);
    registry.boots.grant(node.uid);
    registry.boots.note({ stage: 'offered', node: node.uid });
    const { boot } = registry.boots.mint({ ...planned.plan, style: 'next', kernel: null }, 'peer');
    registry.boots.handOver(boot);
    return boot;
  };
  const state = () => registry.statuses.of(node.uid).state;
  const reason = () =>
    why({
      ...{ name: 'n0', mac: node.value.mac, plan: { refused: '' }, now: registry.clock.now },
      ...{ status: registry.statuses.of(node.uid), boots: registry.statuses.history(node.uid) },
    }).rule;
  return { ...registry, fake, node, uid: node.uid, plan, enrol, beat, leave, state, reason };
}

test('an enrolled system is up with its first heartbeat, and a token works once', t => {
  const { enrol, beat, boots, uid, state, statuses, reason } = world();
  const boot = enrol('one');
  t.is(state(), 'unknown', 'it has sent nothing yet');
  t.is(boots.current(uid), undefined);
  t.is(reason(), 'agent-expected');
  t.is(boots.byHeartbeatToken(tokenOf(WORD)), boot);
  beat(boot);
  t.like(statuses.of(uid), { state: 'up', facts: { os: 'Debian' }, hardware: { cpus: '4' } });
  t.like(timelineOf(boot), { style: 'installed', outcome: 'up', seconds: undefined, boot_config: undefined });
  const used = boots.of(uid);
  t.like(enrolAnswer(used, { token: 'one', session: 'cd'.repeat(16), claim: WORD }), { status: 409 });
  t.like(enrolAnswer(used, { token: 'one', session: WORD, claim: 'cd'.repeat(16) }), { status: 409 });
  t.deepEqual(enrolAnswer(used, { token: 'one', session: WORD, claim: WORD }), { again: boot }, 'its answer was lost');
  t.like(enrolAnswer(used, { token: 'two', session: 'x', claim: WORD }), { status: 400 });
});

test('a token works once until it expires, however many boots and enrolments come after it, and after a restart', t => {
  const it = world();
  const tokens = new EnrolmentTokens(Buffer.alloc(32, 1));
  const until = it.clock.now + 7 * 24 * HOUR;
  const [first = '', ...more] = Array.from({ length: 12 }, (_, at) =>
    tokens.make(NODE, until, at.toString(16).padStart(16, '0')),
  );
  it.enrol(first);
  for (const [at, token] of more.entries()) it.enrol(token, at.toString(16).padStart(32, '0'));
  for (let round = 0; round < 12; round++) {
    it.clock.now += HOUR;
    it.leave();
  }
  const again = (boots: readonly Boot[]) => enrolAnswer(boots, { token: first, session: 'cd'.repeat(16), claim: WORD });
  t.like(again(it.boots.of(it.uid)), { status: 409 });
  const saved = JSON.parse(JSON.stringify(it.boots.of(it.uid))) as Boot[];
  for (const boot of saved) if (boot.enrolHash) delete boot.enrolUntil;
  const restarted = fakeBoots(it.fake, saved, false, { now: it.clock.now });
  t.like(again(restarted.boots.of(it.uid)), { status: 409 }, 'also with rows that have no time');
  it.clock.now = until;
  it.leave();
  const left = it.boots.of(it.uid);
  t.is(left.length, 10);
  t.is(left.filter(({ enrolHash }) => enrolHash).length, 1, 'the identity alone is kept');
  t.like(tokens.problem(NODE, first, it.clock.now), { status: 410 });
});

test('an installed system keeps its identity over its reboots and those of the head, however many boots left it to its disk', t => {
  const it = world();
  const boot = it.enrol('one');
  it.beat(boot);
  for (let round = 0; round < 20; round++) {
    it.boots.goodbye(boot, 'up');
    it.statuses.beat(boot, { going_down: 'reboot' }, 10_000);
    it.clock.now += 60_000;
    it.leave();
    it.clock.now += 60_000;
    t.is(it.state(), 'local');
    t.is(it.reason(), 'agent-expected');
    it.beat(boot);
    t.is(it.state(), 'up');
  }
  t.is(it.boots.byHeartbeatToken(tokenOf(WORD)), boot);
  it.clock.now += 60_000;
  it.leave();
  it.clock.now += HOUR;
  t.is(it.reason(), 'agent-silent');
  const saved = JSON.parse(JSON.stringify(it.boots.of(it.uid))) as Boot[];
  const again = fakeBoots(it.fake, saved, false, { now: it.clock.now });
  const known = again.boots.byHeartbeatToken(tokenOf(WORD));
  t.is(known?.id, boot.id);
  if (known) again.statuses.beat(known, {}, 10_000);
  t.is(again.statuses.of(it.uid).state, 'up');
});

test('a system that enrols while it is being installed does not end that boot, and waits for its first heartbeat', t => {
  const it = world();
  const planned = planBoot(it.fake.cluster, it.node);
  if ('refused' in planned) return t.fail();
  const old = it.enrol('before', 'cd'.repeat(16));
  it.beat(old);
  it.clock.now += HOUR;
  it.boots.grant(it.uid);
  const install = { kind: 'anaconda' } as const;
  const { id, boot: live } = it.boots.mint({ ...planned.plan, style: 'live', image: null, install }, 'peer');
  it.boots.note({ stage: 'initramfs', session: id });
  t.is(it.state(), 'booting');
  const boot = it.enrol('one');
  t.is(it.boots.current(it.uid), live);
  t.is(it.state(), 'booting');
  t.is(it.boots.byHeartbeatToken(tokenOf('cd'.repeat(16))), undefined, 'the new system replaces the old one');
  const answer = it.boots.session(id, it.node.value.ip);
  t.true('boot' in answer, 'the installer may go on');
  it.boots.installed(live, 'peer');
  t.is(it.state(), 'local');
  t.is(identityOf(it.boots.of(it.uid)), boot);
  t.is(it.reason(), 'agent-expected');
  it.clock.now += HOUR;
  t.is(it.reason(), 'agent-silent');
  it.beat(boot);
  t.is(it.state(), 'up');
  t.is(it.reason(), 'up');
});

test('an installation without an enrolment ends the identity of the system that it replaces', t => {
  const it = world();
  const boot = it.enrol('one');
  it.beat(boot);
  it.clock.now += HOUR;
  const planned = planBoot(it.fake.cluster, it.node);
  if ('refused' in planned) return t.fail();
  it.boots.grant(it.uid);
  const { boot: live } = it.boots.mint({ ...planned.plan, style: 'live', install: { kind: 'anaconda' } }, 'peer');
  it.boots.installed(live, 'peer');
  t.is(it.boots.byHeartbeatToken(tokenOf(WORD)), undefined);
  t.is(identityOf(it.boots.of(it.uid)), undefined);
  t.is(it.reason(), 'installed');
});

test('the line has its token on a standard input, never among the arguments of a program', t => {
  const line = enrolLine({ address: '10.54.0.1', port: 8443, pin: 'sha256//PIN=' }, 'TOKEN');
  t.regex(line, /&& echo TOKEN \| sh \$d\/enroll https:\/\/10\.54\.0\.1:8443 sha256\/\/PIN=$/);
  // It is a value of YAML and between quotes in preseed files
  t.notRegex(line, /'|: | #|\n/);
});
