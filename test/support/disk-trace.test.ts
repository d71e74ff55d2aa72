import test from 'ava';
import { faults, readTrace } from './disk-trace.ts';

const rules = {
  isDurable: (path: string) => path === '/s/a' || path === '/s/f/b',
  acknowledgement: 'done',
  existing: new Set(['/s']),
};
const judged = (...lines: string[]): string[] => faults(readTrace(lines.map(line => `7 ${line}`).join('\n')), rules);
const done = 'write(1<pipe:[1]>, "done\\n", 5) = 5';
const made = 'openat(AT_FDCWD</>, "/s/a.new", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</s/a.new>';
const wrote = 'write(3</s/a.new>, "x", 1) = 1';
const synced = 'fsync(3</s/a.new>) = 0';
const renamed = 'rename("/s/a.new", "/s/a") = 0';
const folder = 'fsync(4</s>) = 0';

test('a file that is written, synced, renamed, with its folder synced, survives', t => {
  t.deepEqual(judged(made, wrote, synced, renamed, folder, done), []);
});

test('each missing sync is found', t => {
  t.deepEqual(judged(made, wrote, renamed, folder, done), [
    '/s/a gets its name before its bytes are synced',
    'the bytes of /s/a are not synced',
  ]);
  t.deepEqual(judged(made, wrote, synced, renamed, done), ['the folder of /s/a is not synced']);
  t.deepEqual(judged(made, wrote, synced, folder, renamed, done), ['the folder of /s/a is not synced']);
  t.deepEqual(judged(made, wrote, synced, renamed, folder, 'write(5</s/a>, "y", 1) = 1', done), [
    'the bytes of /s/a are not synced',
  ]);
  t.deepEqual(judged(made, wrote, synced, renamed, folder), ["'done' was never said"]);
});

test('a new folder needs its own name on disk', t => {
  const inside = [
    'mkdir("/s/f", 0700) = 0',
    'openat(AT_FDCWD</>, "/s/f/b", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</s/f/b>',
    'write(3</s/f/b>, "x", 1) = 1',
    'fsync(3</s/f/b>) = 0',
  ];
  t.deepEqual(judged(...inside, 'fsync(4</s/f>) = 0', folder, done), []);
  t.deepEqual(judged(...inside, folder, done), ['the folder of /s/f/b is not synced']);
  t.deepEqual(judged(...inside, 'fsync(4</s/f>) = 0', done), ['/s/f has no name on disk']);
});

test('overlapping calls of several threads are kept apart', t => {
  const steps = readTrace(
    [
      '7 fsync(3</s/a> <unfinished ...>',
      '8 rename("/s/x", "/s/y") = 0',
      '7 <... fsync resumed>) = 0',
      '8 mkdir("/s", 0700) = -1 EEXIST (File exists)',
    ].join('\n'),
  );
  t.deepEqual(
    steps.map(({ call, paths }) => [call, ...paths]),
    [
      ['rename', '/s/x', '/s/y'],
      ['fsync', '/s/a'],
    ],
  );
});
