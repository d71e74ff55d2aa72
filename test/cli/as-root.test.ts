import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { proxiesThrough } from '../../src/cli/as-root.ts';
import { HIDDEN_WORDS, shownWords } from '../../src/cli/hidden-words.ts';
import { hideWords } from '../../src/cli/hide-words.ts';
import { temporaryFolder } from '../store/folder.ts';

test('proxies pass through sudo; one with a password appears in no process list', t => {
  t.deepEqual(proxiesThrough({ PATH: '/bin' }), { words: [], options: [] });
  const env = {
    http_proxy: 'http://proxy:3128',
    https_proxy: 'http://joe:secret@proxy:3128',
    no_proxy: '',
    HTTPS_PROXY: 'http://a@b',
  };
  t.deepEqual(proxiesThrough(env), {
    words: ['http_proxy=http://proxy:3128'],
    options: ['--preserve-env=https_proxy,HTTPS_PROXY'],
  });
});

test('hidden words come back as they were, once, from a file that only their user can read', async t => {
  const words = ['modimg', '--execute', 'echo "a\nb" é\0', ''];
  const hidden = await hideWords(words);
  const [first, file = ''] = hidden.words;
  t.deepEqual([first, hidden.words.length], [HIDDEN_WORDS, 2]);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.is(statSync(dirname(file)).mode & 0o777, 0o700);
  t.deepEqual(shownWords(hidden.words), words);
  t.false(existsSync(file));
  t.throws(() => shownWords(hidden.words), { message: /^The command line cannot be read from .*ENOENT/ });
  await hidden.remove();
  t.false(existsSync(dirname(file)));
});

test('hidden words are never read from a link, a file that others can read, or a file with other content', t => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'words');
  const refused = (path: string): void => void t.throws(() => shownWords([HIDDEN_WORDS, path]), { code: 'bad-usage' });
  writeFileSync(file, '["node"]', { mode: 0o600 });
  symlinkSync(file, join(folder, 'link'));
  refused(join(folder, 'link'));
  refused(folder);
  chmodSync(file, 0o644);
  refused(file);
  for (const text of ['{"a":1}', '[1]', 'node ls', '["node"]']) {
    writeFileSync(join(folder, 'other'), text, { mode: 0o600 });
    refused(join(folder, 'other'));
  }
  const own = join(folder, 'muster-words-1');
  mkdirSync(own);
  writeFileSync(join(own, 'words'), 'hunter2', { mode: 0o600 });
  const error = t.throws(() => shownWords([HIDDEN_WORDS, join(own, 'words')]), { code: 'bad-usage' });
  t.false(error?.message.includes('hunter2'));
  t.true(existsSync(join(own, 'words')), 'what is not read as words stays');
});

test('a command line that only looks hidden is left alone', t => {
  for (const words of [[], ['node', 'ls'], [HIDDEN_WORDS], [HIDDEN_WORDS, '/a', 'b'], ['node', HIDDEN_WORDS, '/a']])
    t.is(shownWords(words), words);
});
