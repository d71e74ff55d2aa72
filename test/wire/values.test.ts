import test from 'ava';
import fc from 'fast-check';
import {
  ipAt,
  ipFromNumber,
  ipToBytes,
  ipToNumber,
  parseIpv4,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetHost,
} from '../../src/wire/ip.ts';
import { isStationMac, macFromBytes, macToBytes, parseMac } from '../../src/wire/mac.ts';
import { Reader, WireError } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';

test('a MAC address is read in every usual form, and nothing else is one', t => {
  for (const text of [
    '08:00:27:F0:44:35',
    '08-00-27-f0-44-35',
    '080027f04435',
    '0800.27f0.4435',
    ' 08:00:27:f0:44:35 ',
  ]) {
    t.is(parseMac(text), '08:00:27:f0:44:35', text);
  }
  for (const text of [
    '',
    '08:00:27:f0:44',
    '08:00:27:f0:44:35:00',
    '08:00-27:f0:44:35',
    '08:00:27:f0:44:3g',
    '8:0:27:f0:44:35',
  ]) {
    t.is(parseMac(text), undefined, text);
  }
});

test('a station has its own address: no group, not zero', t => {
  t.true(isStationMac('08:00:27:f0:44:35'));
  t.false(isStationMac('01:00:5e:00:00:01'));
  t.false(isStationMac('ff:ff:ff:ff:ff:ff'));
  t.false(isStationMac('00:00:00:00:00:00'));
});

test('MAC and IP survive the way to bytes and back', t => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      (mac, ip) => {
        t.deepEqual(new Uint8Array(macToBytes(macFromBytes(mac))), mac);
        t.deepEqual(new Uint8Array(ipToBytes(ipAt(ip))), ip);
        t.is(ipFromNumber(ipToNumber(ipAt(ip))), ipAt(ip));
      },
    ),
  );
});

test('an address is four decimal parts; forms that programs disagree about are refused', t => {
  t.is(parseIpv4(' 10.54.0.1 '), '10.54.0.1');
  for (const text of ['10.54.1', '010.54.0.1', '0x0a.0.0.1', '10.54.0.256', '10.54.0.1/24', ''])
    t.is(parseIpv4(text), undefined, text);
});

test('a subnet by prefix or by netmask', t => {
  const wanted = {
    address: '10.54.3.1',
    prefix: 22,
    network: '10.54.0.0',
    netmask: '255.255.252.0',
    broadcast: '10.54.3.255',
  };
  t.deepEqual(parseSubnet('10.54.3.1/22'), wanted);
  t.deepEqual(parseSubnet('10.54.3.1/255.255.252.0'), wanted);
  for (const text of ['10.54.0.1', '10.54.0.1/33', '10.54.0.1/255.0.255.0', '10.54.0.1/24/24', '/24'])
    t.is(parseSubnet(text), undefined, text);
});

test('who is in a subnet, and who may be a host there', t => {
  const subnet = parseSubnet('10.54.0.1/24') as Subnet;
  t.true(subnetContains(subnet, '10.54.0.255'));
  t.false(subnetContains(subnet, '10.54.1.1'));
  t.true(subnetHost(subnet, '10.54.0.254'));
  t.false(subnetHost(subnet, '10.54.0.0'));
  t.false(subnetHost(subnet, '10.54.0.255'));
});

test('a reader never returns less than asked: it says where and for what', t => {
  const reader = new Reader(Buffer.from([1, 2, 3]));
  t.is(reader.u16('first'), 0x0102);
  const error = t.throws(() => reader.u32('length'), { instanceOf: WireError });
  t.like(error, { offset: 2, field: 'length', message: "wanted 4 bytes, 1 are left (field 'length' at byte 2)" });
  t.throws(() => reader.bytes(-1, 'data'), { instanceOf: WireError });
  t.throws(() => reader.cstring('name'), { message: /no terminating NUL/ });
  t.is(reader.rest().length, 1);
});

test('what a writer writes a reader reads, and what does not fit is our own error', t => {
  const writer = new Writer(1).u8(1).u16(2).u32(4).u64(5n).text('ab').fixed(Buffer.from('c'), 3).padTo(30);
  const reader = new Reader(writer.finish());
  t.deepEqual([reader.u8('a'), reader.u16('b'), reader.u32('d'), reader.u64('e')], [1, 2, 4, 5n]);
  t.is(reader.bytes(5, 'f').toString('latin1'), 'abc\0\0');
  t.is(reader.remaining, 30 - 20);
  t.throws(() => new Writer().u8(256), { instanceOf: RangeError });
  t.throws(() => new Writer().fixed(Buffer.alloc(4), 3), { instanceOf: RangeError });
  t.throws(() => new Writer().u32(1).padTo(3), { instanceOf: RangeError });
});
