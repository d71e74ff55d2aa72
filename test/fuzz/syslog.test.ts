// Hostile syslog datagrams: the decoder never throws, and what it answers is bounded and clean.

import test from 'ava';
import fc from 'fast-check';
import { decodeSyslog } from '../../src/syslog/packet.ts';
import { randomOf } from '../tftp/simulation.ts';

const SEEDS = [
  '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 12 ID47 [exampleSDID@32473 iut="3" a="b\\"]"][x] An event\u001b[2J',
  "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed",
  '<3>[    1.402113] e1000e: probe of 0000:00:1f.6 failed\n<4>again',
].map(text => Buffer.from(text));

function isSound(bytes: Buffer): boolean {
  const messages = decodeSyslog(bytes);
  return (
    messages.length <= 64 &&
    messages.every(
      ({ facility, severity, app, text }) =>
        facility >= 0 &&
        facility <= 23 &&
        severity >= 0 &&
        severity <= 7 &&
        app.length <= 48 &&
        text.length <= 400 &&
        !/[\p{Cc}\p{Cf}]/u.test(app + text),
    )
  );
}

test('any bytes', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), bytes => isSound(Buffer.from(bytes))),
      { numRuns: 3000 },
    ),
  );
});

test('messages with some bytes changed', t => {
  const random = randomOf(7);
  const unsound: string[] = [];
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(SEEDS[round % SEEDS.length] ?? Buffer.alloc(0));
    for (let count = 0; count < 4; count += 1) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    if (!isSound(bytes)) unsound.push(bytes.toString('hex'));
  }
  t.deepEqual(unsound, []);
});

test('no text takes long: brackets, quotes, blanks and dots in the largest datagram', t => {
  for (const part of ['[', '["', '[a b="', ' ', '.', '<1>', '1 ', 'a:', '<13>1 a b c d e [', '\\"'])
    t.true(isSound(Buffer.from(part.repeat(65_000 / part.length))));
});
