import test from 'ava';
import { hiddenFiles } from '../../src/files/hidden.ts';
import { treeDifferences } from '../../src/files/tree-differences.ts';
import { file, folder, link } from './build.ts';

const NONE = new Set<string>();

test('what was added, removed and changed, with the lines that differ', t => {
  const before = [folder('/etc'), file('/etc/a', '1\n2\n3\n'), file('/etc/b', 'gone\n'), link('/etc/l', 'x')];
  const after = [
    folder('/etc', { mode: 0o700 }),
    file('/etc/a', '1\nII\n3\n', { owner: 'munge', xattrs: [['user.a', Buffer.of(1)]] }),
    file('/etc/l', 'now a file'),
    file('/etc/new', 'one\ntwo'),
  ];
  t.deepEqual(treeDifferences(before, before, NONE), []);
  t.deepEqual(treeDifferences(before, after, NONE), [
    { path: '/etc', action: 'changed', about: ['mode 0755 -> 0700'], lines: [] },
    {
      path: '/etc/a',
      action: 'changed',
      about: ['owner root -> munge', 'extended attributes none -> user.a=01'],
      lines: ['- 2', '+ II'],
    },
    { path: '/etc/b', action: 'removed', about: [], lines: ['- gone'] },
    {
      path: '/etc/l',
      action: 'changed',
      about: ['type link -> file', 'mode 0777 -> 0644', 'target x -> '],
      lines: ['+ now a file'],
    },
    { path: '/etc/new', action: 'added', about: [], lines: ['+ one', '+ two'] },
  ]);
});

test('secrets, bytes and long texts have no lines', t => {
  const hidden = (old: string | Buffer, now: string | Buffer, secret = NONE) =>
    treeDifferences([file('/x', old)], [file('/x', now)], secret)[0];
  t.like(hidden('a', 'b', new Set(['/x'])), { lines: [], hidden: 'secret' });
  t.like(hidden('a', Buffer.of(0, 1)), { lines: [], hidden: 'bytes' });
  t.like(hidden('a', Buffer.of(0xff)), { lines: [], hidden: 'bytes' });
  const lines = (word: string) => Array.from({ length: 3000 }, (_, at) => `${word}${at}\n`).join('');
  t.like(hidden(lines('a'), lines('b')), { lines: [], hidden: 'long' });
  const one = lines('a').replace('a1500\n', 'other\n');
  t.deepEqual(hidden(lines('a'), one)?.lines, ['- a1500', '+ other'], 'a small change of a long text');
  t.is(hidden('', lines('a'))?.lines.length, 3000);
});

test('a later set hides the files of earlier ones; a folder of several sets is one folder', t => {
  const set = (name: string, ...entries: ReturnType<typeof file>[]) => ({ name, content: { entries } });
  t.deepEqual(
    hiddenFiles([
      set('one', folder('/etc'), file('/etc/a', ''), file('/etc/b', '')),
      set('two', folder('/etc'), file('/etc/a', '')),
      set('three', link('/etc/a', 'x'), folder('/etc/c')),
    ]),
    [{ path: '/etc/a', by: 'three', sets: ['two', 'one'] }],
  );
});
