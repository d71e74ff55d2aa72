// The storm governor, with a clock of its own: bounds, order, fairness, estimates.
import test from 'ava';
import { type Admission, Governor, type Slot } from '../../src/http/governor.ts';

class World {
  now = 0;
  private readonly timers = new Set<{ at: number; call: () => void }>();
  readonly governor: Governor;

  constructor(limit: number) {
    this.governor = new Governor({
      limit: () => limit,
      now: () => this.now,
      random: () => 0.5,
      after: (milliseconds, call) => {
        const timer = { at: this.now + milliseconds, call };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
    });
  }

  /** Asks for the image of a boot; the answer is in `got` when it is there. */
  ask(boot: string, size = 1000, start = 0): { got: Admission | undefined; hangUp(): void } {
    const asked = { got: undefined as Admission | undefined, hangUp: () => {} };
    const answer = this.governor.admit({ boot, node: boot, start, size }, callback => {
      asked.hangUp = callback;
    });
    void answer.then(got => {
      asked.got = got;
    });
    return asked;
  }

  async pass(milliseconds: number): Promise<void> {
    this.now += milliseconds;
    for (const timer of [...this.timers]) {
      if (timer.at > this.now) continue;
      this.timers.delete(timer);
      timer.call();
    }
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

function slotOf(asked: { got: Admission | undefined }): Slot {
  if (asked.got && 'slot' in asked.got) return asked.got.slot;
  throw new Error(`no slot: ${JSON.stringify(asked.got)}`);
}

test('a limited number of transfers run, and the next one starts in order of arrival', async t => {
  const world = new World(2);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(boot => world.ask(boot));
  await settle();
  if (!a || !b || !c || !d) return t.fail();
  slotOf(a);
  slotOf(b);
  t.is(c.got, undefined, 'the front of the queue waits with its connection open');
  slotOf(b).sent(1000);
  slotOf(b).end();
  await settle();
  slotOf(c);
  t.is(d.got, undefined);
});

test('a node that waits too long gets a retry time, and keeps its place in the queue', async t => {
  const world = new World(1);
  const first = world.ask('a');
  const second = world.ask('b');
  await world.pass(15_000);
  t.like(second.got, { place: 1 });
  const late = world.ask('c');
  const again = world.ask('b');
  await settle();
  slotOf(first).sent(1000);
  slotOf(first).end();
  await settle();
  slotOf(again);
  t.is(late.got, undefined);
});

test('the number of held requests is limited; others get a retry time at once, and older ones replace younger ones', async t => {
  const world = new World(1);
  world.ask('a');
  const held = [...'bcdefghi'].map(boot => world.ask(boot));
  const tenth = world.ask('j');
  await settle();
  t.like(tenth.got, { place: 9 });
  t.true(tenth.got !== undefined && 'retryAfter' in tenth.got && tenth.got.retryAfter >= 1);
  held[0]?.hangUp();
  await settle();
  const last = world.ask('k');
  const back = world.ask('b');
  await settle();
  t.is(back.got, undefined, 'b is held again, before all others');
  t.true(last.got !== undefined && !('slot' in last.got));
});

test('a closed connection is not served, and the next one is', async t => {
  const world = new World(1);
  const first = world.ask('a');
  const second = world.ask('b');
  const third = world.ask('c');
  await settle();
  second.hangUp();
  slotOf(first).sent(1000);
  slotOf(first).end();
  await settle();
  slotOf(third);
  t.true(second.got !== undefined && !('slot' in second.got));
});

test('a transfer that was cut off continues before later ones', async t => {
  const world = new World(1);
  const first = world.ask('a');
  const second = world.ask('b');
  await settle();
  slotOf(first).sent(400);
  slotOf(first).end();
  await settle();
  const resumed = world.ask('a', 1000, 400);
  const third = world.ask('c');
  await settle();
  slotOf(second).sent(1000);
  slotOf(second).end();
  await settle();
  slotOf(resumed);
  t.is(third.got, undefined);
});

test('slow nodes do not keep the others out', async t => {
  const world = new World(2);
  const [fast, slow] = [world.ask('fast', 1e9), world.ask('slow', 1e9)];
  const third = world.ask('third', 1e9);
  await settle();
  for (let second = 0; second < 7; second++) {
    world.now += 1000;
    slotOf(fast).sent(1e7);
    slotOf(slow).sent(1e4);
  }
  t.is(third.got, undefined);
  const fourth = world.ask('fourth', 1e9);
  await settle();
  slotOf(third);
  t.is(fourth.got, undefined, 'two that are not slow are as many as may be');
});

test('the list shows running transfers with rate and remaining time, and how long others wait', async t => {
  const world = new World(1);
  const first = world.ask('a', 10_000);
  world.ask('b', 10_000);
  await settle();
  world.now += 2000;
  slotOf(first).sent(4000);
  const [running, queued] = world.governor.list();
  t.like(running, { node: 'a', state: 'running', done: 4000, size: 10_000, rate: 2000, seconds: 3 });
  t.like(queued, { node: 'b', state: 'queued', place: 1, seconds: 3 });
});

test('a boot that never comes back leaves the queue', async t => {
  const world = new World(1);
  world.ask('a');
  world.ask('b');
  await world.pass(15_000);
  t.is(world.governor.list().length, 2);
  await world.pass(400_000);
  t.is(world.governor.list().length, 1);
});

test('2,000 nodes at once: each is served once, and none waits forever', async t => {
  const world = new World(64);
  let served = 0;
  const waiting = new Map(Array.from({ length: 2000 }, (_, index) => [`n${index}`, world.ask(`n${index}`)]));
  const back = new Map<string, number>();
  await settle();
  for (let round = 0; served < 2000 && round < 5000; round++) {
    for (const [boot, asked] of waiting) {
      if (!asked.got) continue;
      waiting.delete(boot);
      if ('slot' in asked.got) {
        served += 1;
        asked.got.slot.sent(1000);
        asked.got.slot.end();
      } else back.set(boot, world.now + asked.got.retryAfter * 1000);
    }
    await world.pass(1000);
    for (const [boot, at] of back) {
      if (at > world.now) continue;
      back.delete(boot);
      waiting.set(boot, world.ask(boot));
    }
    await settle();
  }
  t.is(served, 2000);
  t.is(world.governor.list().length, 0);
});

test('a boot that reconnects during its transfer keeps its place: the old connection ends, the new one continues', async t => {
  const world = new World(1);
  const first = world.ask('a');
  await settle();
  let replaced = 0;
  slotOf(first).onReplaced(() => {
    replaced += 1;
  });
  slotOf(first).sent(900);
  for (let other = 0; other < 100; other++) world.ask(`n${other}`);
  const again = world.ask('a', 1000, 900);
  await settle();
  const slot = slotOf(again);
  t.is(replaced, 1);
  t.deepEqual(
    world.governor.list().filter(({ boot }) => boot === 'a'),
    [world.governor.list()[0]] as never,
  );
  // The head notices the old connection's end later: that is no end of the new one.
  slotOf(first).end();
  await settle();
  t.is(world.governor.list()[0]?.boot, 'a');
  slot.sent(100);
  slot.end();
  await settle();
  t.is(world.governor.list()[0]?.boot, 'n0');
  t.false(world.governor.list().some(({ boot }) => boot === 'a'));
});

test('a boot with endless requests holds one place, and the queue does not grow', async t => {
  const world = new World(1);
  world.ask('other');
  for (let round = 0; round < 10_000; round++) world.ask('a');
  await settle();
  t.deepEqual(
    world.governor.list().map(({ boot, state }) => [boot, state]),
    [
      ['other', 'running'],
      ['a', 'queued'],
    ],
  );
  await world.pass(10 * 60_000);
  await world.pass(10 * 60_000);
  t.deepEqual(
    world.governor.list().map(({ boot }) => boot),
    ['other'],
  );
});
