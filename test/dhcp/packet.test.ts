import test from 'ava';
import fc from 'fast-check';
import { OPTIONS } from '../../src/dhcp/options.ts';
import { decode, encode, type Packet } from '../../src/dhcp/packet.ts';
import { WireError } from '../../src/wire/reader.ts';
import { captured, capturedNames, capturedText, ipHex, message } from './build.ts';

const REPLY: Packet = {
  op: 2,
  htype: 1,
  hlen: 6,
  hops: 0,
  xid: 0xdeadbeef,
  secs: 0,
  flags: 0x8000,
  ciaddr: '0.0.0.0',
  yiaddr: '10.54.0.100',
  siaddr: '10.54.0.1',
  giaddr: '0.0.0.0',
  chaddr: Buffer.from('52540054000100000000000000000000', 'hex'),
  sname: '',
  file: 'snponly.efi',
  options: new Map([[53, Buffer.of(2)]]),
};

test('RFC 2131 §2: every field is at its place', t => {
  const bytes = encode(REPLY, 548);
  t.is(bytes.toString('hex', 0, 12), '02010600deadbeef00008000');
  t.is(bytes.toString('hex', 12, 28), `00000000${ipHex('10.54.0.100')}${ipHex('10.54.0.1')}00000000`);
  t.is(bytes.toString('hex', 28, 44), '52540054000100000000000000000000');
  t.is(bytes.toString('latin1', 108, 120), 'snponly.efi\0');
  t.is(bytes.toString('hex', 236, 244), '63825363350102ff');
});

test('RFC 1542 §2.1: no message is shorter than 300 bytes', t => {
  t.is(encode(REPLY, 548).length, 300);
});

test('RFC 2131 §4.1: pad options are skipped everywhere, and data after the end mark is ignored', t => {
  const bytes = Buffer.concat([message({}, []).subarray(0, 240), Buffer.from('00350101000037020103ff0c0161', 'hex')]);
  t.deepEqual(
    [...decode(bytes).options],
    [
      [53, Buffer.of(1)],
      [55, Buffer.of(1, 3)],
    ],
  );
});

test('RFC 2131 §4.1: a field without end mark ends with its last option', t => {
  t.deepEqual([...decode(message({}, [[53, '01']]).subarray(0, -1)).options.keys()], [53]);
});

test('RFC 2132 §9.3: overloaded file and sname carry options, the file first, and are no names then', t => {
  const file = Buffer.from('0c0361626300ff', 'hex');
  const sname = Buffer.from('0c02646500ff', 'hex');
  const both = decode(
    message({ file, sname }, [
      [53, '01'],
      [52, '03'],
    ]),
  );
  t.is(both.options.get(12)?.toString(), 'abcde');
  t.is(both.file + both.sname, '');
  t.false(both.options.has(OPTIONS.overload.code));
  const onlySname = decode(message({ file: Buffer.from('boot'), sname }, [[52, '02']]));
  t.deepEqual([onlySname.file, onlySname.options.get(12)?.toString()], ['boot', 'de']);
});

test('RFC 3396 §7: parts of a long option are joined in order', t => {
  const bytes = message({}, [
    [67, '6161'],
    [53, '01'],
    [67, '6262'],
  ]);
  t.is(decode(bytes).options.get(67)?.toString(), 'aabb');
});

for (const [what, bytes] of [
  ['shorter than the fixed fields', message({}, []).subarray(0, 239)],
  ['without magic cookie (plain BOOTP)', message({ cookie: '00000000' }, [])],
  ['with an option longer than the rest', message({}, [[12, 'aabbcc']]).subarray(0, -2)],
  ['with an option code and no length', Buffer.concat([message({}, []).subarray(0, 240), Buffer.of(12)])],
  ['with an overload of no field', message({}, [[52, '00']])],
  ['with an overload of an unknown field', message({}, [[52, '04']])],
  ['with an overload of two bytes', message({}, [[52, '0101']])],
  ['with a broken option in an overloaded field', message({ file: Buffer.alloc(128, 12) }, [[52, '01']])],
] as const) {
  test(`malformed: a message ${what} throws WireError`, t => {
    t.throws(() => decode(bytes), { instanceOf: WireError });
  });
}

