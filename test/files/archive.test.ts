import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { readTree, writeTree } from '../../src/files/archive.ts';
import { checkedTree, MOST_FILE, type TreeEntry } from '../../src/files/tree.ts';
import { requireAll } from '../support/require.ts';
import { file, folder, link } from './build.ts';

function temporary(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'muster-files-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const part = fc.oneof(
  fc.constantFrom('etc', 'ssh', 'a b', 'ü', '日本', '-x', '%d', "o'clock"),
  fc.stringMatching(/^[a-z]{1,120}$/),
);
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => `/${parts.join('/')}`);
const account = fc.oneof(
  fc.constantFrom('root', 'munge', 'a-name_that.is_as_long_as_can_be'),
  fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(String),
);
const xattrs = fc
  .uniqueArray(fc.tuple(fc.constantFrom('user.a', 'security.selinux', 'user.z'), fc.uint8Array({ maxLength: 200 })), {
    selector: ([name]) => name,
    maxLength: 3,
  })
  .map(rows =>
    rows
      .map(([name, value]): [string, Buffer] => [name, Buffer.concat([Buffer.from(value), Buffer.of(1)])])
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );
const entry: fc.Arbitrary<TreeEntry> = fc
  .record({
    path,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    owner: account,
    group: account,
    xattrs,
    content: fc.uint8Array({ maxLength: 1200 }).map(bytes => Buffer.from(bytes)),
    target: fc.oneof(fc.constant('../x'), fc.stringMatching(/^[a-z/]{1,300}$/)),
    type: fc.constantFrom('file', 'folder', 'link') as fc.Arbitrary<TreeEntry['type']>,
  })
  .map(({ type, ...row }) => {
    const none = { content: Buffer.alloc(0), target: '' };
    if (type === 'link') return { ...row, ...none, type, target: row.target, mode: 0o777, xattrs: [] };
    return type === 'file' ? { ...row, ...none, type, content: row.content } : { ...row, ...none, type };
  });
/** Entries that no other one is a parent of, so that the tree is possible. */
const tree = fc
  .uniqueArray(entry, { selector: row => row.path, maxLength: 12 })
  .map(rows => rows.filter(row => row.type === 'folder' || !rows.some(other => other.path.startsWith(`${row.path}/`))));

test('a tree comes back from its archive, and equal trees are equal bytes in any order', async t => {
  await fc.assert(
    fc.asyncProperty(tree, fc.integer(), async (entries, seed) => {
      const tar = writeTree(entries);
      const read = await readTree(tar);
      t.deepEqual(read, checkedTree(entries));
      const shuffled = [...entries].sort((left, right) =>
        ((left.path.length * seed) ^ right.path.length) & 1 ? 1 : -1,
      );
      t.true(writeTree(shuffled).equals(tar));
      t.true(writeTree(read).equals(tar));
    }),
    { numRuns: 150 },
  );
});

test('GNU tar lists and unpacks our archives', t => {
  const where = temporary(t);
  const long = `/etc/${'x'.repeat(120)}/${'y'.repeat(90)}.conf`;
  const tar = writeTree([
    folder('/etc', { mode: 0o750 }),
    file('/etc/motd', 'hello\n', { mode: 0o640, owner: 'munge', group: '1234' }),
    link('/etc/localtime', `../usr/share/zoneinfo/${'z'.repeat(150)}`),
    file(long, 'long\n'),
    file('/etc/grüße', 'utf-8\n'),
  ]);
  const archive = join(where, 'set.tar');
  writeFileSync(archive, tar);
  const listed = execFileSync('tar', ['--list', '--verbose', '--file', archive], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
  });
  t.regex(listed, /^drwxr-x--- root\/root +0 1970-01-01 00:00 etc\/$/m);
  t.regex(listed, /^-rw-r----- munge\/1234 +6 1970-01-01 00:00 etc\/motd$/m);
  mkdirSync(join(where, 'out'));
  execFileSync('tar', ['--extract', '--no-same-owner', '--file', archive, '--directory', join(where, 'out')]);
  t.is(readFileSync(join(where, 'out', long), 'utf8'), 'long\n');
  t.is(readFileSync(join(where, 'out/etc/grüße'), 'utf8'), 'utf-8\n');
  t.is(statSync(join(where, 'out/etc/motd')).mode & 0o777, 0o640);
});

