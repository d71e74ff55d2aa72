// Following a boot by its timeline: each event once, and one end.
import test from 'ava';
import { eventLine } from '../../lab/event-line.ts';
import { followBoot, type Step } from '../../lab/follow.ts';
import type { BootEvent, ShownTimelines, Timeline } from '../../src/api/boots.ts';

const event = (at: number, stage: BootEvent['stage'], error?: string): BootEvent => ({
  at,
  stage,
  ...(error && { error }),
});

function timeline(outcome: Timeline['outcome'], events: BootEvent[], more: Partial<Timeline> = {}): Timeline {
  return { id: 'b1', started: 100, outcome, rows: [], actions: [], messages: [], events, ...more };
}

/** A daemon whose answers are these, one after the other; `undefined` is no answer; the last one stays. */
function daemon(answers: (Timeline[] | undefined)[]) {
  const call = async <T>(): Promise<T> => {
    const boots = answers.length > 1 ? answers.shift() : answers[0];
    if (!boots) throw new Error('nobody answers');
    const shown: ShownTimelines[] = [{ uid: 'u', name: 'n0', mac: '', ip: '', state: 'booting', boots }];
    return shown as T;
  };
  return { call };
}

async function stepsOf(
  answers: (Timeline[] | undefined)[],
  more: { timeoutMs?: number; hopeless?: () => string } = {},
) {
  const steps: Step[] = [];
  const options = { client: daemon(answers), node: 'n0', since: 50, timeoutMs: 60_000, hopeless: () => undefined };
  for await (const step of followBoot({ ...options, ...more })) steps.push(step);
  return steps;
}

test('each event is reported once, also after an outage of the daemon', async t => {
  const [first, second] = [event(101, 'ipxe'), event(102, 'script')];
  const steps = await stepsOf([
    [],
    [timeline('booting', [first])],
    undefined,
    [timeline('booting', [first, second])],
    [timeline('up', [first, second, event(103, 'up')])],
  ]);
  t.deepEqual(steps, [{ event: first }, { event: second }, { event: event(103, 'up') }, { end: 'up' }]);
});

test('a boot from before the power-on is not this boot', async t => {
  const old = timeline('up', [event(10, 'up')], { id: 'b0', started: 10 });
  const steps = await stepsOf([[old], [old, timeline('up', [event(101, 'up')])]]);
  t.deepEqual(steps, [{ event: event(101, 'up') }, { end: 'up' }]);
});

test('a node that exceeds its time is stuck, with the stage it waits for', async t => {
  const waiting = timeline('booting', [event(101, 'kernel')], { reason: 'the kernel was sent' });
  const steps = await stepsOf([[waiting]], { timeoutMs: 0 });
  t.deepEqual(steps.at(-1), { end: 'stuck', reason: 'not up after 0 s: the kernel was sent' });
});

test('a machine that has ended is stuck at once', async t => {
  const steps = await stepsOf([[]], { hopeless: () => 'the console says: Kernel panic' });
  t.deepEqual(steps, [{ end: 'stuck', reason: 'the console says: Kernel panic' }]);
});

test('a line shows the time since power-on, by the clock of the events', t => {
  const powered = Date.UTC(2030, 0, 1);
  t.is(
    eventLine('n0', event(powered + 3240, 'loader', 'no file'), powered),
    'n0     3.2 s   3/10 loader     FAILED: no file',
  );
  t.is(eventLine('n0', event(powered + 43_500, 'up'), powered), 'n0    43.5 s  10/10 up');
});
