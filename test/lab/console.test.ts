// What a shell on a serial console wrote is taken only as it was written.
import test from 'ava';
import { findAnswer } from './console.ts';

const WHOLE = '\r\nBEGIN7\r\n0\r\nb1946ac92492d2347c6235b4d2611184  -\r\naGVsbG8K\r\nEND7\r\n';

test('an answer is found among the kernel’s words, and the typed line is none', t => {
  const typed = 'root@n0:~# printf \'\\n%s\' "BE""GIN7" "E""ND7"; echo\r\n[ 12.1] a word of the kernel\r\n';
  t.deepEqual(findAnswer(typed + WHOLE, 'BEGIN7', 'END7'), { status: 0, output: 'hello\n' });
  t.is(findAnswer(typed, 'BEGIN7', 'END7'), undefined);
});

test('an answer with a byte lost, repeated or between its words is none, and the next one counts', t => {
  for (const [from, to] of [
    ['BEGIN7', 'BEGIIN7'],
    ['aGVsbG8K', 'aGVsb8K'],
    ['aGVsbG8K', 'aGVVsbG8K'],
    ['b1946', 'b194'],
    ['\r\nEND7', '[ 12.1] a word of the kernel\r\nEND7'],
  ] as const) {
    const damaged = WHOLE.replace(from, to);
    t.is(findAnswer(damaged, 'BEGIN7', 'END7'), undefined, to);
    t.deepEqual(findAnswer(damaged + WHOLE, 'BEGIN7', 'END7'), { status: 0, output: 'hello\n' }, to);
  }
});
