// Datagrams without end, from any number of nodes, as large as they can be and as awkward: messages stay few and memory bounded.
import test from 'ava';
import { Intake } from '../../src/syslog/intake.ts';
import { decodeSyslog } from '../../src/syslog/packet.ts';
import { retained } from '../support/retained.ts';

/** What a datagram of UDP holds, in bytes. */
const MOST = 65_507;

/** Pieces that a decoder which goes back and forth would take for ever to see through, as often as they fit. */
const PIECES = [
  '[',
  ']',
  '[a b="',
  '[a]',
  '\\"',
  '"',
  '<',
  '<3>',
  '<191>1 - - - - - [',
  '1 ',
  ' ',
  ': ',
  'a: ',
  'a[1]',
  'Jan  1 00:00:00 ',
  '\n',
  '\r\n\0',
  '\ufeff',
  'é',
  '\u202e',
];

test('the largest datagrams that are made of one awkward piece: bounded, and read in one pass', t => {
  // A decoder whose time grew with the square would need hours for these, and the test would be ended
  for (const piece of PIECES) {
    for (const start of ['', '<3>', '<3>1 ', '<3>1 - - - - - ', '<3>Jan  1 00:00:00 ']) {
      const datagram = Buffer.from(start + piece.repeat(MOST / Buffer.byteLength(piece))).subarray(0, MOST);
      for (let round = 0; round < 5; round += 1) {
        const messages = decodeSyslog(datagram);
        t.true(messages.length <= 64);
        t.true(messages.every(({ app, text }) => app.length <= 48 && text.length <= 400));
      }
    }
  }
});

test('any number of nodes that send without end: few messages a second, and a bounded number of nodes is remembered', async t => {
  let now = 0;
  let kept = 0;
  let node = 0;
  const intake = new Intake({
    directory: { nodeByIp: ip => ({ uid: ip, name: ip, mac: '', ip, hostname: ip }) },
    now: () => now,
    keep: () => {
      kept += 1;
    },
  });
  const datagram = Buffer.from('<3>a word');
  const left = await retained(() => {
    for (let round = 0; round < 100_000; round += 1) intake.take(datagram, `node ${node++}`);
  });
  t.true(left < 10_000_000, `${left} bytes`);
  t.true(kept <= 5000, `${kept} messages`);
  now += 1000;
  kept = 0;
  for (let round = 0; round < 100_000; round += 1) intake.take(datagram, `node ${node++}`);
  t.true(kept <= 2000, `${kept} messages in a second`);
});
