// The errors of system calls: whose code they carry, in each thread.

import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { closeHeld, noDescriptors, tracked } from '../src/descriptors.ts';
import { loadLibc, SOCKET, socketAddress } from '../src/libc.ts';

test('each call returns its own error code, whatever fails in between', async t => {
  const libc = await loadLibc();
  const socket = libc.socket(SOCKET.AF_INET, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (typeof socket !== 'number') return t.fail(socket.code);
  t.teardown(() => libc.close(socket));
  const kept: unknown[] = [];
  const answers = new Set<string>();
  for (let round = 0; round < 10_000; round += 1) {
    const wrong = [
      libc.close(-1),
      libc.bind(socket, socketAddress('192.0.2.1', 0)),
      libc.recvfrom(socket, Buffer.alloc(8), Buffer.alloc(16)),
      libc.setsockopt(socket, SOCKET.SOL_SOCKET, SOCKET.SO_BINDTODEVICE, Buffer.from('no-such-nic')),
    ].map(called => (typeof called === 'number' ? 'none' : called.code));
    answers.add(wrong.join());
    // Garbage, so that V8 collects between a call and the look at its error
    kept.push(Array.from({ length: 20 }, () => ({ round })));
    if (kept.length > 1000) kept.length = 0;
  }
  t.deepEqual([...answers], ['EBADF,EADDRNOTAVAIL,EAGAIN,ENODEV']);
});

test('the errors of one thread are not those of another', async t => {
  const libc = await loadLibc();
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData).then(async ({ loadLibc }) => parentPort.postMessage((await loadLibc()).close(-1)));`;
  const worker = new Worker(program, { eval: true, workerData: new URL('../src/libc.js', import.meta.url).href });
  const [answer] = await once(worker, 'message');
  t.deepEqual(answer, { code: 'EBADF' });
  t.is(libc.interfaceIndex('no-such-nic'), undefined);
  t.is(libc.interfaceIndex('lo'), 1);
});

test.serial('descriptors that a thread leaves open are closed behind it, and no others', async t => {
  const libc = await loadLibc();
  const held = noDescriptors();
  const thread = tracked(libc, held);
  const numberOf = (called: ReturnType<typeof libc.close>): number => (typeof called === 'number' ? called : -1);
  const own = numberOf(libc.epollCreate());
  const left = [thread.epollCreate(), thread.eventfd(), thread.duplicate(own), thread.socket(SOCKET.AF_INET, 1, 0)];
  const closed = numberOf(thread.epollCreate());
  thread.close(closed);
  const again = numberOf(libc.epollCreate());
  t.is(again, closed, 'the number belongs to somebody else by now');
  closeHeld(libc, held);
  for (const fd of left) t.throws(() => fstatSync(numberOf(fd)), { code: 'EBADF' });
  for (const fd of [own, again]) {
    t.notThrows(() => fstatSync(fd));
    libc.close(fd);
  }
  t.true(held.every(bits => bits === 0));
});
