// A session on the wire: reads, writes, tasks, resets, and what does not follow the protocol.
import { truncate } from 'node:fs/promises';
import test from 'ava';
import { build, Initiator, read10, write10 } from './support/initiator.ts';
import { TARGET } from './support/one-target.ts';
import { serve } from './support/served.ts';

const READY = [0, 0, 0, 0, 0, 0];

test('SAM-5 §5.14: a new session gets one unit attention, and INQUIRY works all the same', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET });
  t.is((await initiator.command([0x12, 0, 0, 0, 96, 0], { read: 96 })).status, 0);
  const { status, sense } = await initiator.command(READY);
  t.is(status, 2);
  t.is(sense.toString('hex', 2, 3) + sense.toString('hex', 12, 14), '062900');
  t.is((await initiator.command(READY)).status, 0);
  initiator.close();
});

test('a read of many PDUs and bursts returns the bytes of the file', async t => {
  const { port, content } = await serve(t);
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET, keys: { MaxRecvDataSegmentLength: '1000', MaxBurstLength: '2560' } });
  await initiator.ready();
  const { data, flags, residual } = await initiator.command(read10(3, 41), { read: 41 * 512 });
  t.true(data.equals(content.subarray(3 * 512, 44 * 512)));
  t.is(flags, 0x81, 'RFC 7143 §11.7.2: the last Data-In has the status');
  t.is(residual, 0);
  initiator.close();
});

test('RFC 7143 §11.7.1: F ends each burst, DataSN and offsets increase', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET, keys: { MaxRecvDataSegmentLength: '512', MaxBurstLength: '1024' } });
  await initiator.ready();
  initiator.start(read10(0, 4), { read: 2048 });
  for (const [index, flags] of [0x00, 0x80, 0x00, 0x81].entries()) {
    const pdu = await initiator.expect(0x25);
    t.is(pdu.header.readUInt8(1), flags);
    t.is(pdu.header.readUInt32BE(36), index);
    t.is(pdu.header.readUInt32BE(40), index * 512);
  }
  initiator.close();
});

test("RFC 7143 §11.4.5: residuals when the initiator's buffer is too small or too large", async t => {
  const initiator = await (await serve(t)).initiator();
  const little = await initiator.command(read10(0, 2), { read: 512 });
  t.deepEqual([little.data.length, little.flags, little.residual], [512, 0x85, 512]);
  const much = await initiator.command(read10(0, 2), { read: 4096 });
  t.deepEqual([much.data.length, much.flags, much.residual], [1024, 0x83, 3072]);
  const none = await initiator.command(read10(0, 2));
  t.deepEqual([none.data.length, none.flags, none.residual], [0, 0x84, 1024]);
  const failed = await initiator.command(read10(0xffffff, 1), { read: 512 });
  t.deepEqual([failed.status, failed.flags, failed.residual], [2, 0x82, 512]);
});

test('digests both ways', async t => {
  const { port, content } = await serve(t);
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET, keys: { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' } });
  t.deepEqual(initiator.digests, { header: true, data: true });
  await initiator.ready();
  const { data } = await initiator.command(read10(1, 9), { read: 9 * 512 });
  t.true(data.equals(content.subarray(512, 10 * 512)));
  initiator.close();
});

test('RFC 7143 §7.8: a damaged data segment is rejected and the connection ends', async t => {
  const { port, notes } = await serve(t);
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET, keys: { DataDigest: 'CRC32C' } });
  const ping = build({ opcode: 0x40, tag: 3, words: { 20: 0xffffffff }, data: Buffer.from('ping') }, initiator.digests);
  ping[48] = 0;
  initiator.socket.write(ping);
  t.is((await initiator.expect(0x3f)).header.readUInt8(2), 0x02);
  t.is(await initiator.next(), undefined);
  t.regex(notes.at(-1)?.reason ?? '', /data digest/);
});

test('writes: immediate data, R2T in bursts, and the bytes are there', async t => {
  const { port, content } = await serve(t, { overlay: 'memory' });
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET, keys: { MaxBurstLength: '4096' } });
  await initiator.ready();
  const bytes = Buffer.alloc(40 * 512, 0xab);
  t.is((await initiator.command(write10(7, 40), { out: bytes })).status, 0);
  const tag = initiator.start(write10(100, 2), { write: 1024, data: Buffer.alloc(512, 1) });
  const r2t = await initiator.expect(0x31);
  t.is(r2t.header.readUInt32BE(40), 512);
  t.is(r2t.header.readUInt32BE(44), 512);
  initiator.answerR2t(r2t, tag, Buffer.alloc(1024, 2));
  await initiator.expect(0x21);
  const { data } = await initiator.command(read10(0, 128), { read: 128 * 512 });
  const expected = Buffer.from(content.subarray(0, 128 * 512));
  bytes.copy(expected, 7 * 512);
  expected.fill(1, 100 * 512, 101 * 512).fill(2, 101 * 512, 102 * 512);
  t.true(data.equals(expected));
  initiator.close();
});