test('decode throws nothing but WireError, whatever the bytes', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.boolean(), (tail, withHead) => {
        const bytes = withHead ? Buffer.concat([message({}, []).subarray(0, 240), tail]) : Buffer.from(tail);
        try {
          decode(bytes);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 2000 },
    ),
  );
});

const address = fc.ipV4();
const options = fc
  .uniqueArray(
    fc.tuple(
      fc
        .integer({ min: 1, max: 254 })
        .filter(code => code !== OPTIONS.overload.code && code !== OPTIONS.relayInformation.code),
      fc.uint8Array({ maxLength: 300 }),
    ),
    { selector: ([code]) => code, maxLength: 8 },
  )
  .map(entries => new Map(entries.map(([code, value]) => [code, Buffer.from(value)])));
const packet: fc.Arbitrary<Packet> = fc.record({
  op: fc.nat(255),
  htype: fc.nat(255),
  hlen: fc.nat(255),
  hops: fc.nat(255),
  xid: fc.nat(0xffffffff),
  secs: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(value => Buffer.from(value)),
  sname: fc.stringMatching(/^[ -~]{0,63}$/),
  file: fc.stringMatching(/^[ -~]{0,127}$/),
  options,
});

test('data encoded with enough space decodes to the same', t => {
  fc.assert(
    fc.property(packet, value => {
      t.deepEqual(decode(encode(value, 4000)), value);
    }),
    { numRuns: 500 },
  );
});

test('with little room an encoded message keeps its limit, can be decoded, and invents nothing', t => {
  fc.assert(
    fc.property(packet, fc.integer({ min: 300, max: 700 }), (value, limit) => {
      const bytes = encode(value, limit);
      t.true(bytes.length <= limit);
      for (const [code, read] of decode(bytes).options) t.deepEqual(read, value.options.get(code));
    }),
    { numRuns: 500 },
  );
});

test('RFC 2131 §4.1: options without room go into the free fields, and option 52 says so', t => {
  const value = {
    ...REPLY,
    options: new Map([
      [53, Buffer.of(2)],
      [61, Buffer.alloc(255, 7)],
      [15, Buffer.alloc(60, 8)],
    ]),
  };
  const bytes = encode(value, 548);
  t.is(bytes.length <= 548, true);
  t.is(bytes.subarray(44, 46).toString('hex'), '0f3c');
  t.deepEqual(decode(bytes).options, value.options);
  t.is(decode(bytes).file, 'snponly.efi');
});

test('RFC 3046 §2.1: relay agent information is the last option, and never in an overloaded field', t => {
  const relay = Buffer.alloc(100, 9);
  const value = {
    ...REPLY,
    options: new Map([
      [82, relay],
      [53, Buffer.of(2)],
      [61, Buffer.alloc(200, 7)],
      [15, Buffer.alloc(60, 8)],
    ]),
  };
  const bytes = encode(value, 548);
  t.is(bytes.lastIndexOf(Buffer.concat([Buffer.of(82, 100), relay, Buffer.of(255)])), bytes.lastIndexOf(255) - 102);
  t.deepEqual(decode(bytes).options.get(15), Buffer.alloc(60, 8));
});

test('RFC 3046 §2.2: without room for relay agent information the reply goes out without it', t => {
  const value = {
    ...REPLY,
    options: new Map([
      [53, Buffer.of(2)],
      [82, Buffer.alloc(255)],
    ]),
  };
  t.false(decode(encode(value, 300)).options.has(82));
});

for (const name of capturedNames()) {
  test(`captured ${name}: its fields are those of the decoded text`, t => {
    const value = decode(captured(name));
    t.true(captured(name).length >= 300);
    const address = /Client-Ethernet-Address ([0-9a-f:]{17})/.exec(capturedText(name))?.[1] ?? '';
    t.is(value.chaddr.toString('hex', 0, 6), address.replaceAll(':', ''));
    t.is(value.op, name.endsWith('offer') ? 2 : 1);
    t.true(value.options.has(OPTIONS.messageType.code));
  });
}
