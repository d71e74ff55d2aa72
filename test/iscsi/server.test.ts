// The target as a whole: who takes whose place, what time does, a peer that does not read, and an orderly end.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { listen } from '../../src/iscsi/listen.ts';
import { IscsiTarget } from '../../src/iscsi/server.ts';
import { memoryDevice } from '../scsi/support/memory-device.ts';
import { INITIATOR, Initiator, read10, statusOf } from './support/initiator.ts';
import { oneTarget, TARGET } from './support/one-target.ts';
import { startServe } from './support/process.ts';
import { pattern, serve } from './support/served.ts';

/** A clock that the test moves. */
function clock(): {
  options: { now: () => number; every: (ms: number, tick: () => void) => () => void };
  advance(ms: number): void;
} {
  let time = 0;
  let tick = () => {};
  return {
    options: {
      now: () => time,
      every: (_ms, run) => {
        tick = run;
        return () => {};
      },
    },
    advance(ms) {
      time += ms;
      tick();
    },
  };
}

test('RFC 7143 §6.3.5: a new login of the same initiator port ends its old session', async t => {
  const { port, target, notes } = await serve(t);
  const [old, fresh, other] = [
    await Initiator.connect(port),
    await Initiator.connect(port),
    await Initiator.connect(port),
  ];
  await old.login({ target: TARGET });
  await other.login({ target: TARGET, isid: 2 });
  t.is(target.sessionCount, 2);
  t.is(await fresh.login({ target: TARGET }), 0);
  t.is(await old.next(), undefined);
  t.is(target.sessionCount, 2);
  t.true(notes.some(note => note.event === 'dropped' && /began its session again/.test(note.reason ?? '')));
  t.is(
    (await other.command([0, 0, 0, 0, 0, 0])).status,
    2,
    'another ISID is another session, with its own unit attention',
  );
  fresh.close();
  other.close();
});

test('a login that takes too long is cut off', async t => {
  const { options, advance } = clock();
  const { port, notes } = await serve(t, { options });
  const silent = await Initiator.connect(port);
  await silent.loginRequest(0x04, { InitiatorName: INITIATOR, TargetName: TARGET });
  advance(14_000);
  t.false(silent.closed);
  advance(2000);
  t.is(await silent.next(), undefined);
  t.regex(notes[0]?.reason ?? '', /took too long/);
});

test('RFC 7143 §11.19: a silent peer gets a ping; one that does not answer is cut off', async t => {
  const { options, advance } = clock();
  const { initiator: open, notes } = await serve(t, { options });
  const initiator = await open();
  advance(121_000);
  const question = await initiator.expect(0x20);
  t.is(question.header.readUInt32BE(16), 0xffffffff);
  initiator.send({
    opcode: 0x40,
    tag: 0xffffffff,
    words: { 20: question.header.readUInt32BE(20), 24: initiator.cmdSn },
  });
  t.is((await initiator.command([0, 0, 0, 0, 0, 0])).status, 0);
  advance(121_000);
  await initiator.expect(0x20);
  advance(31_000);
  t.is(await initiator.next(), undefined);
  t.regex(notes.at(-1)?.reason ?? '', /silent/);
});

test('RFC 7143 §11.9.1: at shutdown the target requests a logout, and cuts off initiators that ignore it', async t => {
  const { initiator: open, target, notes } = await serve(t);
  const [polite, stubborn] = [await open('iqn.a:polite'), await open('iqn.a:stubborn')];
  const ended = target.close(2000);
  const asked = await polite.expect(0x32);
  t.is(asked.header.readUInt8(36), 1);
  polite.send({ opcode: 0x46, flags: 0x80, tag: 60, words: { 24: polite.cmdSn } });
  await polite.expect(0x26);
  await stubborn.expect(0x32);
  await ended;
  t.is(target.connectionCount, 0);
  t.deepEqual(
    notes.slice(-2).map(note => [note.event, note.initiator]),
    [
      ['logout', 'iqn.a:polite'],
      ['dropped', 'iqn.a:stubborn'],
    ],
  );
});

test('the number of sessions is limited, in total and for each initiator', async t => {
  const { port } = await serve(t, { options: { limits: { sessions: 3, sessionsPerInitiator: 2 } } });
  const login = async (initiator: string, isid: number) => {
    const connection = await Initiator.connect(port);
    t.teardown(() => connection.close());
    return connection.login({ target: TARGET, initiator, isid });
  };
  t.deepEqual([await login('iqn.a:one', 1), await login('iqn.a:one', 2), await login('iqn.a:one', 3)], [0, 0, 0x0302]);
  t.deepEqual([await login('iqn.a:two', 1), await login('iqn.a:three', 1)], [0, 0x0302]);
});

