// Conditional requests, section by section of RFC 9110 §13.
import test from 'ava';
import { judge } from '../../src/http/conditions.ts';

const FILE = { etag: '"abc"', modified: Date.UTC(2026, 10, 24, 12, 0, 0, 700) };
const SAME = 'Tue, 24 Nov 2026 12:00:00 GMT';
const BEFORE = 'Tue, 24 Nov 2026 11:59:59 GMT';

const status = (headers: Parameters<typeof judge>[0], file: Parameters<typeof judge>[1] = FILE): number => {
  const answer = judge(headers, file);
  return answer.send ? 200 : answer.status;
};
const ranged = (value: string): boolean => {
  const answer = judge({ 'if-range': value }, FILE);
  return answer.send && answer.ranged;
};

test('RFC 9110 §13.1.1: If-Match passes with the tag, with one of several, and with *; otherwise 412', t => {
  for (const value of ['"abc"', '"x", "abc"', '*', '"a,b","abc"']) t.is(status({ 'if-match': value }), 200, value);
  for (const value of ['"x"', 'W/"abc"', 'abc', '']) t.is(status({ 'if-match': value }), 412, value);
});

test('RFC 9110 §13.1.2: If-None-Match is false with the tag, weak or strong, and with *: 304', t => {
  for (const value of ['"abc"', 'W/"abc"', '"x", W/"abc"', '*', ' * '])
    t.is(status({ 'if-none-match': value }), 304, value);
  for (const value of ['"x"', 'W/"x"', 'abc', '"ABC"']) t.is(status({ 'if-none-match': value }), 200, value);
});

test('RFC 9110 §13.1.3: If-Modified-Since is 304 when the date is not before the last change', t => {
  t.is(status({ 'if-modified-since': SAME }), 304);
  t.is(status({ 'if-modified-since': BEFORE }), 200);
  for (const value of ['yesterday', '0', '', '2026-11-24T12:00:00Z'])
    t.is(status({ 'if-modified-since': value }), 200, `MUST be ignored: ${value}`);
  t.is(status({ 'if-modified-since': SAME }, { etag: '"abc"' }), 200, 'MUST be ignored without a date of the file');
});

test('RFC 9110 §5.6.7: the obsolete forms of dates are read', t => {
  t.is(status({ 'if-modified-since': 'Tuesday, 24-Nov-26 12:00:00 GMT' }), 304);
  t.is(status({ 'if-modified-since': 'Tue Nov 24 12:00:00 2026' }), 304);
  t.is(status({ 'if-modified-since': 'Tue Nov 24 11:59:59 2026' }), 200);
});

test('RFC 9110 §13.1.4: If-Unmodified-Since is 412 when the file changed after the date', t => {
  t.is(status({ 'if-unmodified-since': BEFORE }), 412);
  t.is(status({ 'if-unmodified-since': SAME }), 200);
  t.is(status({ 'if-unmodified-since': 'never' }), 200);
});

test('RFC 9110 §13.1.5: If-Range matches only the strong tag', t => {
  t.true(ranged('"abc"'));
  for (const value of ['W/"abc"', '"x"', '*', SAME, 'Tue, 24 Nov 2026 13:00:00 GMT']) t.false(ranged(value), value);
});

test('RFC 9110 §13.2.2: precedence: If-Match over If-Unmodified-Since, If-None-Match over If-Modified-Since, 412 over 304', t => {
  t.is(status({ 'if-match': '"abc"', 'if-unmodified-since': BEFORE }), 200);
  t.is(status({ 'if-none-match': '"x"', 'if-modified-since': SAME }), 200);
  t.is(status({ 'if-match': '"x"', 'if-none-match': '"abc"' }), 412);
});
