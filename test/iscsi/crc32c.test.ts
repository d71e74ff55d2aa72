// CRC32C against the examples of the RFC and against the definition.
import test from 'ava';
import { crc32c } from '../../src/iscsi/crc32c.ts';
import { slowCrc32c } from './support/initiator.ts';

// RFC 7143 appendix B.4 (RFC 3720): the digest's bytes as they are on the wire.
const EXAMPLES: [string, Buffer, string][] = [
  ['32 bytes of zeros', Buffer.alloc(32), 'aa36918a'],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), '43aba862'],
  ['32 bytes that grow', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), '4e79dd46'],
  ['32 bytes that fall', Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), '5cdb3f11'],
];

for (const [name, bytes, wire] of EXAMPLES) {
  test(`RFC 7143 §13.1: ${name}`, t => {
    const word = Buffer.alloc(4);
    word.writeUInt32LE(crc32c(bytes));
    t.is(word.toString('hex'), wire);
  });
}

test('every length and start agrees with the definition, bit by bit', t => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => (index * 37 + 11) & 255));
  const wrong: string[] = [];
  for (let start = 0; start < 20; start += 1) {
    for (let end = start; end <= bytes.length; end += 1) {
      if (crc32c(bytes, start, end) !== slowCrc32c(bytes.subarray(start, end))) wrong.push(`${start} to ${end}`);
    }
  }
  t.deepEqual(wrong, []);
});