for (const format of ['ustar', 'gnu', 'pax', 'oldgnu'])
  test(`archives of GNU tar, format ${format}, have the same digest as ours`, async t => {
    const where = temporary(t);
    const root = join(where, 'root');
    mkdirSync(join(root, 'etc/ssh'), { recursive: true });
    writeFileSync(join(root, 'etc/ssh/sshd_config'), 'Port 22\n', { mode: 0o600 });
    writeFileSync(join(root, 'etc/hosts.tmpl'), '{{ x }}\n', { mode: 0o644 });
    execFileSync('ln', ['-s', '../proc/mounts', join(root, 'etc/mtab')]);
    const archive = join(where, 'x.tar');
    const names = ['--owner=munge:990', '--group=root:0', '--mode=u=rwX,go=rX', '--sort=none'];
    execFileSync('tar', ['-C', root, `--format=${format}`, ...names, '-cf', archive, '.']);
    const entries = await readTree(readFileSync(archive));
    const owned = { owner: 'munge' };
    const expected = [
      folder('/etc', owned),
      file('/etc/hosts.tmpl', '{{ x }}\n', owned),
      { ...link('/etc/mtab', '../proc/mounts'), ...owned },
      folder('/etc/ssh', owned),
      file('/etc/ssh/sshd_config', 'Port 22\n', owned),
    ];
    t.deepEqual(entries, expected);
    t.true(writeTree(entries).equals(writeTree(expected)));
  });