test('a read-only disk answers writes with WRITE PROTECTED', async t => {
  const initiator = await (await serve(t)).initiator();
  const { status, sense } = await initiator.command(write10(0, 1), { out: Buffer.alloc(512) });
  t.deepEqual([status, sense[2], sense[12]], [2, 0x07, 0x27]);
});

test('RFC 7143 §7.9: data out of order ends the task, and the session goes on', async t => {
  const initiator = await (await serve(t, { overlay: 'memory' })).initiator();
  const tag = initiator.start(write10(0, 4), { write: 2048 });
  const r2t = await initiator.expect(0x31);
  initiator.send({
    opcode: 0x05,
    tag,
    words: { 20: r2t.header.readUInt32BE(20), 36: 1, 40: 0 },
    data: Buffer.alloc(2048),
  });
  const { data } = await initiator.expect(0x21);
  t.is(data.toString('hex', 4, 5) + data.toString('hex', 14, 16), '0b0c0d');
  t.is((await initiator.command(READY)).status, 0);
});

test('RFC 7143 §11.3: immediate data that was not negotiated', async t => {
  const { port } = await serve(t, { overlay: 'memory' });
  const initiator = await Initiator.connect(port);
  await initiator.login({ target: TARGET, keys: { ImmediateData: 'No' } });
  await initiator.ready();
  initiator.start(write10(0, 1), { write: 512, data: Buffer.alloc(512) });
  const { data } = await initiator.expect(0x21);
  t.is(data.toString('hex', 14, 16), '0c0c');
  initiator.close();
});

test('RFC 7143 §4.2.2.1: a command beyond the window is ignored, one that comes early waits for its turn', async t => {
  const initiator = await (await serve(t)).initiator();
  const due = initiator.cmdSn;
  initiator.cmdSn = due + 1000;
  initiator.start(READY);
  initiator.cmdSn = due + 1;
  const second = initiator.start(READY);
  initiator.cmdSn = due;
  const first = initiator.start(READY);
  t.is((await initiator.expect(0x21)).header.readUInt32BE(16), first);
  t.is((await initiator.expect(0x21)).header.readUInt32BE(16), second);
});

test('RFC 7143 §11.18: a ping comes back with its data', async t => {
  const initiator = await (await serve(t)).initiator();
  initiator.send({ opcode: 0x40, tag: 9, words: { 20: 0xffffffff, 24: initiator.cmdSn }, data: Buffer.from('hello') });
  const pong = await initiator.expect(0x20);
  t.is(pong.data.toString(), 'hello');
  t.is(pong.header.readUInt32BE(16), 9);
});

test('RFC 7143 §11.5: tasks that wait for data are aborted, and late data for them is dropped', async t => {
  const initiator = await (await serve(t, { overlay: 'memory' })).initiator();
  const tag = initiator.start(write10(0, 1), { write: 512 });
  const r2t = await initiator.expect(0x31);
  initiator.send({
    opcode: 0x42,
    flags: 0x81,
    tag: 50,
    words: { 20: tag, 24: initiator.cmdSn, 32: initiator.cmdSn - 1 },
  });
  t.is((await initiator.expect(0x22)).header.readUInt8(2), 0);
  initiator.answerR2t(r2t, tag, Buffer.alloc(512, 9));
  t.is((await initiator.command(READY)).status, 0);
  initiator.send({ opcode: 0x42, flags: 0x81, tag: 51, words: { 20: tag, 24: initiator.cmdSn } });
  t.is((await initiator.expect(0x22)).header.readUInt8(2), 1, 'there is no such task any more');
});

test('RFC 7143 §11.5.1: other sessions notice the reset of a writable unit, and not that of a read-only one', async t => {
  for (const [overlay, expected] of [
    [undefined, 0],
    ['memory', 2],
  ] as const) {
    const served = await serve(t, overlay ? { overlay } : {});
    const [one, other] = [await served.initiator('iqn.a:one'), await served.initiator('iqn.a:other')];
    one.send({ opcode: 0x42, flags: 0x85, tag: 50, words: { 24: one.cmdSn } });
    t.is((await one.expect(0x22)).header.readUInt8(2), 0);
    t.is((await one.command(READY)).sense[13], 3, 'BUS DEVICE RESET');
    t.is((await other.command(READY)).status, expected);
  }
});

