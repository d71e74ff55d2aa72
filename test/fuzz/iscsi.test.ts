// Hostile streams: seeded mutations of real logins and commands. No crash, no internal error, and a bystander reads all the while.
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'ava';
import { build, INITIATOR, read10, textOf, write10 } from '../iscsi/support/initiator.ts';
import { TARGET } from '../iscsi/support/one-target.ts';
import { serve } from '../iscsi/support/served.ts';

/** A small generator with a seed (mulberry32): a failure can be repeated. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}

const login = (flags: number, pairs: Record<string, string>) =>
  build({ opcode: 0x43, flags, tag: 7, words: { 24: 1 }, bytes: { 8: 0x40, 13: 77 }, data: textOf(pairs) });
const command = (cmdSn: number, cdb: readonly number[], flags: number, expected: number, data?: Buffer) =>
  build({ opcode: 0x01, flags, tag: 100 + cmdSn, words: { 20: expected, 24: cmdSn }, cdb, ...(data ? { data } : {}) });
const control = (opcode: number, flags: number, cmdSn: number, words: Record<number, number>, data?: Buffer) =>
  build({ opcode, flags, tag: 100 + cmdSn, words: { 24: cmdSn, ...words }, ...(data ? { data } : {}) });

const NAMES = { InitiatorName: `${INITIATOR}-fuzz`, TargetName: TARGET };
const IN = login(0x87, { ...NAMES, HeaderDigest: 'None', MaxRecvDataSegmentLength: '4096', MaxBurstLength: '8192' });

/** Conversations as lists of PDUs: what the mutations begin with. */
const CONVERSATIONS: readonly (readonly Buffer[])[] = [
  [
    IN,
    command(1, [0, 0, 0, 0, 0, 0], 0x81, 0),
    command(2, read10(0, 64), 0xc1, 64 * 512),
    command(3, [0x12, 1, 0x83, 0, 255, 0], 0xc1, 255),
  ],
  [
    IN,
    command(1, [0, 0, 0, 0, 0, 0], 0x81, 0),
    command(2, write10(0, 4), 0xa1, 2048, Buffer.alloc(512, 1)),
    control(0x05, 0x80, 3, { 16: 102, 20: 1, 36: 0, 40: 512 }, Buffer.alloc(1536, 2)),
  ],
  [
    IN,
    command(1, [0x1a, 0, 0x3f, 0, 255, 0], 0xc1, 255),
    command(2, [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32], 0xc1, 32),
    command(3, [0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0], 0xc1, 65535),
  ],
  [
    IN,
    control(0x00, 0x80, 1, { 20: 0xffffffff }, Buffer.from('ping')),
    control(0x04, 0x80, 2, { 20: 0xffffffff }, textOf({ SendTargets: '', MaxRecvDataSegmentLength: '512' })),
    control(0x42, 0x81, 3, { 20: 102 }),
    control(0x42, 0x85, 3, {}),
    control(0x06, 0x80, 3, {}),
  ],
  [
    login(0x81, { ...NAMES, AuthMethod: 'CHAP,None' }),
    login(0x87, { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '65536' }),
  ],
  [
    login(0x81, { InitiatorName: `${INITIATOR}-fuzz`, SessionType: 'Discovery', AuthMethod: 'None' }),
    login(0x87, {}),
    control(0x04, 0x80, 1, { 20: 0xffffffff }, textOf({ SendTargets: 'All' })),
  ],
];

type Mutation = (stream: Buffer, pick: (below: number) => number, pdus: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  // Flipped bits, anywhere and in headers.
  (stream, pick) => {
    for (let count = 1 + pick(8); count > 0; count -= 1) flip(stream, pick(stream.length), pick(8));
    return stream;
  },
  (stream, pick, pdus) => {
    const at = fieldOf(stream, pick, pdus, pick(48), 1);
    stream[at] = [0, 0xff, 0x80, 0x7f, 1][pick(5)] ?? 0;
    return stream;
  },
  // Lying lengths, of data and of additional headers.
  (stream, pick, pdus) => {
    stream.writeUIntBE(
      [0, 1, 47, 8192, 8193, 262144, 262145, 0xffffff][pick(8)] ?? 0,
      fieldOf(stream, pick, pdus, 5, 3),
      3,
    );
    return stream;
  },
  (stream, pick, pdus) => {
    stream[fieldOf(stream, pick, pdus, 4, 1)] = pick(256);
    return stream;
  },
  // Numbers at their edges: CmdSN, tags, offsets, expected lengths.
  (stream, pick, pdus) => {
    const at = fieldOf(stream, pick, pdus, 16 + 4 * pick(8), 4);
    stream.writeUInt32BE([0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff][pick(6)] ?? 0, at);
    return stream;
  },
  // Cut off, repeated, in another order, with something in between.
  (stream, pick) => stream.subarray(0, pick(stream.length)),
  (stream, pick, pdus) =>
    Buffer.concat([stream, ...Array.from({ length: 1 + pick(200) }, () => pdus[pick(pdus.length)] ?? stream)]),
  (_stream, pick, pdus) =>
    Buffer.concat(Array.from({ length: pdus.length }, () => pdus[pick(pdus.length)] ?? Buffer.alloc(0))),
  (stream, pick) => {
    const at = pick(stream.length);
    return Buffer.concat([
      stream.subarray(0, at),
      Buffer.from(Array.from({ length: pick(100) }, () => pick(256))),
      stream.subarray(at),
    ]);
  },
  // Any CDB at all.
  (stream, pick, pdus) => {
    const at = startOf(pdus, pdus.length - 1) + 32;
    for (let byte = 0; byte < 16 && at + byte < stream.length; byte += 1) stream[at + byte] = pick(256);
    return stream;
  },
];

