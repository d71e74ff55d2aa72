import test from 'ava';
import { missingContents } from '../../src/files/bundle.ts';
import { indexText, readIndex, writeIndex } from '../../src/files/index-text.ts';
import { encodeWord, readWord } from '../../src/files/index-word.ts';
import type { Rendered } from '../../src/files/rendered.ts';
import { renderedEntry as entry, sha256 } from './build.ts';

const RENDERED: Rendered = {
  entries: [
    entry('/etc/a file%', 'one\n', { xattrs: [['security.selinux', Buffer.from('system_u')]], keepsLocalEdits: true }),
    entry('/etc/empty', ''),
    entry('/etc/localtime', '', { type: 'link', mode: 0o777, target: '../usr/share/zoneinfo/UTC' }),
    entry('/etc/passwd', 'one\n', { merge: 'names', secret: true, optional: true, mode: 0o4600 }),
    entry('/etc/ssh', '', { type: 'folder', mode: 0o755, xattrs: [['user.none', Buffer.alloc(0)]] }),
    entry('/ü\n', 'block', { merge: 'block' }),
  ],
  changes: [
    { action: 'reload', what: 'ssh', paths: ['/etc/ssh/*', '/etc/a file%'] },
    { action: 'run', what: 'base/adopt', paths: ['/etc/passwd'] },
  ],
  scripts: [
    { stage: 'called', required: false, seconds: 9, name: 'base/adopt', content: Buffer.from('#!/bin/ksh\n') },
    { stage: 'root', required: true, seconds: 60, name: 'base/prepare', content: Buffer.from('#!/bin/sh\n') },
  ],
  leftOut: [],
};

test('an index has the lines that a shell reads, and reading it gives the same index', t => {
  const text = indexText(RENDERED);
  t.deepEqual(text.split('\n').slice(0, 3), [
    'muster-files 1',
    `f 0644 root root 4 ${sha256('one\n')} k /etc/a%20file%25`,
    'x security.selinux 73797374656d5f75',
  ]);
  t.true(text.includes('\nl 0777 root root 0 - - /etc/localtime ../usr/share/zoneinfo/UTC\n'));
  t.true(text.includes(`\nf 4600 root root 4 ${sha256('one\n')} nso /etc/passwd\n`));
  t.true(text.includes('\nx user.none -\n'));
  t.true(text.includes('\non reload ssh /etc/ssh/* /etc/a%20file%25\n'));
  t.true(text.endsWith(`\nscript root required 60 ${sha256('#!/bin/sh\n')} 10 base/prepare\nend\n`));
  const index = readIndex(text);
  if ('refused' in index) return void t.fail(index.refused);
  t.is(writeIndex(index), text);
  t.is(index.entries[5]?.path, '/ü\n');
  t.is(index.entries[3]?.mode, 0o4600);
});

test('a bundle has each content once, without empty ones and those that the node has', t => {
  const index = readIndex(indexText(RENDERED));
  if ('refused' in index) return void t.fail(index.refused);
  const all = missingContents(index, new Set());
  t.deepEqual(
    all.map(({ size }) => size),
    [4, 5, 11, 10],
  );
  t.deepEqual(missingContents(index, new Set([sha256('one\n'), sha256('block')])), all.slice(2));
});

test('what no index has is refused with its line', t => {
  const text = indexText(RENDERED);
  const refused = (changed: string): string => {
    const index = readIndex(changed);
    return 'refused' in index ? index.refused : 'accepted';
  };
  const lines = text.split('\n');
  const other = (line: string) => refused([lines[0], line, ...lines.slice(2)].join('\n'));
  t.regex(refused(text.slice(0, -5)), /no end/);
  t.regex(refused(text.replace('files 1', 'files 2')), /begin/);
  const digest = 'a'.repeat(64);
  for (const line of [
    '',
    `f 644 root root 4 ${digest} - /a`,
    `f 0644 root root 4 ${digest} - a`,
    `f 0644 root root 4 ${digest} q /a`,
    `f 0644 root root 4 ${digest} -  /a`,
    `f 0644 root root 4 ${digest} - /a b`,
    `f 0644 root root -4 ${digest} - /a`,
    `f 0644 root root 4 - - /a`,
    `f 0644 root root 4 ${digest} - /%zz`,
    `f 0644 root root 4 ${digest} - /%FF`,
    'd 0755 root root 4 - - /a',
    'l 0777 root root 0 - - /a',
    'on reload ssh',
    'on boil ssh /a',
    'x user.a 1',
    `script never - 1 ${digest} 4 a`,
  ])
    t.is(other(line), 'line 2 of the index is not valid', line);
  for (const [from, to] of [
    ['script called', 'script change'],
    [' base/adopt\nscript', ' base/other\nscript'],
  ] as const)
    t.is(refused(text.replace(from, to)), 'the index calls the script base/adopt, which is not in it');
  t.regex(other(`f 0644 root root 04 ${digest} - /a`), /canonical/);
  t.regex(other(`f 0644 root root 4 ${digest} - /%41`), /canonical/);
});

test('any text becomes one word, and can be read back', t => {
  for (const text of ['a', ' ', '%', 'ü€😀', '\n', '~!']) {
    t.regex(encodeWord(text), /^[!-~]+$/);
    t.is(readWord(encodeWord(text)), text);
  }
  t.is(readWord(''), undefined);
});