test('RFC 7143 §11.5.1: a cold reset ends the session', async t => {
  const initiator = await (await serve(t)).initiator();
  initiator.send({ opcode: 0x42, flags: 0x87, tag: 50, words: { 24: initiator.cmdSn } });
  t.is((await initiator.expect(0x22)).header.readUInt8(2), 0);
  t.is(await initiator.next(), undefined);
});

test('RFC 7143 §11.14: logout', async t => {
  const { initiator: open, notes } = await serve(t);
  const initiator = await open();
  initiator.send({ opcode: 0x46, flags: 0x80, tag: 60, words: { 24: initiator.cmdSn } });
  t.is((await initiator.expect(0x26)).header.readUInt8(2), 0);
  t.is(await initiator.next(), undefined);
  t.is(notes.at(-1)?.event, 'logout');
});

const REJECTED: [string, number, number][] = [
  ['SNACK', 0x10, 0x03],
  ['a second login', 0x43, 0x04],
  ['an opcode that is none', 0x1d, 0x05],
  ['an opcode of the target', 0x21, 0x05],
];

for (const [name, opcode, reason] of REJECTED) {
  test(`RFC 7143 §11.17: ${name} is rejected with its header, and the session goes on`, async t => {
    const initiator = await (await serve(t)).initiator();
    initiator.send({ opcode, tag: 99, words: { 24: initiator.cmdSn } });
    const reject = await initiator.expect(0x3f);
    t.is(reject.header.readUInt8(2), reason);
    t.is(reject.data.readUInt32BE(16), 99);
    t.is((await initiator.command(READY)).status, 0);
  });
}

test('SPC-4 §6.4.2: there is no other unit number', async t => {
  const initiator = await (await serve(t)).initiator();
  t.is((await initiator.command([0x12, 0, 0, 0, 96, 0], { read: 96, lun: 3 })).data[0], 0x7f);
  t.is((await initiator.command(READY, { lun: 3 })).sense[12], 0x25);
  t.is((await initiator.command([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], { read: 16, lun: 3 })).data.length, 16);
});

test('an ordered task waits for those before it', async t => {
  const initiator = await (await serve(t, { overlay: 'memory' })).initiator();
  const write = initiator.start(write10(0, 1), { write: 512 });
  const ordered = initiator.start(READY, { attribute: 2 });
  const behind = initiator.start(READY);
  const r2t = await initiator.expect(0x31);
  initiator.answerR2t(r2t, write, Buffer.alloc(512));
  for (const tag of [write, ordered, behind]) t.is((await initiator.expect(0x21)).header.readUInt32BE(16), tag);
});

test('RFC 7143 §11.6.1: a command that has not arrived is aborted by its number, and never runs later', async t => {
  const { initiator: open, device } = await serve(t, { overlay: 'memory' });
  const initiator = await open();
  const due = initiator.cmdSn;
  const abort = (refCmdSn: number, cmdSn: number) =>
    initiator.send({ opcode: 0x42, flags: 0x81, tag: 50, words: { 20: 777, 24: cmdSn, 32: refCmdSn } });
  const OUTCOMES: [string, number, number, number][] = [
    ['the next one', due, due + 2, 0],
    ['the one behind it', due + 1, due + 2, 0],
    ['one that is behind the request', due + 5, due + 3, 1],
    ['one before the window', due - 1, due + 2, 1],
    ['one beyond the window', due + 1000, due + 1001, 1],
  ];
  for (const [name, refCmdSn, cmdSn, outcome] of OUTCOMES) {
    abort(refCmdSn, cmdSn);
    const response = await initiator.expect(0x22);
    t.is(response.header.readUInt8(2), outcome, name);
  }
  // The two numbers are used up: a write with one of them changes nothing, and the one behind them is due.
  initiator.start(write10(0, 1), { write: 512, data: Buffer.alloc(512, 9) });
  initiator.start(write10(1, 1), { write: 512, data: Buffer.alloc(512, 9) });
  const tag = initiator.start(READY);
  t.is((await initiator.expect(0x21)).header.readUInt32BE(16), tag);
  const found = Buffer.alloc(1024);
  device.read(found, 0, 1024, 0);
  t.false(found.includes(Buffer.alloc(512, 9)));
});

