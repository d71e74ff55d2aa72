import test from 'ava';
import fc from 'fast-check';
import { Transfer, type TransferSpec } from '../../src/tftp/transfer.ts';
import { randomOf, simulate } from './simulation.ts';

const spec = (change: Partial<TransferSpec> = {}): TransferSpec => ({
  size: 2000,
  blockSize: 512,
  windowSize: 1,
  oack: false,
  ...change,
});

const blocks = (first: number, last = first) => ({ do: 'blocks', first, last }) as const;
const WAIT = { do: 'wait' } as const;
const FINISHED = { do: 'finished' } as const;

// RFC 1350 §2
test('lock-step: each block waits for the ACK of the one before, the short block ends it', t => {
  const transfer = new Transfer(spec({ size: 1100 }), 0);
  t.deepEqual(transfer.start(0), blocks(1));
  t.deepEqual(transfer.ack(1, 1), blocks(2));
  t.deepEqual(transfer.ack(2, 2), blocks(3));
  t.deepEqual(transfer.ack(3, 3), FINISHED);
});

// RFC 1350 §6
test('a size that divides evenly ends with an empty block, and so does an empty file', t => {
  t.is(new Transfer(spec({ size: 1024 }), 0).blocks, 3);
  t.is(new Transfer(spec({ size: 0 }), 0).blocks, 1);
  t.is(new Transfer(spec({ size: 511 }), 0).blocks, 1);
  t.is(new Transfer(spec({ size: 512 }), 0).blocks, 2);
});

// RFC 2347
test('an OACK waits for ACK 0 and accepts no other answer', t => {
  const transfer = new Transfer(spec({ oack: true }), 0);
  t.deepEqual(transfer.start(0), { do: 'oack' });
  t.true(transfer.halfOpen);
  for (const other of [1, 2, 65535]) t.deepEqual(transfer.ack(other, 1), WAIT);
  t.deepEqual(transfer.tick(transfer.deadline), { do: 'oack' }, 'it is repeated');
  t.deepEqual(transfer.ack(0, 7000), blocks(1));
  t.false(transfer.halfOpen);
  t.deepEqual(transfer.ack(0, 7001), WAIT, 'a second ACK 0 sends nothing');
});

// RFC 1123 §4.2.3.1
test("the Sorcerer's Apprentice: a repeated ACK sends nothing, so each block goes out once", t => {
  const transfer = new Transfer(spec({ size: 512 * 20 }), 0);
  let sent = [transfer.start(0)].length;
  for (let block = 1; block <= 20; block++) {
    for (let copy = 0; copy < 3; copy++) if (transfer.ack(block, block).do === 'blocks') sent += 1;
    t.deepEqual(transfer.ack(block - 1, block), WAIT, 'nor does an older one');
  }
  t.is(sent, 21);
  t.is(transfer.repeats, 0);
});

test('ACKs of blocks that were never sent are ignored', t => {
  const transfer = new Transfer(spec({ size: 100_000, windowSize: 4 }), 0);
  transfer.start(0);
  for (const wrong of [5, 6, 100, 32768, 65535]) t.deepEqual(transfer.ack(wrong, 1), WAIT);
  t.deepEqual(transfer.ack(4, 1), blocks(5, 8));
});

// RFC 7440 §4
test('windows: after an ACK inside the window the next one begins behind the acknowledged block', t => {
  const transfer = new Transfer(spec({ size: 512 * 10, windowSize: 4, oack: true }), 0);
  transfer.start(0);
  t.deepEqual(transfer.ack(0, 1), blocks(1, 4));
  t.deepEqual(transfer.ack(4, 2), blocks(5, 8));
  t.deepEqual(transfer.ack(6, 3), blocks(7, 10), 'block 7 was lost');
  t.deepEqual(transfer.ack(10, 4), blocks(11), 'the last window is short');
  t.deepEqual(transfer.ack(11, 5), FINISHED);
  t.is(transfer.repeats, 2);
});