function flip(stream: Buffer, at: number, bit: number): void {
  stream[at] = (stream[at] ?? 0) ^ (1 << bit);
}

/** Where a field of some PDU of the stream lies; within the stream also when that has become shorter. */
function fieldOf(
  stream: Buffer,
  pick: (below: number) => number,
  pdus: readonly Buffer[],
  offset: number,
  width: number,
): number {
  return Math.max(0, Math.min(startOf(pdus, pick(pdus.length)) + offset, stream.length - width));
}

function startOf(pdus: readonly Buffer[], index: number): number {
  return pdus.slice(0, index).reduce((sum, pdu) => sum + pdu.length, 0);
}

/** Sends a stream in pieces, takes what comes, closes; resolves when the connection has ended. */
async function say(port: number, stream: Buffer, cut: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  socket.write(stream.subarray(0, cut));
  socket.end(stream.subarray(cut));
  await once(socket, 'close');
}

/** The same PDU of another initiator port: sessions of one port would end each other (RFC 7143 §6.3.5). */
function ofPort(pdu: Buffer, port: number): Buffer {
  const copy = Buffer.from(pdu);
  if (copy[0] === 0x43) copy[12] = port;
  return copy;
}

const ROUNDS = 3000;

for (const overlay of [undefined, 'memory'] as const) {
  test(`${ROUNDS} mutated conversations, ${overlay ? 'overlay' : 'read-only'} disk`, async t => {
    t.timeout(240_000);
    const { port, initiator: open, content, notes, target } = await serve(t, overlay ? { overlay } : {});
    const bystander = await open();
    const pick = generator(overlay ? 4711 : 42);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < ROUNDS; round += 10) {
      const streams = Array.from({ length: 10 }, (_, index) => {
        const pdus = (CONVERSATIONS[pick(CONVERSATIONS.length)] ?? []).map(pdu => ofPort(pdu, index));
        let stream: Buffer = Buffer.concat(pdus);
        for (let count = 1 + pick(3); count > 0 && stream.length > 8; count -= 1) {
          stream = (MUTATIONS[pick(MUTATIONS.length)] as Mutation)(stream, pick, pdus);
        }
        return { stream, cut: pick(stream.length + 1) };
      });
      await Promise.all(streams.map(({ stream, cut }) => say(port, stream, cut)));
      const { data, status } = await bystander.command(read10(1024, 8), { read: 4096 });
      // A mutation may have reset the writable disk, which every session is told of once.
      if (status === 0) t.true(data.equals(content.subarray(1024 * 512, 1032 * 512)), `round ${round}`);
      else t.truthy(overlay);
    }
    t.deepEqual(
      notes.filter(note => /internal error|login failed/.test(note.reason ?? '')),
      [],
    );
    t.true(notes.filter(note => note.event === 'login').length > ROUNDS / 3, 'the mutations reach behind login');
    t.true(target.connectionCount <= 3);
    t.true(process.memoryUsage().rss - before < 192 << 20);
  });
}

test('every conversation, cut in two at every byte', async t => {
  const { port, notes } = await serve(t, { overlay: 'memory' });
  for (const pdus of CONVERSATIONS) {
    const stream = Buffer.concat(pdus);
    const cuts = Array.from({ length: stream.length }, (_, index) => index);
    for (let from = 0; from < cuts.length; from += 16) {
      await Promise.all(cuts.slice(from, from + 16).map(cut => say(port, stream, cut)));
    }
  }
  t.deepEqual(
    notes.filter(note => /internal error|login failed|does not begin/.test(note.reason ?? '')),
    [],
  );
});