test('archives of bsdtar have the same digest as ours, and bsdtar lists ours', async t => {
  if (!requireAll(t, { programs: ['bsdtar'] })) return;
  const where = temporary(t);
  mkdirSync(join(where, 'root/etc'), { recursive: true });
  writeFileSync(join(where, 'root/etc/motd'), 'hello\n', { mode: 0o640 });
  const long = `etc/${'x'.repeat(120)}`;
  writeFileSync(join(where, 'root', long), 'long\n', { mode: 0o600 });
  const archive = join(where, 'x.tar');
  const names = ['--uname', 'munge', '--gname', 'root', '--uid', '990', '--gid', '0'];
  for (const format of ['pax', 'gnutar']) {
    execFileSync('bsdtar', ['-C', join(where, 'root'), '--format', format, ...names, '-cf', archive, 'etc']);
    const entries = await readTree(readFileSync(archive));
    const owned = { owner: 'munge' };
    const expected = [
      folder('/etc', { ...owned, mode: entries[0]?.mode ?? 0 }),
      file('/etc/motd', 'hello\n', { ...owned, mode: 0o640 }),
      file(`/${long}`, 'long\n', { ...owned, mode: 0o600 }),
    ];
    t.true(writeTree(entries).equals(writeTree(expected)), format);
  }
  writeFileSync(archive, writeTree([folder('/etc'), file('/etc/grüße', 'x'), link('/etc/l', 'y')]));
  const listed = execFileSync('bsdtar', ['-tf', archive], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  t.is(listed, 'etc/\netc/grüße\netc/l\n');
});

test('GNU tar sets the extended attributes of our archives, and we read those of its archives', async t => {
  if (!requireAll(t, { programs: ['setfattr', 'getfattr'] })) return;
  const where = temporary(t);
  const archive = join(where, 'x.tar');
  const xattrs = [['user.note', Buffer.from('kept = \n0')]] as const;
  writeFileSync(archive, writeTree([file('/motd', 'hello\n', { xattrs })]));
  const words = ['--xattrs', '--no-same-owner', '-C', where];
  execFileSync('tar', [...words, '-xf', archive]);
  const read = execFileSync('getfattr', ['--absolute-names', '--only-values', '-n', 'user.note', join(where, 'motd')]);
  t.is(read.toString(), 'kept = \n0');
  execFileSync('tar', [...words, '--format=pax', '--xattrs-include=user.*', '-cf', archive, 'motd']);
  const [again] = await readTree(readFileSync(archive));
  t.deepEqual(again?.xattrs, xattrs);
});

test('hard links within the archive are copies, sparse files are whole', async t => {
  const where = temporary(t);
  writeFileSync(join(where, 'a'), 'one\n');
  execFileSync('ln', [join(where, 'a'), join(where, 'b')]);
  execFileSync('truncate', ['-s', '1M', join(where, 'holes')]);
  const archive = join(where, 'x.tar');
  execFileSync('tar', ['-C', where, '--sparse', '-cf', archive, 'a', 'b', 'holes']);
  const [first, second, third] = await readTree(readFileSync(archive));
  t.is(String(first?.content), 'one\n');
  t.is(String(second?.content), 'one\n');
  t.true(third?.content.equals(Buffer.alloc(1 << 20)));
});

const refused = (title: string, entries: () => TreeEntry[], text: string | RegExp) =>
  test(`refused: ${title}`, t => {
    const error = t.throws(() => writeTree(entries()), { code: 'bad-files' });
    if (typeof text === 'string') t.is(error.message, text);
    else t.regex(error.message, text);
  });

refused(
  'a path that leaves',
  () => [file('/etc/../x', '')],
  "'/etc/../x' leaves its folder by '..'; name files by their path.",
);
refused('an empty part', () => [file('/etc//x', '')], "'/etc//x' is no path of a file on a node.");
refused('a line break', () => [file('/etc/a\nb', '')], "'/etc/a?b' has a control character in its name; rename it.");
refused('the same path twice', () => [file('/a', ''), link('/a', 'b')], "'/a' is there twice; remove one.");
refused(
  'a path below a link',
  () => [link('/a', '/etc'), file('/a/b/c', '')],
  "'/a/b/c' is below '/a', which is a link and no folder.",
);
refused(
  'a file below /proc',
  () => [file('/proc/sys/x', '')],
  "'/proc/sys/x' is below /proc, which file sets do not change; remove it from the set.",
);
refused('a folder instead of /dev', () => [folder('/dev')], /is below \/dev/);
refused('the folder of the agent', () => [file('/run/muster/agent/x', '')], /is below \/run\/muster/);
refused(
  'too many entries',
  () => Array.from({ length: 4097 }, (_, at) => file(`/f${at}`, '')),
  /at most 4096 .* this one has 4097\.$/,
);
refused('a long name', () => [file(`/${'x'.repeat(256)}`, '')], /longer path than Linux allows/);
refused(
  'a name that the records of a node cannot hold',
  () => [file(`/${'ж'.repeat(50)}`, '')],
  /too long for the records of a node/,
);
refused('a large file', () => [file('/x', Buffer.alloc(MOST_FILE + 1))], /'\/x' is larger than 16 MiB/);
refused(
  'a large set',
  () => Array.from({ length: 5 }, (_, at) => file(`/f${at}`, Buffer.alloc(MOST_FILE))),
  /at most 64 MiB/,
);
refused(
  'an owner that no system has',
  () => [file('/x', '', { owner: 'a b' })],
  "'/x' has the owner or group 'a b', which is no name.",
);
refused(
  'an impossible attribute',
  () => [file('/x', '', { xattrs: [['user.a=b', Buffer.of(1)]] })],
  /impossible extended attribute/,
);

test('a link may point anywhere: it is only a link on the node', t => {
  t.notThrows(() => writeTree([link('/etc/mtab', '/proc/self/mounts'), link('/x', '../../../..')]));
});

test('hostile archives are refused with the name', async t => {
  const where = temporary(t);
  const archive = join(where, 'x.tar');
  const tar = (...words: string[]): void =>
    void execFileSync('tar', ['-C', where, '-cf', archive, ...words], { stdio: 'pipe' });
  const fails = async (text: RegExp): Promise<void> => {
    const error = await t.throwsAsync(readTree(readFileSync(archive)), { code: 'bad-files' });
    t.regex(error.message, text);
  };
  writeFileSync(join(where, 'a'), 'x');
  tar('-P', '--transform=s,^a$,/etc/passwd,', 'a');
  await fails(/'\/etc\/passwd' has an absolute name/);
  tar('-P', '--transform=s,^a$,../../etc/passwd,', 'a');
  await fails(/leaves its folder by '\.\.'/);
  execFileSync('mkfifo', [join(where, 'pipe')]);
  tar('pipe');
  await fails(/'\/pipe' is a fifo/);
  execFileSync('ln', [join(where, 'a'), join(where, 'b')]);
  tar('a', 'b');
  execFileSync('tar', ['--delete', '-f', archive, 'a']);
  await fails(/'\/b' is a hard link to 'a', which is no file before it/);
  for (const size of ['17M', '2G']) {
    execFileSync('truncate', ['-s', size, join(where, 'large')]);
    for (const options of [['--sparse'], ['--sparse', '--format=posix']]) {
      tar(...options, 'large');
      await fails(/'\/large' is larger than 16 MiB/);
    }
  }
  writeFileSync(archive, writeTree([file('/a', 'x'.repeat(600))]).subarray(0, 700));
  await fails(/^The archive cannot be read: /);
  writeFileSync(archive, 'no archive, but a text');
  await fails(/^The archive cannot be read: /);
});

test('many headers with large attributes are refused before they fill the memory', async t => {
  const value = Buffer.alloc(60_000, 1);
  const entries = Array.from({ length: 1200 }, (_, at) => file(`/f${at}`, '', { xattrs: [['user.x', value]] }));
  const halves = [entries.slice(0, 600), entries.slice(600)].map(half => writeTree(half));
  const both = Buffer.concat([halves[0]?.subarray(0, -1024) ?? value, halves[1] ?? value]);
  const error = await t.throwsAsync(readTree(both), { code: 'bad-files' });
  t.regex(error.message, /at most 64 MiB/);
});
