// The target on several processes: the same answers, who may log in decided in one place, and a worker that dies harms no other.
import { once } from 'node:events';
import { truncate } from 'node:fs/promises';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { systemCode } from '../../src/errors.ts';
import type { TargetNote } from '../../src/iscsi/directory.ts';
import { ISCSI_LIMITS } from '../../src/iscsi/limits.ts';
import type { IscsiOptions } from '../../src/iscsi/server.ts';
import { IscsiWorkers, type Route } from '../../src/iscsi/workers.ts';
import { until as waitUntil } from '../support/until.ts';
import { Initiator, read10 } from './support/initiator.ts';
import { TARGET } from './support/one-target.ts';
import { type ServeOptions, serve } from './support/served.ts';

interface Farm {
  workers: IscsiWorkers;
  port: number;
  content: Buffer;
  file: string;
  notes: TargetNote[];
  reports: string[];
  /** Admissions that were given and not given back. */
  held(): number;
  /** Resolves when a condition holds; it is looked at after each note and each return of a disk. */
  until(condition: () => boolean): Promise<void>;
  login(name: string, keys?: { user: string; secret: string }): Promise<{ initiator: Initiator; status: number }>;
}

async function farm(
  t: ExecutionContext,
  how: ServeOptions = {},
  route?: Route,
  clock: Pick<IscsiOptions, 'now' | 'every'> = {},
): Promise<Farm> {
  const served = await serve(t, how);
  const notes: TargetNote[] = [];
  const reports: string[] = [];
  let turn = 0;
  let held = 0;
  let told = () => {};
  const workers = new IscsiWorkers({
    workers: 2,
    route: route ?? ((_address, count) => turn++ % count),
    note: note => {
      notes.push(note);
      told();
    },
    report: problem => {
      reports.push(problem);
      told();
    },
    ...clock,
    directory: {
      discover: served.directory.discover,
      async authorize(visitor) {
        const answer = await served.directory.authorize(visitor);
        if ('refused' in answer) return answer;
        held += 1;
        const release = () => {
          held -= 1;
          told();
        };
        return { ...answer, release };
      },
    },
  });
  const port = await workers.listen(0, '127.0.0.1');
  t.teardown(() => workers.close());
  return {
    workers,
    port,
    content: served.content,
    file: served.file,
    notes,
    reports,
    held: () => held,
    async until(condition) {
      while (!condition()) {
        await new Promise<void>(resolve => {
          told = resolve;
        });
      }
    },
    async login(name, account) {
      const initiator = await Initiator.connect(port);
      t.teardown(() => initiator.close());
      return { initiator, status: await initiator.login({ target: TARGET, initiator: name, ...account }) };
    },
  };
}

test('sessions in several processes read the same bytes, and CHAP is checked in each', async t => {
  const account = { user: 'node', secret: 'a-secret-of-it' };
  const { workers, login, content, notes, held, until } = await farm(t, { chap: account });
  for (let index = 0; index < 4; index += 1) {
    const { initiator, status } = await login(`iqn.a:n${index}`, account);
    t.is(status, 0);
    await initiator.ready();
    const { data } = await initiator.command(read10(index * 100, 64), { read: 64 * 512 });
    t.true(data.equals(content.subarray(index * 51200, index * 51200 + 64 * 512)));
  }
  t.is((await login('iqn.a:wrong', { user: 'node', secret: 'guessed' })).status, 0x0201);
  await until(
    () => notes.filter(note => note.event === 'login' && note.session === 'test').length === 4 && held() === 4,
  );
  await until(() => notes.some(note => note.event === 'refused' && /wrong CHAP/.test(note.reason ?? '')));
  // Each process says what it did once a second.
  await waitUntil('traffic', () => workers.traffic.readBytes >= 4 * 64 * 512 && workers.traffic.sessions >= 4);
  t.true(workers.traffic.commands >= 4);
  t.is(workers.traffic.writtenBytes, 0);
});

test('a disk that fails in another process is noted here, and its session goes on', async t => {
  const { login, notes, until, content, file } = await farm(t);
  const { initiator } = await login('iqn.a:one');
  await initiator.ready();
  await truncate(file, content.length / 2);
  t.is((await initiator.command(read10(content.length / 1024, 8), { read: 4096 })).status, 2);
  await until(() => notes.some(({ event, reason }) => event === 'disk-failed' && /has shrunk/.test(reason ?? '')));
  t.is((await initiator.command(read10(0, 8), { read: 4096 })).status, 0);
});

