// The syslog receiver before real senders: util-linux's logger in both forms, and busybox's syslogd; what is kept, and what is not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import type { BootMessage } from '../../src/boot/boot.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { silentLog } from '../../src/log.ts';
import { runOk } from '../../src/process/run.ts';
import { Intake } from '../../src/syslog/intake.ts';
import { startSyslogServer } from '../../src/syslog/server.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { requireAll } from '../support/require.ts';

const node = { uid: 'u', name: 'n0', mac: '52:54:00:12:34:56', ip: '127.0.0.1', hostname: 'n0' };

test('logger of util-linux in both forms, and a kernel line in its own', async t => {
  if (!requireAll(t, { programs: ['logger'] })) return;
  const kept: Omit<BootMessage, 'at'>[] = [];
  let wake = (): void => {};
  const server = await startSyslogServer({
    addresses: ['127.0.0.1'],
    port: 0,
    directory: { nodeByIp: ip => (ip === '127.0.0.1' ? node : undefined) },
    log: silentLog(),
    now: () => 1000,
    keep: (_node, message) => {
      kept.push(message);
      wake();
    },
  });
  t.teardown(async () => server.close());
  const port = String(server.ports[0]);
  const words = ['--server', '127.0.0.1', '--port', port, '--udp', '--tag', 'muster', '--priority', 'daemon.err'];
  await runOk('logger', [...words, '--rfc3164', 'the old form']);
  await runOk('logger', [...words, '--rfc5424', 'the new form']);
  const child = spawn('logger', [...words.slice(0, -4), '--tag', 'kernel', '--prio-prefix', '--rfc3164'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end('<3>[    1.4] e1000e: no link\n');
  await once(child, 'exit');
  while (kept.length < 3) await new Promise<void>(resolve => (wake = resolve));
  t.deepEqual(kept, [
    { severity: 3, app: 'muster', text: 'the old form' },
    { severity: 3, app: 'muster', text: 'the new form' },
    { severity: 3, app: 'kernel', text: '[    1.4] e1000e: no link' },
  ]);
});

test('only addresses of nodes, and a flood of one takes nothing from another', t => {
  let now = 0;
  const kept = new Map<string, number>();
  const intake = new Intake({
    directory: { nodeByIp: ip => (ip.startsWith('10.54.0.') ? { ...node, uid: ip } : undefined) },
    now: () => now,
    keep: uid => kept.set(uid, (kept.get(uid) ?? 0) + 1),
  });
  t.is(intake.take(Buffer.from('x'), '10.99.0.1'), 'unknown');
  for (let count = 0; count < 10_000; count += 1) intake.take(Buffer.from('<3>flood'), '10.54.0.1');
  t.is(kept.get('10.54.0.1'), 200);
  t.is(intake.take(Buffer.from('<3>x'), '10.54.0.1'), 'too many');
  for (let count = 0; count < 1000; count += 1) intake.take(Buffer.from('<6>words'), '10.54.0.3');
  t.is(kept.get('10.54.0.3'), 100, 'information leaves room for errors');
  t.is(intake.take(Buffer.from('<3>the reason'), '10.54.0.3'), undefined);
  t.is(intake.take(Buffer.from('<3>heard'), '10.54.0.2'), undefined);
  now = 1000;
  t.is(intake.take(Buffer.from('<3>later'), '10.54.0.1'), undefined);
  for (let count = 0; count < 10_000; count += 1) intake.take(Buffer.from('<3>x'), `10.54.0.${count % 250}`);
  t.true([...kept.values()].reduce((sum, one) => sum + one, 0) <= 7200 + 202);
});

test('messages stand on the boot under way, the newest hundred; none on a node that is up or never began', t => {
  const fake = new FakeCluster();
  const { node: entry } = fake.bootable();
  const { boots } = fakeBoots(fake);
  const say = (text: string): void => boots.message(entry.uid, { severity: 6, text });
  say('before any boot');
  t.is(boots.current(entry.uid), undefined);
  boots.note({ stage: 'offered', node: entry.uid });
  for (let count = 0; count < 250; count += 1) say(`line ${count}`);
  const boot = boots.current(entry.uid);
  if (!boot) throw new Error('no boot');
  const { messages } = timelineOf(boot);
  t.deepEqual([messages.length, messages[0]?.text, messages.at(-1)?.text], [100, 'line 150', 'line 249']);
  boots.message(entry.uid, { severity: 3, text: 'the reason' });
  for (let count = 0; count < 150; count += 1) say('more');
  t.is(timelineOf(boot).messages[0]?.text, 'the reason', 'information goes before errors');
  say('line 249');
  boots.up(boot, {});
  say('afterwards');
  t.is(timelineOf(boot).messages.at(-1)?.text, 'line 249');
});

test('all boots together keep a bounded number; the oldest lose theirs', t => {
  const fake = new FakeCluster();
  fake.bootable();
  const { boots } = fakeBoots(fake);
  const uid = (index: number): string => index.toString(16).padStart(32, '0');
  for (let index = 0; index < 1010; index += 1) {
    boots.note({ stage: 'offered', node: uid(index) });
    for (let count = 0; count < 100; count += 1) boots.message(uid(index), { severity: 6, text: 'x' });
  }
  t.is(boots.current(uid(0))?.messages, undefined);
  t.is(boots.current(uid(1009))?.messages?.length, 100);
  const sum = Array.from({ length: 1010 }, (_, index) => boots.current(uid(index))?.messages?.length ?? 0).reduce(
    (all, one) => all + one,
    0,
  );
  t.true(sum <= 100_000 && sum > 99_000);
  t.deepEqual(boots.forget(uid(1009)).length, 1);
});