test('RFC 7143 §4.2.2.1: an early command that is aborted is dropped, by its number or with all others', async t => {
  for (const flags of [0x81, 0x82, 0x85]) {
    const initiator = await (await serve(t, { overlay: 'memory' })).initiator();
    const due = initiator.cmdSn;
    initiator.cmdSn = due + 1;
    initiator.start(write10(0, 1), { write: 512, data: Buffer.alloc(512, 9) });
    initiator.send({ opcode: 0x42, flags, tag: 50, words: { 20: 777, 24: due + 2, 32: due + 1 } });
    t.is((await initiator.expect(0x22)).header.readUInt8(2), 0);
    initiator.cmdSn = due;
    const first = initiator.start(READY);
    initiator.cmdSn = due + 2;
    const last = initiator.start(READY);
    t.is((await initiator.expect(0x21)).header.readUInt32BE(16), first);
    t.is((await initiator.expect(0x21)).header.readUInt32BE(16), last, 'no answer for the one between them');
  }
});

test('RFC 7143 §4.2.2.1: of two early commands with the same number the first counts', async t => {
  const initiator = await (await serve(t)).initiator();
  const due = initiator.cmdSn;
  initiator.cmdSn = due + 1;
  const kept = initiator.start(READY);
  initiator.cmdSn = due + 1;
  initiator.start(READY);
  initiator.cmdSn = due;
  const first = initiator.start(READY);
  initiator.cmdSn = due + 2;
  const last = initiator.start(READY);
  for (const tag of [first, kept, last]) t.is((await initiator.expect(0x21)).header.readUInt32BE(16), tag);
});

test('RFC 7143 §11.10: text in parts, a new exchange that replaces an abandoned one, and unknown tags', async t => {
  const { port } = await serve(t);
  const initiator = await Initiator.connect(port);
  await initiator.login({ keys: { MaxRecvDataSegmentLength: '512' } });
  const NEW = 0xffffffff;
  const ask = async (flags: number, tag: number, data: string) => {
    initiator.send({ opcode: 0x44, flags, tag: 5, words: { 20: tag, 24: initiator.cmdSn }, data: Buffer.from(data) });
    const pdu = await initiator.next();
    if (pdu?.opcode === 0x3f) return { reject: pdu.header.readUInt8(2) };
    return { tag: pdu?.header.readUInt32BE(20), text: pdu?.data.toString() };
  };
  const all = await ask(0x80, NEW, 'SendTargets=All\0');
  t.regex(all.text ?? '', /^TargetName=.*\0TargetAddress=.*\0$/);
  // In two parts.
  const half = await ask(0x40, NEW, 'SendTar');
  t.is(half.text, '');
  t.not(half.tag, NEW);
  t.deepEqual(await ask(0x80, half.tag ?? 0, 'gets=All\0'), all);
  // Begun and never ended: the next exchange has nothing of it.
  await ask(0x40, NEW, 'X=abandoned');
  t.deepEqual(await ask(0x80, NEW, 'SendTargets=All\0'), all);
  // A tag of an exchange that is over, and one that never was.
  t.deepEqual(await ask(0x80, half.tag ?? 0, 'gets=All\0'), { reject: 0x09 });
  t.deepEqual(await ask(0x80, 77, 'SendTargets=All\0'), { reject: 0x09 });
  // An answer that is longer than a PDU comes in parts, and an exchange that is begun meanwhile ends it.
  const questions = Array.from({ length: 40 }, (_, index) => `X-question-${index}=?\0`).join('');
  const part = await ask(0x80, NEW, questions);
  t.is(part.text?.length, 512);
  t.not(part.tag, NEW);
  const rest = await ask(0x80, part.tag ?? 0, '');
  t.is((part.text ?? '') + rest.text, questions.replaceAll('=?', '=NotUnderstood').slice(0, 1024));
  t.deepEqual(await ask(0x80, NEW, 'SendTargets=All\0'), all);
  t.deepEqual(await ask(0x80, rest.tag ?? 0, ''), { reject: 0x09 });
  initiator.close();
});

test('when the head cannot read a file, the initiator gets a disk error and the head a note with the reason', async t => {
  const { initiator: connect, file, notes, content } = await serve(t);
  const initiator = await connect();
  t.is((await initiator.command(read10(0, 8), { read: 4096 })).status, 0);
  await truncate(file, content.length / 2);
  for (let times = 0; times < 5; times += 1) {
    const { status, sense } = await initiator.command(read10(content.length / 1024, 8), { read: 4096 });
    t.is(status, 2);
    t.is(sense.toString('hex', 2, 3) + sense.toString('hex', 12, 14), '031100', 'unrecovered read error');
  }
  const failures = notes.filter(({ event }) => event === 'disk-failed');
  t.true(failures.length >= 1 && failures.length < 5, 'an initiator that repeats it is noted once a second');
  t.like(failures[0], { target: TARGET, session: 'test' });
  t.regex(failures[0]?.reason ?? '', /has shrunk/);
  t.is((await initiator.command(read10(0, 8), { read: 4096 })).status, 0, 'the session goes on');
});