test('the directory answers discovery and refusals', async t => {
  const { port, login, notes, until } = await farm(t);
  const discovery = await Initiator.connect(port);
  t.is(await discovery.login(), 0);
  discovery.close();
  const stranger = await Initiator.connect(port);
  t.is(await stranger.login({ target: 'iqn.2026-01.lab.test:other' }), 0x0203);
  t.is((await login('iqn.a:one')).status, 0);
  await until(() => notes.some(note => note.event === 'refused' && /no target/.test(note.reason ?? '')));
});

test('a session releases all that it held when it ends', async t => {
  const { login, workers, held, until, notes } = await farm(t);
  const one = await login('iqn.a:one');
  const other = await login('iqn.a:other');
  t.is(held(), 2);
  workers.endSessions({ initiator: 'iqn.a:one' }, 'its boot session is over');
  t.is(await one.initiator.next(), undefined);
  await until(() => held() === 1 && notes.some(note => note.reason === 'its boot session is over'));
  t.is(notes.find(note => note.reason === 'its boot session is over')?.initiator, 'iqn.a:one');
  t.false(other.initiator.closed);
});

test('worker processes start when needed; one that dies affects no other, and is replaced', async t => {
  const { login, workers, held, until } = await farm(t);
  t.deepEqual(workers.pids, [], 'nobody has logged in');
  const one = await login('iqn.a:one');
  const other = await login('iqn.a:other');
  const [first, second] = workers.pids;
  if (!first || !second) return t.fail('there are not two processes');
  process.kill(first, 'SIGKILL');
  t.is(await one.initiator.next(), undefined);
  await until(() => held() === 1);
  await other.initiator.ready();
  t.is((await other.initiator.command(read10(0, 8), { read: 4096 })).data.length, 4096);
  // For a moment it is not started again: the initiator comes anew, as a real one does.
  while (!workers.pids.some(pid => pid !== first && pid !== second)) await login('iqn.a:one').catch(() => undefined);
  t.true(workers.pids.includes(second));
});

test('an overlay is served by the daemon itself', async t => {
  const { login, content } = await farm(t, { overlay: 'memory' }, () => 'here');
  const { initiator, status } = await login('iqn.a:one');
  t.is(status, 0);
  await initiator.ready();
  t.true((await initiator.command(read10(0, 8), { read: 4096 })).data.equals(content.subarray(0, 4096)));
});

test('a worker refuses an overlay with the reason', async t => {
  const { login, notes, until, held } = await farm(t, { overlay: 'memory' });
  t.is((await login('iqn.a:one')).status, 0x0301);
  await until(() => notes.some(note => /can be opened by the daemon only/.test(note.reason ?? '')));
  t.is(held(), 0);
});

test('shutdown: initiators get a logout request, and no process remains', async t => {
  const { login, workers, held } = await farm(t);
  const { initiator } = await login('iqn.a:one');
  const closed = workers.close(20_000);
  await initiator.expect(0x32);
  initiator.close();
  await once(initiator.socket, 'close');
  await closed;
  t.is(held(), 0);
});

/** What becomes of a new connection: the login's answer, or that it was closed. */
async function attempt(port: number): Promise<'served' | 'closed'> {
  const initiator = await Initiator.connect(port);
  const status = await initiator.login({ target: TARGET });
  initiator.close();
  return status === 0 ? 'served' : 'closed';
}

// Alone: it changes what the whole process starts.
test.serial(
  'a process that cannot be started loses its connection and no more: the next ones start another',
  async t => {
    const node = process.execPath;
    t.teardown(() => {
      process.execPath = node;
    });
    const { port, workers, reports, until } = await farm(t, {}, () => 0);
    process.execPath = '/nonexistent/node';
    t.is(await attempt(port), 'closed');
    await until(() => reports.length > 0);
    t.regex(reports[0] ?? '', /worker process 1 of 2 could not be started: .*ENOENT/);
    process.execPath = node;
    while ((await attempt(port)) === 'closed');
    t.is(workers.pids.length, 1);
    await workers.close();
  },
);

