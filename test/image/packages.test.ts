// Decisions about packages: recipes, source lines, repository files, lists and their differences.
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { sourceLines } from '../../src/image/packages/apt-sources.ts';
import { comparePackages, readDpkgStatus } from '../../src/image/packages/list.ts';
import { checkPackages } from '../../src/image/packages/manager.ts';
import { makeRecipe } from '../../src/image/packages/recipe.ts';
import { repoFile, writeNodeRepo } from '../../src/image/packages/rpm-repos.ts';

const HEAD = { baseUrl: 'http://10.54.0.1:80', arch: 'x86_64' };
const REPO = {
  name: 'base',
  full_name: '',
  urls: [] as string[],
  mirrors: [] as string[],
  keys: [] as string[],
  check: true,
};

test('$releasever, $basearch and <BASE_URL> are filled in', t => {
  const urls = [
    'http://vault.centos.org/$releasever/os/$basearch/',
    '<BASE_URL>/isomount/base/BaseOS/',
    ['http://x/$', '{releasever}/'].join(''),
  ];
  const recipe = makeRecipe({ name: 'D', release: '7.3.1611', repos: [{ ...REPO, urls }] }, HEAD);
  t.deepEqual(recipe.sources[0]?.urls, [
    'http://vault.centos.org/7.3.1611/os/x86_64/',
    'http://10.54.0.1:80/isomount/base/BaseOS/',
    'http://x/7.3.1611/',
  ]);
});

test('what cannot work is refused', t => {
  const make =
    (repo: Partial<typeof REPO>, release = '') =>
    () =>
      makeRecipe({ name: 'D', release, repos: [{ ...REPO, ...repo }] }, HEAD);
  t.throws(make({ urls: ['http://x/$releasever/'] }), {
    code: 'not-ready',
    message: /base has \$releasever in .*D has no release/,
  });
  t.throws(make({ urls: ['http://x/'], mirrors: ['http://m/?r=$releasever'] }), { code: 'not-ready' });
  t.throws(make({}), { code: 'not-ready', message: /The repo base has no URL/ });
  t.throws(() => makeRecipe({ name: 'D', release: '', repos: [] }, HEAD), { code: 'not-ready', message: /no repos/ });
  t.notThrows(make({ urls: ['http://x/'] }));
});

test('a repository file has all URLs and keys of each repository, and says whether signatures are checked', t => {
  const text = repoFile([
    { name: 'a', title: 'A $x', urls: ['http://1/', 'http://2/'], mirrors: [], keys: ['file:///k'], check: true },
    { name: 'b', title: 'b', urls: [], mirrors: ['http://m/'], keys: [], check: false },
  ]);
  t.is(
    text,
    '[a]\nname=A $x\nbaseurl=http://1/\n    http://2/\nenabled=1\ngpgcheck=1\ngpgkey=file:///k\n\n[b]\nname=b\nmirrorlist=http://m/\nenabled=1\ngpgcheck=0\n',
  );
});

test('a URL of apt may name suite and components behind #', t => {
  const lines = (url: string, check = true) =>
    sourceLines({ ...REPO, title: '', urls: [url], check }, { release: 'bookworm' });
  t.deepEqual(lines('http://deb.debian.org/debian'), ['deb http://deb.debian.org/debian bookworm main']);
  t.deepEqual(lines('http://d/security#bookworm-security/main+contrib'), [
    'deb http://d/security bookworm-security main contrib',
  ]);
  t.deepEqual(lines('http://d/security#bookworm-updates'), ['deb http://d/security bookworm-updates main']);
  t.deepEqual(lines('http://d/flat#./', false), ['deb [trusted=yes check-valid-until=no] http://d/flat ./']);
  t.throws(() => sourceLines({ ...REPO, title: '', urls: ['http://d/'] }, { release: '' }), {
    code: 'not-ready',
    message: /names no suite/,
  });
});

test("dpkg's database: installed packages only", t => {
  const status = [
    'Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2-3\nDescription: x\n .\n y',
    'Package: b\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1',
    'Package: c\nStatus: hold ok installed\nArchitecture: all\nVersion: 4\n',
  ].join('\n\n');
  t.deepEqual(readDpkgStatus(status), [
    { name: 'a', version: '1:2-3', arch: 'amd64' },
    { name: 'c', version: '4', arch: 'all' },
  ]);
});

test('the difference of two lists, kernels of several versions included', t => {
  const p = (name: string, version: string, arch = 'x86_64') => ({ name, version, arch });
  t.deepEqual(
    comparePackages(
      [p('a', '1'), p('k', '1'), p('gone', '1'), p('same', '1')],
      [p('a', '2'), p('k', '1'), p('k', '2'), p('new', '1'), p('same', '1')],
    ),
    [
      { name: 'a', arch: 'x86_64', before: '1', after: '2' },
      { name: 'gone', arch: 'x86_64', before: '1', after: '' },
      { name: 'k', arch: 'x86_64', before: '1', after: '1, 2' },
      { name: 'new', arch: 'x86_64', before: '', after: '1' },
    ],
  );
});

test('names of packages are no options', t => {
  t.notThrows(() =>
    checkPackages(['openmpi3.1', '@core', 'g++', 'libc6:i386', 'kernel-5.14*', '/usr/bin/cc', 'pkg = 1.0']),
  );
  for (const name of ['--force', '-y', '', 'a;b', 'a\nb', '$(x)'])
    t.throws(() => checkPackages([name]), { code: 'bad-value' });
});

test('a repository file or a key of the image that is a link is replaced, and what it leads to stays', async t => {
  const top = mkdtempSync(join(tmpdir(), 'muster-repos-'));
  t.teardown(() => rmSync(top, { recursive: true, force: true }));
  const [root, mine, key] = [join(top, 'image'), join(top, 'mine'), join(top, 'RPM-GPG-KEY-x')];
  writeFileSync(mine, 'precious');
  writeFileSync(key, 'a key');
  const links = ['etc/yum.repos.d/clusterware-node.repo', 'etc/pki/rpm-gpg/RPM-GPG-KEY-x'];
  for (const link of links) {
    mkdirSync(join(root, link, '..'), { recursive: true });
    symlinkSync(mine, join(root, link));
  }
  const source = { name: 'a', title: 'a', urls: ['http://1/'], mirrors: [], keys: [`file://${key}`], check: true };
  const recipe = { distro: 'D', release: '9', sources: [source], arch: 'x86_64' };
  await writeNodeRepo(root, '/etc/yum.repos.d', recipe);
  t.is(readFileSync(mine, 'utf8'), 'precious');
  for (const link of links) t.true(lstatSync(join(root, link)).isFile(), link);
  t.is(readFileSync(join(root, links[1] ?? ''), 'utf8'), 'a key');
});
