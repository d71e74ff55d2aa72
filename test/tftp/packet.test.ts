import test from 'ava';
import fc from 'fast-check';
import { decodePacket, encodeError, encodeOack } from '../../src/tftp/packet.ts';
import { DATA_HEADER, fillDatagram } from '../../src/tftp/segments.ts';
import { WireError } from '../../src/wire/reader.ts';

const text = (value: string): Buffer => Buffer.from(value, 'latin1');

// RFC 1350 §5, RFC 2347
test('a request has its file, its mode in lower case, and its options in order with names in lower case', t => {
  const bytes = text('\0\x01snponly.efi\0OctEt\0BLKSIZE\x001468\0tsize\x000\0');
  t.deepEqual(decodePacket(bytes), {
    type: 'rrq',
    file: 'snponly.efi',
    mode: 'octet',
    options: [
      ['blksize', '1468'],
      ['tsize', '0'],
    ],
  });
});

test('padding and half an option after a request are ignored', t => {
  for (const tail of ['\0\0\0\0', 'blksize', 'blksize\0', 'blksize\x00512', '\0x\0y\0']) {
    t.deepEqual(
      decodePacket(text(`\0\x01a\0octet\0${tail}`)),
      { type: 'rrq', file: 'a', mode: 'octet', options: [] },
      tail,
    );
  }
});

test('write requests, acknowledgements and errors', t => {
  t.like(decodePacket(text('\0\x02a\0netascii\0')), { type: 'wrq', file: 'a', mode: 'netascii' });
  t.deepEqual(decodePacket(text('\0\x04\x12\x34')), { type: 'ack', block: 0x1234 });
  t.deepEqual(decodePacket(text('\0\x05\0\x08User aborted\0')), { type: 'error', code: 8, message: 'User aborted' });
  t.deepEqual(decodePacket(text('\0\x05\0\0no end')), { type: 'error', code: 0, message: 'no end' });
  t.deepEqual(decodePacket(text('\0\x03\0\x01data')), { type: 'unexpected', opcode: 3 });
});

test('truncated, unknown and oversized packets are refused with the position', t => {
  for (const bytes of [
    '',
    '\0',
    '\0\x01',
    '\0\x01file',
    '\0\x01file\0octet',
    '\0\x04\0',
    '\0\x05\0',
    '\0\x07abc',
    '\x01\0',
  ]) {
    t.throws(() => decodePacket(text(bytes)), { instanceOf: WireError }, JSON.stringify(bytes));
  }
  // RFC 2347: "The maximum size of a request packet is 512 octets."
  t.notThrows(() => decodePacket(text(`\0\x01${'a'.repeat(503)}\0octet\0`)));
  t.throws(() => decodePacket(text(`\0\x01${'a'.repeat(504)}\0octet\0`)), { message: /at most 512/ });
});

test('any bytes give a packet or a WireError', t => {
  const opcode = fc.constantFrom(1, 2, 3, 4, 5, 6, 7);
  const start = opcode.chain(code =>
    fc.uint8Array({ maxLength: 600 }).map(rest => Uint8Array.from([0, code, ...rest])),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), start), bytes => {
        try {
          decodePacket(bytes);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 2000 },
    ),
  );
});

test('what the server sends, byte by byte', t => {
  t.deepEqual(
    encodeOack([
      ['blksize', 1024],
      ['tsize', 0],
    ]),
    text('\0\x06blksize\x001024\0tsize\x000\0'),
  );
  t.deepEqual(encodeError(1, 'No file.'), text('\0\x05\0\x01No file.\0'));
  const dataHeader = (block: number): Buffer => {
    const packet = Buffer.alloc(DATA_HEADER + 8);
    const empty = { content: Buffer.alloc((block - 1) * 8), blockSize: 8, first: block, last: block };
    return packet.subarray(0, fillDatagram(packet, empty, block, block));
  };
  t.deepEqual(dataHeader(1), text('\0\x03\0\x01'));
  t.deepEqual(dataHeader(65535), text('\0\x03\xff\xff'));
  t.deepEqual(dataHeader(65536), text('\0\x03\0\0'), 'the block number rolls over to 0');
});