// RFC 7440 §4, RFC 1123 §4.2.3.1
test('windows: a client that counts its window from another block does not double the traffic', t => {
  const transfer = new Transfer(spec({ size: 512 * 100, windowSize: 4 }), 0);
  transfer.start(0);
  t.deepEqual(transfer.ack(1, 1), blocks(2, 5), 'it may have lost block 2');
  t.deepEqual(transfer.ack(4, 1), blocks(6, 8), 'it had not: what is on its way is not sent again');
  t.deepEqual(transfer.ack(5, 1), blocks(9), 'and the window follows the client');
  t.deepEqual(transfer.ack(9, 1), blocks(10, 13), 'until both count alike');
  t.deepEqual(transfer.ack(12, 2), blocks(13, 16), 'then an ACK inside the window is a loss again');
  t.deepEqual(transfer.ack(13, 3), blocks(17));
  t.deepEqual(transfer.tick(transfer.deadline), blocks(14, 17), 'when it was one after all, the wait is short');
  t.true(transfer.deadline < 200);
});

// RFC 7440 §4, RFC 1123 §4.2.3.1
test('windows: a repeated ACK sends the window again only when no other follows, and once', t => {
  const transfer = new Transfer(spec({ size: 512 * 100, windowSize: 4 }), 0);
  transfer.start(0);
  t.deepEqual(transfer.ack(4, 1), blocks(5, 8));
  t.deepEqual(transfer.ack(4, 2), WAIT, 'a copy made by the network');
  t.deepEqual(transfer.ack(8, 3), blocks(9, 12), 'and the transfer goes on');
  for (let copy = 0; copy < 4; copy++) t.deepEqual(transfer.ack(8, 5), WAIT, 'block 9 was lost');
  t.true(transfer.deadline <= 15);
  t.deepEqual(transfer.tick(transfer.deadline), blocks(9, 12));
  const deadline = transfer.deadline;
  for (let copy = 0; copy < 4; copy++) t.deepEqual(transfer.ack(8, 20), WAIT);
  t.is(transfer.deadline, deadline, 'the second time the timer decides');
});

// RFC 1350 §5, and the roll-over that every client knows: 65535 is followed by 0
for (const windowSize of [1, 7, 64]) {
  test(`the block number rolls over to 0, window ${windowSize}`, t => {
    const content = Buffer.alloc(8 * 70_000 + 3, 7);
    const result = simulate(spec({ size: content.length, blockSize: 8, windowSize }), content, {
      seed: windowSize,
      loss: 0.001,
      duplication: 0.001,
      delay: 0.005,
    });
    t.deepEqual(result.outcome, FINISHED);
    t.true(result.content.equals(content));
  });
}

// RFC 1123 §4.2.3.2
test('packets to a silent client are repeated at growing intervals, within a time limit', t => {
  const transfer = new Transfer(spec(), 0);
  transfer.start(0);
  const gaps: number[] = [];
  let before = 0;
  for (let now = transfer.deadline; gaps.length < 100; now = transfer.deadline) {
    const action = transfer.tick(now);
    gaps.push(now - before);
    before = now;
    if (action.do === 'failed') {
      t.is(action.reason, 'no answer for 35 s to block 1 of 4');
      t.false(action.aborted);
      break;
    }
    t.deepEqual(action, blocks(1));
  }
  t.deepEqual(gaps.slice(0, 5), [1000, 2000, 4000, 8000, 8000]);
  t.is(before, 35_000);
});

// RFC 1123 §4.2.3.2
test('the wait follows the measured round trip, and repeated packets are not measured', t => {
  const transfer = new Transfer(spec({ size: 512 * 1000 }), 0);
  let now = 0;
  transfer.start(now);
  for (let block = 1; block <= 50; block++) transfer.ack(block, ++now);
  t.is(transfer.deadline - now, 101, 'a millisecond there and back, and the margin');
  for (let block = 51; block <= 150; block++) {
    now += 400;
    transfer.ack(block, now);
  }
  const slow = transfer.deadline - now;
  t.true(slow >= 400 && slow < 800, `${slow}`);
  now = transfer.deadline;
  transfer.tick(now);
  transfer.ack(151, ++now);
  t.is(Math.round(transfer.deadline - now), Math.round(slow * 2), 'the back-off stays until an answer is unambiguous');
  now += 400;
  transfer.ack(152, now);
  t.true(transfer.deadline - now < slow + 100);
});

