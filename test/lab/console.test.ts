// What a shell on a serial console wrote is taken only as it was written.
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { findAnswer } from './console.ts';

const OUTPUT = 'hello\nfff 000 \u00fc\n';

/** What a node prints of command 7. */
function printed(output = OUTPUT): string {
  const bytes = gzipSync(`7 0\n${output}`);
  const lines = (bytes.toString('hex').match(/.{1,32}/g) ?? []).map(line => line.replace(/../g, ' $&'));
  return `BEGIN\r\n${lines.join('\r\n')}\r\nEND\r\n`;
}

const TYPED =
  'root@n0:~# echo BE""GIN; gzip -c /run/console-7 | od -An -v -tx1; echo E""ND\r\n[ 12.1] a word of the kernel\r\n';
const ANSWER = { status: 0, output: OUTPUT };

test('an answer is found among the kernel’s words, and the typed line is none', t => {
  t.deepEqual(findAnswer(TYPED + printed(), 7), ANSWER);
  t.is(findAnswer(TYPED, 7), undefined);
  t.is(findAnswer(printed(), 8), undefined, 'it is of another command');
  t.deepEqual(findAnswer(printed(''), 7), { status: 0, output: '' });
});

test('a byte that is sent twice changes nothing, wherever it is', t => {
  const text = printed();
  for (let place = 0; place < text.length - 1; place += 1) {
    const twice = text.slice(0, place) + text[place] + text.slice(place);
    t.deepEqual(findAnswer(twice, 7), ANSWER, `at ${place}`);
  }
});

test('an answer without a byte, or with others between, is none, and the next one counts', t => {
  const text = printed();
  for (let place = 8; place < text.length - 8; place += 1) {
    if (/\s/.test(text[place] ?? '')) continue;
    const damaged = text.slice(0, place) + text.slice(place + 1);
    t.is(findAnswer(damaged, 7), undefined, `at ${place}`);
    t.deepEqual(findAnswer(damaged + text, 7), ANSWER);
  }
  const between = text.replace('\r\nEND', '\r\n[ 12.1] a word of the kernel\r\nEND');
  t.is(findAnswer(between, 7), undefined);
  t.deepEqual(findAnswer(between + text, 7), ANSWER);
});
