// The command window, also where the numbers wrap around.
import test from 'ava';
import { Counters } from '../../src/iscsi/counters.ts';

test('RFC 7143 §4.2.2.1: a command outside the window is dropped, an early one waits', t => {
  const counters = new Counters(0, 10, 4);
  t.is(counters.maxCmdSn, 13);
  t.is(counters.admit(9, false), 'drop');
  t.is(counters.admit(14, false), 'drop');
  t.is(counters.admit(11, false), 'later');
  t.is(counters.admit(10, false), 'now');
  t.is(counters.expCmdSn, 11);
});

test('RFC 7143 §4.2.2.1: an immediate request takes no number', t => {
  const counters = new Counters(0, 10, 4);
  t.is(counters.admit(99, true), 'now');
  t.is(counters.expCmdSn, 10);
  counters.ended(true);
  t.is(counters.maxCmdSn, 13);
});

test('RFC 7143 §4.2.2.1: the window closes when no task ends, and opens by one for each that does', t => {
  const counters = new Counters(0, 0, 2);
  t.is(counters.admit(0, false), 'now');
  t.is(counters.admit(1, false), 'now');
  t.is(counters.admit(2, false), 'drop');
  counters.ended(false);
  t.is(counters.admit(2, false), 'now');
});

test('RFC 7143 §4.2.2: numbers wrap around', t => {
  const counters = new Counters(0xffffffff, 0xfffffffe, 8);
  t.is(counters.maxCmdSn, 5);
  for (const number of [0xfffffffe, 0xffffffff, 0, 1]) t.is(counters.admit(number, false), 'now');
  t.is(counters.admit(0xffffffff, false), 'drop');
  counters.nextStatus();
  t.is(counters.statSn, 0);
});