// RFC 2349
test('a negotiated timeout is the longest wait, and no wait exceeds the bound', t => {
  const brief = new Transfer(spec({ timeoutMs: 2000 }), 0);
  brief.start(0);
  const gaps: number[] = [];
  for (let before = 0; gaps.length < 4; before += gaps.at(-1) ?? 0) {
    gaps.push(brief.deadline - before);
    brief.tick(brief.deadline);
  }
  t.deepEqual(gaps, [1000, 2000, 2000, 2000]);
  const long = new Transfer(spec({ timeoutMs: 255_000, oack: true }), 0);
  long.start(0);
  t.is(long.deadline, 15_000);
  for (let turn = 0; turn < 3; turn++) long.tick(long.deadline);
  t.is(long.deadline, 35_000);
});

test('a window that has not left the machine is not sent again; the time limit applies all the same', t => {
  const transfer = new Transfer(spec(), 0);
  transfer.start(0);
  let ticks = 0;
  for (; ticks < 1000; ticks++) {
    const action = transfer.tick(transfer.deadline, true);
    if (action.do === 'failed') break;
    t.deepEqual(action, WAIT);
  }
  t.true(ticks < 100);
});

test('a client that acknowledges only to stay connected is dropped too', t => {
  const transfer = new Transfer(spec({ size: 512 * 10_000 }), 0);
  transfer.start(0);
  let now = 0;
  let action = transfer.ack(1, 0);
  for (let block = 2; block < 100 && action.do !== 'failed'; block++) {
    now += 30_000;
    action = transfer.ack(block, now);
  }
  if (action.do !== 'failed') return t.fail();
  t.is(now, 1_800_000);
  t.regex(action.reason, /30 minutes/);
});

// RFC 1350 §7
test('an error of the client ends the transfer; its text is kept without control characters', t => {
  const transfer = new Transfer(spec(), 0);
  transfer.start(0);
  t.deepEqual(transfer.error(8, 'User aborted\u001b[2J'), {
    do: 'failed',
    reason: 'the client stopped it with error 8: User aborted?[2J',
    aborted: true,
  });
});

const weather = (loss: number) =>
  fc.record({
    seed: fc.integer(),
    loss: fc.double({ min: 0, max: loss, noNaN: true }),
    duplication: fc.double({ min: 0, max: 0.3, noNaN: true }),
    delay: fc.double({ min: 0.01, max: 300, noNaN: true }),
  });

const specs = fc.record({
  size: fc.integer({ min: 0, max: 3000 }),
  blockSize: fc.integer({ min: 16, max: 600 }),
  windowSize: fc.integer({ min: 1, max: 64 }),
  oack: fc.boolean(),
});

function contentOf(size: number, seed: number): Buffer {
  const random = randomOf(seed);
  return Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));
}

test('under loss, duplication and reordering every byte arrives', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(specs, weather(0.03), (shape, sky) => {
        const content = contentOf(shape.size, sky.seed);
        const result = simulate(shape, content, sky);
        return result.outcome.do === 'finished' && result.content.equals(content);
      }),
      { numRuns: 500, seed: 1 },
    ),
  );
});

test('under any loss the transfer delivers every byte or fails, within a bound of time and packets', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(specs, weather(1), (shape, sky) => {
        const content = contentOf(shape.size, sky.seed);
        const result = simulate(shape, content, sky);
        if (result.outcome.do === 'finished') return result.content.equals(content);
        return result.outcome.do === 'failed' && result.time <= 1_800_000 + 35_000;
      }),
      { numRuns: 300, seed: 1 },
    ),
  );
});

test('a client that accepts the options and acknowledges no block is stuck; one that never answered is silent', t => {
  const stuck = new Transfer(spec({ oack: true, blockSize: 1468, windowSize: 4 }), 0);
  stuck.start(0);
  t.false(stuck.isStuck(60_000));
  stuck.ack(0, 10);
  t.false(stuck.isStuck(5000), 'sent once: the packet may be late');
  stuck.tick(stuck.deadline);
  t.true(stuck.isStuck(5000));
  stuck.ack(1, 5001);
  t.false(stuck.isStuck(60_000));
});
