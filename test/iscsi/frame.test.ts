// Framing: PDUs cut anywhere arrive whole, once each, and lying lengths end the connection.
import test from 'ava';
import { type Frame, Framer, FramingError } from '../../src/iscsi/frame.ts';
import { build } from './support/initiator.ts';

const PDUS = [
  build({ opcode: 0x00, tag: 1 }),
  build({ opcode: 0x05, tag: 2, data: Buffer.from('odd') }),
  build({ opcode: 0x04, tag: 3, data: Buffer.alloc(100, 7) }),
];

function read(pieces: Buffer[], prepare: (framer: Framer) => void = () => {}): { tag: number; data: string }[] {
  const framer = new Framer(8192);
  prepare(framer);
  const found: { tag: number; data: string }[] = [];
  for (const piece of pieces) {
    framer.push(Buffer.from(piece));
    for (let frame: Frame | undefined = framer.next(); frame; frame = framer.next()) {
      found.push({ tag: frame.header.readUInt32BE(16), data: frame.data.toString('hex') });
    }
  }
  return found;
}

const WHOLE = read([Buffer.concat(PDUS)]);

test('three PDUs in one chunk', t => {
  t.deepEqual(
    WHOLE.map(frame => frame.tag),
    [1, 2, 3],
  );
  t.is(WHOLE[1]?.data, '6f6464');
});

test('cut in two at every byte, and byte by byte', t => {
  const stream = Buffer.concat(PDUS);
  for (let at = 0; at <= stream.length; at += 1) {
    t.deepEqual(read([stream.subarray(0, at), stream.subarray(at)]), WHOLE);
  }
  t.deepEqual(read([...stream].map(byte => Buffer.from([byte]))), WHOLE);
});

test('the same with digests', t => {
  const digests = { header: true, data: true };
  const stream = Buffer.concat([1, 2].map(tag => build({ opcode: 0x05, tag, data: Buffer.from('odd') }, digests)));
  const prepare = (framer: Framer) => {
    framer.headerDigest = framer.dataDigest = true;
  };
  for (let at = 0; at <= stream.length; at += 1) {
    const found = read([stream.subarray(0, at), stream.subarray(at)], prepare);
    t.deepEqual(found, [
      { tag: 1, data: '6f6464' },
      { tag: 2, data: '6f6464' },
    ]);
  }
});

test('additional header segments are passed over', t => {
  const plain = build({ opcode: 0x01, tag: 5, data: Buffer.from('data') });
  plain[4] = 2;
  const stream = Buffer.concat([plain.subarray(0, 48), Buffer.alloc(8, 0xee), plain.subarray(48)]);
  t.deepEqual(read([stream]), [{ tag: 5, data: Buffer.from('data').toString('hex') }]);
});

test('RFC 7143 §13.12: a data segment longer than declared', t => {
  const header = build({ opcode: 0x05 });
  header.writeUIntBE(8193, 5, 3);
  const error = t.throws(() => read([header]), { instanceOf: FramingError });
  t.regex(error.message, /8193 bytes; 8192 is the most/);
});

test('RFC 7143 §7.7: a wrong header digest', t => {
  const stream = build({ opcode: 0x00 }, { header: true, data: false });
  stream[20] = 1;
  const prepare = (framer: Framer) => {
    framer.headerDigest = true;
  };
  t.throws(() => read([stream], prepare), { instanceOf: FramingError });
});

test('RFC 7143 §7.8: a wrong data digest is reported, and framing continues', t => {
  const stream = build({ opcode: 0x05, data: Buffer.from('data') }, { header: false, data: true });
  stream[48] = 0;
  const framer = new Framer(8192);
  framer.dataDigest = true;
  framer.push(stream);
  t.true(framer.next()?.dataDamaged);
});