test.serial('shutdown does not wait for a process that could not start', async t => {
  const node = process.execPath;
  t.teardown(() => {
    process.execPath = node;
  });
  const { port, workers } = await farm(t, {}, () => 0);
  process.execPath = '/nonexistent/node';
  t.is(await attempt(port), 'closed');
  await workers.close();
  t.deepEqual(workers.pids, []);
});

test.serial('when the system cannot start another process, only that connection is lost', async t => {
  const { env } = process;
  t.teardown(() => {
    process.env = env;
  });
  const { port, reports, until } = await farm(t, {}, () => 0);
  // Beyond what execve takes (E2BIG): fork throws, where the other failures are events.
  process.env = { ...env, MUSTER_TEST_FILLING: 'x'.repeat(4 << 20) };
  t.is(await attempt(port), 'closed');
  await until(() => reports.length > 0);
  t.regex(reports[0] ?? '', /worker process 1 of 2 could not be started: .*E2BIG/);
  process.env = env;
  await waitUntil('a worker takes connections again', async () => (await attempt(port)) !== 'closed');
  t.not(await attempt(port), 'closed');
});

test('a worker that stands still: a limited number of connections wait, and another worker soon takes over', async t => {
  let time = 0;
  const ticks: (() => void)[] = [];
  const clock: Pick<IscsiOptions, 'now' | 'every'> = {
    now: () => time,
    every: (_ms, tick) => {
      ticks.push(tick);
      return () => {};
    },
  };
  const { port, workers, reports, until, notes } = await farm(t, {}, () => 0, clock);
  t.is(await attempt(port), 'served');
  const [stopped] = workers.pids;
  if (!stopped) return t.fail('there is no worker');
  process.kill(stopped, 'SIGSTOP');
  const strangers = await Promise.all(Array.from({ length: ISCSI_LIMITS.pending + 40 }, () => Initiator.connect(port)));
  t.teardown(() => {
    for (const stranger of strangers) stranger.close();
  });
  // Those beyond the bound are closed at once; the channel itself has room for a few.
  const isClosed = (stranger: Initiator) => stranger.closed;
  while (!strangers.some(isClosed)) await new Promise(setImmediate);
  t.true(strangers.filter(isClosed).length <= 40);
  const pass = (ms: number) => {
    time += ms;
    for (const tick of ticks) tick();
  };
  pass(ISCSI_LIMITS.loginMs);
  t.deepEqual(reports, []);
  pass(1000);
  await until(() => reports.length === 2);
  t.regex(reports[0] ?? '', new RegExp(`worker process ${stopped} took none of ${ISCSI_LIMITS.pending} connections`));
  t.regex(reports[1] ?? '', /ended by SIGKILL/);
  for (const stranger of strangers) while (!stranger.closed) await stranger.next();
  pass(1000);
  t.is(await attempt(port), 'served');
  await until(() => notes.some(note => note.event === 'login'));
});

test('a worker that hangs answers no ping: it is killed and reported', async t => {
  const ticks: (() => void)[] = [];
  const every: IscsiOptions['every'] = (_ms, tick) => {
    ticks.push(tick);
    return () => {};
  };
  const { port, workers, reports, until } = await farm(t, {}, () => 0, { now: () => 0, every });
  t.is(await attempt(port), 'served');
  const [stopped] = workers.pids;
  if (!stopped) return t.fail('there is no worker');
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 1) for (const tick of ticks) tick();
  };
  pass(1);
  // Its answer to the ping comes before its question about this login
  t.is(await attempt(port), 'served');
  process.kill(stopped, 'SIGSTOP');
  pass(30);
  t.deepEqual(reports, []);
  pass(1);
  await until(() => reports.length === 2);
  t.is(reports[0], `worker process ${stopped} answered nothing for 30 s and is killed`);
  t.regex(reports[1] ?? '', /ended by SIGKILL/);
});

test('closing stops listening on every address', async t => {
  const { workers, port } = await farm(t);
  const other = await workers.listen(0, '127.0.0.2');
  await workers.close();
  await t.throwsAsync(Initiator.connect(port), { code: 'ECONNREFUSED' });
  const socket = connect({ port: other, host: '127.0.0.2' });
  const [error] = await once(socket, 'error').catch((reason: unknown) => [reason]);
  t.is(systemCode(error), 'ECONNREFUSED');
});
