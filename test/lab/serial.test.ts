// The serial console: marks found as the log grows, dead ends known at once, and typing.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Serial } from '../../lab/serial.ts';

async function console(folder: string): Promise<{ serial: Serial; log: string; socket: string }> {
  const [log, socket] = [join(folder, 'log'), join(folder, 'socket')];
  await writeFile(log, '');
  return { serial: new Serial(log, socket), log, socket };
}

test.beforeEach(async t => {
  t.context = await mkdtemp(join(tmpdir(), 'serial-'));
});

test.afterEach.always(async t => {
  await rm(t.context as string, { recursive: true, force: true });
});

test('a mark is found among control sequences, also if it arrives later', async t => {
  const { serial, log } = await console(t.context as string);
  const found = serial.waitFor(/up: (\d+)/, { timeoutMs: 60_000 });
  await appendFile(log, 'booting\r\n\u001b[1;32mup:\u001b[0m 42\r\n');
  const answer = await found;
  t.is('match' in answer ? answer.match[1] : answer.problem, '42');
});

test('a panic ends the wait with the text of the console', async t => {
  const { serial, log } = await console(t.context as string);
  await appendFile(log, '[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n');
  t.deepEqual(await serial.waitFor(/up/, { timeoutMs: 60_000 }), {
    problem: 'the console says: Kernel panic - not syncing: VFS: Unable to mount root fs',
  });
});

test('output from before the wait does not count', async t => {
  const { serial, log } = await console(t.context as string);
  await appendFile(log, 'up\n');
  const answer = await serial.waitFor(/up/, { timeoutMs: 0, from: serial.length() });
  t.true('problem' in answer);
});

test('the wait ends with the machine', async t => {
  const { serial } = await console(t.context as string);
  t.deepEqual(await serial.waitFor(/up/, { timeoutMs: 60_000, hopeless: () => 'it has ended' }), {
    problem: 'it has ended',
  });
});

test('everything typed arrives, in order, on one line', async t => {
  const { serial, socket } = await console(t.context as string);
  let got = '';
  const server = createServer(peer => {
    peer.setEncoding('utf8');
    peer.write('the console talks meanwhile');
    peer.on('data', chunk => {
      got += chunk;
      if (got.endsWith('two\n')) peer.end();
    });
  });
  await new Promise<void>(resolve => server.listen(socket, resolve));
  const closed = new Promise(resolve => server.once('connection', peer => peer.once('close', resolve)));
  await serial.type('one\n');
  await serial.type('two\n');
  await closed;
  serial.hangUp();
  server.close();
  t.is(got, 'one\ntwo\n');
});
