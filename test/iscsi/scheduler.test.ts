// One thread, many sessions: a greedy one has its share, and no turn of the event loop is without end.
import test from 'ava';
import { Scheduler, type Worker } from '../../src/iscsi/scheduler.ts';

/** A session with this many bytes to move, that writes down when it is called. */
function session(name: string, bytes: number, log: string[]): Worker {
  let left = bytes;
  return {
    get canWork() {
      return left > 0;
    },
    work(budget) {
      const moved = Math.min(left, budget);
      left -= moved;
      log.push(name);
      return moved;
    },
  };
}

/** Turns that were asked for, run by hand. */
function turns(): { scheduler: Scheduler; turn(): boolean } {
  const planned: (() => void)[] = [];
  return {
    scheduler: new Scheduler(run => planned.push(run)),
    turn() {
      const run = planned.shift();
      run?.();
      return run !== undefined;
    },
  };
}

const MEGABYTE = 1024 * 1024;

test('a small session next to a greedy one waits for one share at most', t => {
  const log: string[] = [];
  const { scheduler, turn } = turns();
  scheduler.wake(session('greedy', 100 * MEGABYTE, log));
  scheduler.wake(session('small', 4096, log));
  turn();
  t.true(log.indexOf('small') <= 2, log.slice(0, 5).join(' '));
});

test('a turn ends while work remains, and another one is scheduled', t => {
  const log: string[] = [];
  const { scheduler, turn } = turns();
  scheduler.wake(session('greedy', 100 * MEGABYTE, log));
  turn();
  const first = log.length;
  t.true(first < 30);
  t.true(turn());
  t.true(log.length > first);
});

test('sessions take turns one after the other', t => {
  const log: string[] = [];
  const { scheduler, turn } = turns();
  for (const name of ['a', 'b', 'c']) scheduler.wake(session(name, 2 * MEGABYTE, log));
  while (turn());
  t.deepEqual(log.slice(1, 7), ['a', 'b', 'c', 'a', 'b', 'c']);
});

test('a removed session gets no more turns', t => {
  const log: string[] = [];
  const { scheduler, turn } = turns();
  const worker = session('gone', 100 * MEGABYTE, log);
  scheduler.wake(worker);
  scheduler.forget(worker);
  const before = log.length;
  turn();
  t.is(log.length, before);
});
