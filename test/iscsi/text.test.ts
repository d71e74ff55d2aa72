// Text of Login and Text PDUs: what is read, and what is refused with its reason.
import test from 'ava';
import { encodeText, parseBinary, parseNumber, parseText, TextError } from '../../src/iscsi/text.ts';

test('pairs encode and decode', t => {
  const bytes = encodeText([
    ['SendTargets', 'All'],
    ['X-a', ''],
  ]);
  t.is(bytes.toString(), 'SendTargets=All\0X-a=\0');
  t.deepEqual(
    [...parseText(bytes)],
    [
      ['SendTargets', 'All'],
      ['X-a', ''],
    ],
  );
});

const WRONG: [string, string, RegExp][] = [
  ['no equals sign', 'SendTargets\0', /without '='/],
  ['a key that begins small', 'sendTargets=All\0', /no key name/],
  ['a key of 64 characters', `${'K'.repeat(64)}=1\0`, /no key name/],
  ['a key that comes twice', 'A=1\0A=1\0', /twice/],
  ['a value without end', `A=${'x'.repeat(9000)}\0`, /longer than/],
];

for (const [name, text, reason] of WRONG) {
  test(`RFC 7143 §6.1: ${name}`, t => {
    t.throws(() => parseText(Buffer.from(text)), { instanceOf: TextError, message: reason });
  });
}

test('RFC 7143 §6.1: numbers', t => {
  t.is(parseNumber('42'), 42);
  t.is(parseNumber('0xFf'), 255);
  for (const wrong of ['', '-1', '1.5', '1e3', '0x', '4294967296', ' 1', '0x123456789'])
    t.is(parseNumber(wrong), undefined);
});

test('RFC 7143 §6.1: binary values', t => {
  t.is(parseBinary('0xABC')?.toString('hex'), '0abc');
  t.is(parseBinary('0bAQI=')?.toString('hex'), '0102');
  for (const wrong of ['', '0x', '0xzz', 'abcd', '0b', '0b*']) t.is(parseBinary(wrong), undefined);
});
