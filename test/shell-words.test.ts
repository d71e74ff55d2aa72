import { spawnSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { quoteWords } from '../src/shell-words.ts';

test('sh reads every word back as it was', t => {
  const word = fc.string({ unit: 'grapheme', maxLength: 12 }).filter(text => !text.includes('\0'));
  const words = ["'", "it's", '', '$HOME', 'a b', '`id`', '\\', 'plain', ...fc.sample(word, { seed: 7, numRuns: 50 })];
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${quoteWords(words)}`], { encoding: 'utf8' });
  t.deepEqual(stdout.split('\0').slice(0, -1), words);
});
