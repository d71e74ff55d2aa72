import test from 'ava';
import { socketFinder, userFor } from '../../src/cli/connection.ts';
import { spellings } from '../../src/cli/options.ts';
import { readDashes, wordsFor } from '../../src/cli/words.ts';

// The specification prints an en dash before boot-config (facts §8.6).
test("a wrong dash is read as '-' and reported", t => {
  const { words, notes } = readDashes(['--image', 'X', '–boot-config', 'Y', '—all', '−i', 'n0', '––json']);
  t.deepEqual(words, ['--image', 'X', '--boot-config', 'Y', '--all', '-i', 'n0', '--json']);
  t.is(notes.length, 4);
  t.is(notes[0], "'–boot-config' begins with a dash that is not '-'; muster reads it as '--boot-config'.");
});

test('dashes inside words, before digits, and behind -- stay', t => {
  const words = ['description=–x', '–5', 'a–b', '--', '–boot-config'];
  t.deepEqual(readDashes(words), { words, notes: [] });
});

test('the scyld names are the first word', t => {
  t.deepEqual(wordsFor('scyld-nodectl', ['ls']), ['nodectl', 'ls']);
  t.deepEqual(wordsFor('muster', ['node', 'ls']), ['node', 'ls']);
});

test('spellings of options', t => {
  t.deepEqual(spellings({ flags: '-i, --ids <id>', meaning: '' }), { all: ['-i', '--ids'], value: 'required' });
  t.deepEqual(spellings({ flags: '--chroot [kver]', meaning: '' }), { all: ['--chroot'], value: 'optional' });
  t.deepEqual(spellings({ flags: '-q, --quiet', meaning: '' }), { all: ['-q', '--quiet'], value: 'none' });
});

test('the socket: option, URL, environment, default', async t => {
  t.is((await socketFinder({ socket: '/a', baseUrl: 'unix:/b' }, { MUSTER_SOCKET: '/c' }))(), '/a');
  t.is((await socketFinder({ baseUrl: 'unix:///b' }, { MUSTER_SOCKET: '/c' }))(), '/b');
  t.is((await socketFinder({ baseUrl: 'http+unix:/b' }, {}))(), '/b');
  t.is((await socketFinder({}, { MUSTER_SOCKET: '/c' }))(), '/c');
  t.is((await socketFinder({}, { MUSTER_SOCKET: '' }))(), '/run/musterd/admin.sock');
  t.throws(await socketFinder({ baseUrl: 'http://head/api/v1' }, {}), { message: /only on its Unix socket/ });
});

test('a user name with a password is refused', t => {
  t.is(userFor('alice'), 'alice');
  t.is(userFor(undefined), undefined);
  t.throws(() => userFor('alice:secret'), { message: /every user could read a password here/ });
  t.throws(() => userFor('a b'), { message: "--user 'a b' is not a valid user name." });
});