test('each admission releases its disk once, also when the peer leaves during login', async t => {
  let held = 0;
  let answer = () => {};
  const served = await serve(t);
  const { target } = served;
  const slow = new IscsiTarget({
    note: () => {},
    directory: {
      ...served.directory,
      authorize: async () => {
        await new Promise<void>(resolve => {
          answer = resolve;
        });
        held += 1;
        return { device: served.device, serial: 'x', release: () => (held -= 1) };
      },
    },
  });
  const port = await slow.listen(0, '127.0.0.1');
  const initiator = await Initiator.connect(port);
  initiator.loginRequest(0x87, { InitiatorName: INITIATOR, TargetName: TARGET });
  while (slow.connectionCount === 0 || answer.name === 'answer') await new Promise(setImmediate);
  initiator.close();
  await once(initiator.socket, 'close');
  answer();
  await slow.close();
  t.is(held, 0);
  t.is(target.sessionCount, 0);
});

test('a peer that does not read delays nobody and uses bounded memory', async t => {
  const { initiator: open, content, target } = await serve(t, { bytes: 8 << 20 });
  const [greedy, other] = [await open('iqn.a:greedy'), await open('iqn.a:other')];
  greedy.socket.pause();
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 100; count += 1) greedy.start(read10(0, 8192), { read: 8192 * 512 });
  for (let count = 0; count < 20; count += 1) {
    const { data } = await other.command(read10(count, 64), { read: 64 * 512 });
    t.true(data.equals(content.subarray(count * 512, (count + 64) * 512)));
  }
  t.true(process.memoryUsage().rss - before < 64 << 20, '400 MB were asked for');
  t.is(target.connectionCount, 2);
  greedy.socket.resume();
  let bytes = 0;
  while (bytes < 8 << 20) bytes += (await greedy.expect(0x25)).data.length;
  t.true(bytes >= 8 << 20, 'once it reads, it gets what it asked for');
});

test('a disk that does not answer delays only its own readers, and an aborted read waits for it', async t => {
  const fast = await serve(t);
  let answer = () => {};
  const hung = new Promise<void>(resolve => {
    answer = resolve;
  });
  const slow = { ...memoryDevice(Buffer.alloc(1 << 20, 7)), ready: () => false, load: () => hung };
  const target = new IscsiTarget({ directory: oneTarget(slow), note: () => {} });
  const port = await target.listen(0, '127.0.0.1');
  // The same process, the same thread: another target on the fast disk.
  const [waiting, reading] = [await Initiator.connect(port), await fast.initiator()];
  await waiting.login({ target: TARGET });
  await waiting.ready();
  const tag = waiting.start(read10(0, 8), { read: 4096 });
  t.is((await waiting.command([0, 0, 0, 0, 0, 0])).status, 0, 'its own session goes on, too');
  t.is((await reading.command(read10(0, 8), { read: 4096 })).data.length, 4096);
  waiting.send({ opcode: 0x42, flags: 0x81, tag: 50, words: { 20: tag, 24: waiting.cmdSn } });
  const aborted = waiting.expect(0x22);
  answer();
  t.is((await aborted).header.readUInt8(2), 0);
  waiting.close();
  await target.close();
});

test('a peer that requests much and does not read: its requests wait, and all get an answer in the end', async t => {
  const { port } = await serve(t);
  const greedy = await Initiator.connect(port);
  await greedy.login({ target: TARGET, keys: { MaxRecvDataSegmentLength: '262144' } });
  await greedy.ready();
  greedy.socket.pause();
  const before = process.memoryUsage().rss;
  const count = 1000;
  const ping = { opcode: 0x40, tag: 9, words: { 20: 0xffffffff, 24: greedy.cmdSn }, data: Buffer.alloc(64 << 10) };
  for (let index = 0; index < count; index += 1) greedy.send(ping);
  await new Promise(setImmediate);
  greedy.socket.resume();
  for (let index = 0; index < count; index += 1) await greedy.expect(0x20);
  t.true(process.memoryUsage().rss - before < 256 << 20);
  greedy.close();
});

