// Peers that never stop: each decoder and state machine of the target is fed without end, and holds no more than its bound.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test, { type ExecutionContext } from 'ava';
import { EarlyRequests } from '../../src/iscsi/early.ts';
import { Framer, FramingError } from '../../src/iscsi/frame.ts';
import { ISCSI_LIMITS, MAX_RECEIVE_SEGMENT } from '../../src/iscsi/limits.ts';
import { Output, SLAB_BYTES, SlabPool } from '../../src/iscsi/output.ts';
import { Sessions } from '../../src/iscsi/sessions.ts';
import { parseText, TextError } from '../../src/iscsi/text.ts';
import { NoSpaceError } from '../../src/scsi/block-device.ts';
import { memoryStore } from '../../src/scsi/memory-store.ts';
import { OverlayDevice } from '../../src/scsi/overlay-device.ts';
import { memoryDevice } from '../scsi/support/memory-device.ts';
import { build, type Fields, INITIATOR, Initiator, write10 } from './support/initiator.ts';
import { TARGET } from './support/one-target.ts';
import { serve } from './support/served.ts';

const NO_TAG = 0xffffffff;
/** More than any bound below, sent by each of those who never stop. */
const ENDLESS_BYTES = 64 << 20;
/** What this process may grow by meanwhile: the sum of the bounds and of what sockets and the test itself hold. */
const GROWTH_BYTES = 24 << 20;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes that are in use by JavaScript and by buffers, without garbage. */
async function held(): Promise<number> {
  collectGarbage();
  // What a buffer was made of is given back a turn later.
  await new Promise(setImmediate);
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test.serial('the framer holds one PDU, whatever its headers declare and however small the pieces are', async t => {
  const framer = new Framer(MAX_RECEIVE_SEGMENT);
  const header = build({ opcode: 0x05 });
  header.writeUIntBE(MAX_RECEIVE_SEGMENT, 5, 3);
  const before = await held();
  framer.push(header);
  let frames = 0;
  for (let count = 0; count < 1 << 20; count += 1) {
    framer.push(Buffer.alloc(1));
    if (framer.next()) {
      frames += 1;
      framer.push(header);
    }
  }
  t.true(frames > 1);
  t.true((await held()) - before < 8 << 20);
  const lying = build({ opcode: 0x05 });
  lying.writeUIntBE(0xffffff, 5, 3);
  const other = new Framer(MAX_RECEIVE_SEGMENT);
  other.push(lying);
  t.throws(() => other.next(), { instanceOf: FramingError });
});

test('text: endless keys are refused by their total bytes, an endless value by its own', t => {
  const { textBytes } = ISCSI_LIMITS;
  t.throws(() => parseText(Buffer.alloc(textBytes, 'x')), { instanceOf: TextError });
  t.throws(() => parseText(Buffer.from(`A=${'x'.repeat(textBytes)}\0`)), { instanceOf: TextError });
  t.is(parseText(Buffer.alloc(textBytes)).size, 0);
  const keys = Array.from({ length: textBytes / 8 }, (_, index) => `A${index}=1\0`).join('');
  t.is(parseText(Buffer.from(keys)).size, textBytes / 8);
});

test('early requests are limited in bytes, and their memory is released', t => {
  const early = new EarlyRequests(100);
  const request = (bytes: number) => ({ bytes, kind: 'command' as const, run: () => {} });
  for (let turn = 0; turn < 1000; turn += 1) {
    t.true(early.add(5, request(60)));
    t.true(early.add(5, request(60)), 'a second one of a number is ignored');
    t.false(early.add(6, request(60)));
    t.true(early.add(7, request(40)));
    early.replace(5, () => {});
    t.true(early.add(6, request(60)));
    for (const number of [5, 6, 7]) t.truthy(early.take(number));
    t.is(early.take(8), undefined);
  }
});

test('sessions: endless logins leave no trace, and each has a separate handle', t => {
  const sessions = new Sessions({ ...ISCSI_LIMITS, sessions: 4, sessionsPerInitiator: 2 });
  const claim = (initiator: string, isid: string) =>
    sessions.claim({ initiator, isid, target: TARGET } as Parameters<Sessions['claim']>[0], () => {});
  // Beyond the 65,535 handles that there are.
  for (let count = 0; count < 70_000; count += 1) {
    const entry = claim('iqn.a:one', String(count));
    if (!('tsih' in entry)) return t.fail(entry.reason);
    if (entry.tsih < 1 || entry.tsih > 0xffff) return t.fail(`handle ${entry.tsih}`);
    sessions.release(entry);
    sessions.release(entry);
  }
  t.is(sessions.size, 0);
  const handles = ['1', '2', '1'].map(isid => claim('iqn.a:one', isid));
  t.is(new Set(handles.map(entry => 'tsih' in entry && entry.tsih)).size, 3);
  t.is(sessions.size, 2, 'the third took the place of the first');
  t.like(claim('iqn.a:one', '3'), { status: 'out-of-resources' });
  t.true('tsih' in claim('iqn.a:two', '1'));
});

test('output: all memory returns to a bounded pool', t => {
  const pool = new SlabPool(2);
  const sent: (() => void)[] = [];
  const out = new Output(
    pool,
    (_bytes, done) => sent.push(done),
    () => {},
  );
  const header = Buffer.alloc(48);
  for (let turn = 0; turn < 1000; turn += 1) {
    out.append(header, Buffer.alloc(MAX_RECEIVE_SEGMENT));
    out.flush();
    t.true(out.waiting <= SLAB_BYTES);
    for (const done of sent.splice(0)) done();
    t.is(out.waiting, 0);
  }
});

test('output: small waiting answers share slabs', async t => {
  let taken = 0;
  class Counting extends SlabPool {
    override take(): Buffer {
      taken += 1;
      return super.take();
    }
    override give(slab: Buffer): void {
      taken -= 1;
      super.give(slab);
    }
  }
  const out = new Output(
    new Counting(),
    () => {},
    () => {},
  );
  for (let count = 0; count < 1000; count += 1) {
    out.append(Buffer.alloc(48), Buffer.alloc(count));
    out.flush();
  }
  t.is(taken, 0);
  t.is(
    out.waiting,
    1000 * 48 + Array.from({ length: 1000 }, (_, length) => Math.ceil(length / 4) * 4).reduce((a, b) => a + b),
  );
});

test('an overlay in memory: endless writes stop at its limit', async t => {
  const disk = new OverlayDevice(memoryDevice(Buffer.alloc(4 << 20), { readOnly: true }), memoryStore(1 << 20));
  let refused = 0;
  for (let at = 0; at < 4 << 20; at += 65536) {
    await disk.write(Buffer.alloc(65536, 1), at).catch(error => {
      t.true(error instanceof NoSpaceError);
      refused += 1;
    });
  }
  t.is(refused, 48, 'three quarters of the disk');
  for (let count = 0; count < 100; count += 1) await disk.write(Buffer.alloc(65536, 2), 0);
  await disk.close();
});

/** A peer that sends the same kind of PDU again and again after its login, and reads what comes or not. */
interface Endless {
  name: string;
  keys?: Record<string, string>;
  /** Does not read its answers. */
  deaf?: true;
  pdu(index: number, cmdSn: number): Fields;
  /** How the target ends it; when absent it never has to. */
  ends?: RegExp;
  /** What it sends in all, when each of its bytes costs much time. */
  bytes?: number;
}

const QUARTER = Buffer.alloc(MAX_RECEIVE_SEGMENT);
const ROWS: readonly Endless[] = [
  {
    name: 'pings with data whose answers it does not read',
    keys: { MaxRecvDataSegmentLength: '262144' },
    deaf: true,
    pdu: (_index, cmdSn) => ({ opcode: 0x40, tag: 9, words: { 20: NO_TAG, 24: cmdSn }, data: QUARTER }),
  },
  {
    name: 'pings that come before their turn',
    keys: { MaxRecvDataSegmentLength: '262144' },
    pdu: (index, cmdSn) => ({ opcode: 0x00, tag: 9, words: { 20: NO_TAG, 24: cmdSn + 1 + index }, data: QUARTER }),
    ends: /out of order hold more than 8388608 bytes/,
  },
  {
    name: 'commands with data that come before their turn',
    pdu: (index, cmdSn) => ({
      opcode: 0x01,
      flags: 0xa1,
      tag: 1000 + index,
      words: { 20: MAX_RECEIVE_SEGMENT, 24: cmdSn + 1 + index },
      cdb: write10(0, 512),
      data: QUARTER,
    }),
    ends: /out of order hold more than 8388608 bytes/,
  },
  {
    name: 'text that goes on, with data',
    pdu: (_index, cmdSn) => ({ opcode: 0x44, flags: 0x40, words: { 20: 2, 24: cmdSn }, data: QUARTER }),
  },
  {
    name: 'text that goes on and is empty',
    pdu: (index, cmdSn) => ({ opcode: 0x44, flags: 0x40, words: { 20: index === 0 ? NO_TAG : 2, 24: cmdSn } }),
  },
  {
    name: 'text that asks much by little, and does not ask for the rest',
    bytes: 8 << 20,
    pdu: (_index, cmdSn) => ({
      opcode: 0x44,
      words: { 20: NO_TAG, 24: cmdSn },
      data: Buffer.from(Array.from({ length: 1000 }, (_, index) => `X${index}=1\0`).join('')),
    }),
  },
  {
    name: 'data that nobody asked for',
    pdu: index => ({ opcode: 0x05, tag: index, words: { 20: index, 36: 0, 40: 0 }, data: QUARTER }),
  },
  {
    name: 'writes within the window whose data never comes',
    pdu: (index, cmdSn) => ({
      opcode: 0x01,
      flags: 0xa1,
      tag: 1000 + index,
      words: { 20: 4 << 20, 24: cmdSn + index },
      cdb: write10(0, 8192),
      data: Buffer.alloc(512),
    }),
  },
  {
    name: 'immediate writes whose data never comes',
    pdu: (index, cmdSn) => ({
      opcode: 0x41,
      flags: 0xa1,
      tag: 1000 + index,
      words: { 20: 4 << 20, 24: cmdSn },
      cdb: write10(0, 8192),
      data: Buffer.alloc(65536),
    }),
  },
  {
    name: 'aborts of commands that have not come',
    pdu: (index, cmdSn) => ({ opcode: 0x42, flags: 0x81, words: { 20: 7, 24: cmdSn + index + 2, 32: cmdSn + index } }),
  },
  { name: 'opcodes that are none', deaf: true, pdu: () => ({ opcode: 0x1d, data: QUARTER }) },
];

async function feed(t: ExecutionContext, row: Endless): Promise<{ grown: number; reason: string }> {
  const { keys, deaf, pdu, ends, bytes = ENDLESS_BYTES } = row;
  const { port, notes } = await serve(t, { overlay: 'memory', bytes: 4 << 20 });
  const peer = await Initiator.connect(port);
  t.teardown(() => peer.close());
  await peer.login({ target: TARGET, keys: keys ?? {} });
  await peer.ready();
  const { socket, cmdSn } = peer;
  // From here on nothing is decoded any more.
  socket.removeAllListeners('data');
  if (deaf) socket.pause();
  else socket.resume();
  const before = await held();
  const closed = new Promise<boolean>(resolve => socket.once('close', () => resolve(true)));
  let most = 0;
  let looked = 0;
  for (let index = 0, sent = 0; sent < bytes && index < 20_000 && !peer.closed; index += 1) {
    const next = build(pdu(index, cmdSn));
    sent += next.length;
    if (!socket.write(next) && !(await roomIn(socket, closed, deaf))) break;
    if (index % 2000 > 0 && sent - looked < 8 << 20) continue;
    looked = sent;
    most = Math.max(most, (await held()) - before);
  }
  most = Math.max(most, (await held()) - before);
  const dropped = () => notes.find(note => note.event === 'dropped');
  if (ends) while (!dropped()) await new Promise(setImmediate);
  const reason = dropped()?.reason ?? '';
  peer.close();
  return { grown: most, reason };
}

/** Resolves when the socket takes more. False: its target has stopped reading, as it may with a peer that does not read either. */
async function roomIn(socket: Socket, closed: Promise<boolean>, deaf: boolean | undefined): Promise<boolean> {
  const enough = new AbortController();
  const drained = once(socket, 'drain', { signal: enough.signal }).then(() => true);
  const stalled = deaf ? delay(500, false, { signal: enough.signal }) : new Promise<never>(() => {});
  drained.catch(() => {});
  stalled.catch(() => {});
  const room = await Promise.race([drained.catch(() => true), closed, stalled]);
  enough.abort();
  return room;
}

for (const row of ROWS) {
  test.serial(`a peer that never stops: ${row.name}`, async t => {
    const { grown, reason } = await feed(t, row);
    t.true(grown < GROWTH_BYTES, `${Math.round(grown / 1048576)} MiB`);
    if (row.ends) t.regex(reason, row.ends);
    else t.is(reason, '');
  });
}

test.serial('nothing is kept of what a peer sends after its connection ended', async t => {
  // Answers beyond what the kernel's buffers take wait for a peer that does not read, so that the end has something to wait for.
  const { port, target } = await serve(t, { options: { limits: { outputBytes: 1 << 30 } } });
  const peer = await Initiator.connect(port);
  t.teardown(() => peer.close());
  await peer.login({ keys: { MaxRecvDataSegmentLength: '262144' } });
  const { socket } = peer;
  socket.removeAllListeners('data');
  socket.pause();
  const before = await held();
  const ping = build({ opcode: 0x40, tag: 9, words: { 20: NO_TAG }, data: QUARTER });
  for (let count = 0; count < 64; count += 1) socket.write(ping);
  const wrong = build({ opcode: 0x40 });
  wrong.writeUIntBE(0xffffff, 5, 3);
  socket.write(wrong);
  const junk = Buffer.alloc(1 << 20);
  const closed = new Promise<boolean>(resolve => socket.once('close', () => resolve(true)));
  for (let sent = 0; sent < 128 && !socket.destroyed; sent += 1) {
    if (!socket.write(junk) && !(await roomIn(socket, closed, false))) break;
  }
  const grown = (await held()) - before;
  t.is(target.connectionCount, 1, 'it still has answers to take');
  t.true(grown < 2 * GROWTH_BYTES, `${Math.round(grown / 1048576)} MiB`);
});

test('an endless login: its text, its requests and its time are limited', async t => {
  const { port, notes } = await serve(t);
  const REASONS: [number, Record<string, string>, RegExp][] = [
    [0x44, { InitiatorName: INITIATOR, 'X-filling': 'x'.repeat(4000) }, /more than 16384 bytes of text/],
    [0x44, {}, /does not come to an end/],
    [0x04, { InitiatorName: INITIATOR, SessionType: 'Discovery' }, /does not come to an end/],
  ];
  for (const [flags, pairs, reason] of REASONS) {
    const peer = await Initiator.connect(port);
    let count = 0;
    while (!peer.closed && count < 100) {
      count += 1;
      await peer.loginRequest(flags, count > 1 && flags === 0x04 ? {} : pairs);
    }
    t.true(count < 100);
    t.regex(notes.at(-1)?.reason ?? '', reason);
  }
});
