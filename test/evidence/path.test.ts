// Which packets pass a path: the search, the bytes, and the probe with answers that are made up.
import test from 'ava';
import { decodeEcho, encodeEcho } from '../../src/evidence/icmp.ts';
import type { Echoes } from '../../src/evidence/path-probe.ts';
import { probePath } from '../../src/evidence/path-probe.ts';
import { nextSizes, resultOf } from '../../src/evidence/path-search.ts';
import { decodeTcpInfo, worst } from '../../src/evidence/tcp-info.ts';
import { TftpTransfers } from '../../src/evidence/tftp-transfers.ts';

/** Searches on a path that passes packets up to a size; returns the result and the rounds. */
function search(passes: number, mtu = 1500) {
  const state = { mtu, answered: new Set<number>(), tried: new Set<number>() };
  let rounds = 0;
  for (let sizes = nextSizes(state); sizes.length > 0 && rounds < 20; sizes = nextSizes(state)) {
    rounds += 1;
    for (const size of sizes) {
      state.tried.add(size);
      if (size <= passes) state.answered.add(size);
    }
  }
  return { ...resultOf(state), rounds };
}

test('the search finds the size to the byte in a few rounds, whatever it is', t => {
  for (let passes = 68; passes < 1500; passes += 1) {
    const found = search(passes);
    t.deepEqual([found.passes, found.fails], [passes, passes + 1]);
    t.true(found.rounds <= 4, `${found.rounds} rounds for ${passes}`);
  }
  t.like(search(1500), { answers: true, passes: 1500, rounds: 1 });
  t.is(search(1500).fails, undefined);
  t.like(search(8900, 9000), { passes: 8900, fails: 8901 });
  t.deepEqual(search(0), { answers: false, rounds: 1 });
});

test('an answer to a larger packet means random loss', t => {
  const answered = new Set([68, 1500]);
  t.deepEqual(resultOf({ mtu: 1500, answered, tried: new Set([68, 576, 1500]) }), { answers: true, passes: 1500 });
});

test('an echo has the requested length, and its answer is recognised', t => {
  const bytes = encodeEcho({ id: 0x1234, sequence: 1200 }, 1200);
  t.is(bytes.length, 1180);
  t.is(bytes[0], 8);
  const reply = Buffer.from(bytes);
  reply[0] = 0;
  t.deepEqual(decodeEcho(reply, false), { id: 0x1234, sequence: 1200 });
  const header = Buffer.alloc(24);
  header[0] = 0x46;
  t.deepEqual(decodeEcho(Buffer.concat([header, reply]), true), { id: 0x1234, sequence: 1200 });
  t.is(decodeEcho(bytes, false), undefined, 'a request is no answer');
  for (let length = 0; length < 28; length += 1) t.is(decodeEcho(header.subarray(0, length), true), undefined);
});

test('the probe repeats unanswered packets, and ends within its time limit', async t => {
  const sent = new Map<number, number>();
  let answers: number[] = [];
  let closed = false;
  const lossy: Echoes = {
    send: (_ip, size, sequence) => {
      const times = (sent.get(size) ?? 0) + 1;
      sent.set(size, times);
      // The first of each is lost
      if (times > 1 && size <= 1200) answers.push(sequence);
      return true;
    },
    answers: () => answers.splice(0),
    close: () => {
      closed = true;
    },
  };
  const found = await probePath({ ip: '10.0.0.2', from: '10.0.0.1', mtu: 1500 }, 20_000, async () => lossy);
  t.deepEqual(found, { answers: true, passes: 1200, fails: 1201 });
  t.true(closed);
  answers = [];
  t.is(await probePath({ ip: '10.0.0.2', from: '10.0.0.1', mtu: 1500 }, 100, async () => lossy), undefined);
  t.is(await probePath({ ip: '10.0.0.2', from: '10.0.0.1', mtu: 1500 }, 5000, async () => undefined), undefined);
});

test('a node that stops answering during the probe, or answers too slowly, drops no size', async t => {
  for (const most of [3, 8]) {
    const answers: number[] = [];
    let answered = 0;
    const failing: Echoes = {
      send: (_ip, size, sequence) => {
        // It loses the largest, and soon falls silent.
        if (answered < most && size < 1500) {
          answered += 1;
          answers.push(sequence);
        }
        return true;
      },
      answers: () => answers.splice(0),
      close: () => {},
    };
    const found = await probePath({ ip: '10.0.0.2', from: '10.0.0.1', mtu: 1500 }, 4000, async () => failing);
    t.is(found?.fails, undefined, `${most} answers`);
    t.true(found?.answers);
  }
});

test("TCP_INFO is read from the kernel's struct, also from a shorter one", t => {
  const bytes = Buffer.alloc(192);
  bytes.writeUInt8(4, 2);
  bytes.writeUInt32LE(1460, 16);
  bytes.writeUInt32LE(10, 24);
  bytes.writeUInt32LE(7000, 56);
  bytes.writeUInt32LE(180, 100);
  bytes.writeBigUInt64LE(321n, 120);
  bytes.writeUInt32LE(900, 136);
  const look = {
    ago: 0,
    sent: 900,
    again: 180,
    retransmits: 4,
    segment: 1460,
    unacknowledged: 10,
    quiet: 7,
    acknowledged: 321,
  };
  t.deepEqual(decodeTcpInfo(bytes, 'LE'), look);
  t.is(decodeTcpInfo(bytes.subarray(0, 100), 'LE'), undefined);
  const idle = { ...look, unacknowledged: 0, retransmits: 9 };
  t.is(worst([idle, { ...look, retransmits: 1 }, look])?.retransmits, 4);
  t.is(worst([idle]), undefined);
});

test('slow transfers are bounded, and forgotten', t => {
  let now = 0;
  const transfers = new TftpTransfers(() => now);
  const look = { file: 'x', packet: 1500, acknowledged: 0, blocks: 9, agreed: true, unanswered: 3, repeated: 0 };
  for (let index = 0; index < 10_000; index += 1) transfers.told(`ip${index}`, look);
  t.is(transfers.of('ip0'), undefined);
  t.is(transfers.of('ip9999'), look);
  transfers.told('ip9999', undefined);
  t.is(transfers.of('ip9999'), undefined);
  now = 60_000;
  t.is(transfers.of('ip9998'), undefined);
});