test('10,000 half-open logins: others still log in and read, and memory stays bounded', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-iscsi-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'disk.img');
  await writeFile(file, pattern(1 << 20));
  // In a process of its own, so that its memory is the target's and not that of ten thousand clients.
  const served = await startServe([file]);
  t.teardown(() => served.stop());
  const login = async (isid: number): Promise<Initiator> => {
    const initiator = await Initiator.connect(served.port);
    t.is(await initiator.login({ target: TARGET, isid }), 0);
    return initiator.ready();
  };
  const other = await login(1);
  const batch = async (number: number): Promise<void> => {
    const strangers = await Promise.all(Array.from({ length: 100 }, () => Initiator.connect(served.port)));
    for (const stranger of strangers)
      stranger.send({ opcode: 0x43, flags: 0x04, data: Buffer.from('InitiatorName=iqn.a:b\0') });
    t.is((await other.command(read10(0, 8), { read: 4096 })).data.length, 4096);
    if (number % 20 === 0) (await login(9)).close();
    // The newest may wait at the door; those before them are turned away by the target itself.
    const [turnedAway, waiting] = [strangers.slice(0, -64), strangers.slice(-64)];
    for (const stranger of turnedAway) while (!stranger.closed) await stranger.next();
    for (const stranger of waiting) stranger.close();
  };
  // What the first ones cost is the program's own start: its code, its pools.
  for (let number = 0; number < 20; number += 1) await batch(number);
  const before = residentBytes(served.pid);
  for (let number = 20; number < 100; number += 1) await batch(number);
  t.true(residentBytes(served.pid) - before < 64 << 20);
  t.is((await other.command(read10(0, 8), { read: 4096 })).data.length, 4096);
  other.close();
  t.is(await served.stop(), 0);
});

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test('each connection that cannot be accepted is reported, and the next one is accepted', async t => {
  const reports: string[] = [];
  const { server, port } = await listen(
    { port: 0, host: '127.0.0.1' },
    {},
    socket => socket.end(),
    problem => reports.push(problem),
  );
  t.teardown(() => server.close());
  for (let count = 0; count < 2; count += 1)
    server.emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }));
  t.is(reports.length, 2);
  t.regex(reports[1] ?? '', /could not be accepted: /);
  const initiator = await Initiator.connect(port);
  t.is(await initiator.next(), undefined);
  await t.throwsAsync(
    listen({ port, host: '127.0.0.1' }, {}, () => {}, t.fail),
    { code: 'EADDRINUSE' },
  );
});

test('the head can end the sessions of a target', async t => {
  const { initiator: open, target, notes } = await serve(t);
  const initiator = await open();
  t.is(target.endSessions({ target: 'iqn.a:other' }, 'no'), 0);
  t.is(target.endSessions({ initiator: INITIATOR }, 'its boot session is over'), 1);
  t.is(await initiator.next(), undefined);
  t.is(notes.at(-1)?.reason, 'its boot session is over');
  t.is(statusOf(undefined), -1);
});

test('an error of the daemon during a login ends only that login, and releases the disk', async t => {
  const { directory, device, content } = await serve(t);
  const THROWS = ['note', 'release', 'session'] as const;
  for (const thrower of THROWS) {
    const reports: string[] = [];
    let held = 0;
    const fail = (what: string) => {
      if (isBroken && what === thrower) throw new Error(`${what} is broken`);
    };
    let isBroken = true;
    const target = new IscsiTarget({
      note: () => fail('note'),
      report: problem => reports.push(problem),
      directory: {
        ...directory,
        async authorize() {
          held += 1;
          const release = () => {
            held -= 1;
            fail('release');
          };
          return {
            device,
            release,
            // Read when the login has succeeded and its session is made.
            get serial() {
              fail('session');
              return 'x';
            },
          };
        },
      },
    });
    const port = await target.listen(0, '127.0.0.1');
    const victim = await Initiator.connect(port);
    await victim.login({ target: TARGET });
    victim.close();
    while (target.connectionCount > 0) await new Promise(setImmediate);
    t.is(held, 0, thrower);
    isBroken = false;
    const next = await Initiator.connect(port);
    t.is(await next.login({ target: TARGET }), 0, thrower);
    await next.ready();
    t.true((await next.command(read10(0, 1), { read: 512 })).data.equals(content.subarray(0, 512)));
    next.close();
    await target.close();
    if (thrower !== 'session') t.regex(reports.join(), new RegExp(`${thrower} is broken`));
  }
});
