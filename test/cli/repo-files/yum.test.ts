// Repository files of yum as sites have them: each word is understood as libdnf understands it, handed on, or named.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { textOf } from '../../../src/cli/repo-files/fields.ts';
import { readYumFile } from '../../../src/cli/repo-files/yum.ts';
import { makeRecipe } from '../../../src/image/packages/recipe.ts';
import { repoFile } from '../../../src/image/packages/rpm-repos.ts';
import { REPO_FIELDS, REPO_OPTIONS, REPO_REFUSED, repoOptionProblem } from '../../../src/model/repo-options.ts';
import { requireAll } from '../../support/require.ts';

const EPEL = `[epel]
name=Extra Packages 9
metalink=https://mirrors.example.org/metalink?repo=epel-9&arch=$basearch
enabled=1
gpgcheck=on
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-EPEL-9
       https://example.org/second,https://example.org/third
excludepkgs=slurm*, munge*
priority=10
module_hotfixes=1
proxy=http://proxy.example.org:3128
username=me
password=secret
color=blue
[epel-debuginfo]
name=x
baseurl=http://a.example.org/x/
enabled=off
gpgcheck=1
[main]
cachedir=/x
`;

function read(text: string): { repos: ReturnType<typeof readYumFile>; told: string[] } {
  const told: string[] = [];
  return { repos: readYumFile(text, 'epel.repo', line => void told.push(line)), told };
}

test('a file of a site: signatures are checked, what is off is left out, the rest is kept or reported', t => {
  const { repos, told } = read(EPEL);
  t.deepEqual(repos, [
    {
      name: 'epel',
      full_name: 'Extra Packages 9',
      mirrors: ['https://mirrors.example.org/metalink?repo=epel-9&arch=$basearch'],
      keys: ['file:///etc/pki/rpm-gpg/RPM-GPG-KEY-EPEL-9', 'https://example.org/second', 'https://example.org/third'],
      check: true,
      options: ['excludepkgs=slurm* munge*', 'priority=10', 'module_hotfixes=1', 'proxy=http://proxy.example.org:3128'],
    },
  ]);
  t.deepEqual(
    told.map(line => line.replace(/: muster keeps.*;/, ';')),
    [
      "epel.repo: [epel] 'username' is not kept; left out",
      "epel.repo: [epel] 'password' is not kept; left out",
      "epel.repo: [epel] 'color' is no option of a yum repository; left out",
      'epel.repo: [epel-debuginfo] is not enabled; left out',
      'epel.repo: [main] is not a repository; left out',
    ],
  );
  t.false(told.join().includes('secret'), 'no value is told');
});

test('yes and no in all spellings of libdnf; other words are errors', t => {
  for (const [words, value] of [
    ['1 yes true on ON True', true],
    ['0 no false off Off FALSE', false],
  ] as const)
    for (const word of words.split(' ')) {
      const { repos } = read(`[a]\nbaseurl=http://x/\ngpgcheck=${word}\n`);
      t.is(repos[0]?.check, value, word);
      t.is(read(`[a]\nbaseurl=http://x/\nenabled=${word}\n`).repos.length, value ? 1 : 0, word);
    }
  for (const word of ['', '2', 'maybe', 'yes please'])
    for (const key of ['gpgcheck', 'enabled'])
      t.throws(() => read(`[a]\nbaseurl=http://x/\n${key}=${word}\n`), {
        code: 'bad-value',
        message: `epel.repo: [a] ${key}=${word} is neither yes nor no.`,
      });
  t.is(read('[a]\nbaseurl=http://x/\n').repos[0]?.check, undefined, "the repo's own default");
});

test('what dnf itself says of these words', t => {
  if (!requireAll(t, { programs: ['dnf', 'createrepo_c'] })) return;
  const folder = mkdtempSync(join(tmpdir(), 'muster-dnf-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['repo', 'repos.d', 'root']) mkdirSync(join(folder, name));
  execFileSync('createrepo_c', ['-q', join(folder, 'repo')]);
  const enabled = (word: string): boolean => {
    writeFileSync(join(folder, 'repos.d/a.repo'), `[a]\nname=a\nbaseurl=file://${folder}/repo\nenabled=${word}\n`);
    const words = [
      '--installroot',
      join(folder, 'root'),
      `--setopt=reposdir=${folder}/repos.d`,
      '--releasever=9',
      '-q',
      'repolist',
    ];
    return spawnSync('dnf', words, { encoding: 'utf8' }).stdout.includes('\na ');
  };
  for (const word of ['on', 'off', 'yes', 'no'])
    t.is(enabled(word), read(`[a]\nbaseurl=http://x/\nenabled=${word}\n`).repos.length === 1, word);
});

test('kept options appear unchanged in the repository file of the image', t => {
  const [repo] = read(EPEL).repos;
  const fields = { name: 'epel', full_name: 'E', urls: [], mirrors: [], keys: [], check: true, ...repo };
  const head = { baseUrl: 'http://10.54.0.1:80', arch: 'x86_64' };
  const text = repoFile(makeRecipe({ name: 'D', release: '9', repos: [fields] }, head).sources);
  for (const line of [
    'metalink=https://mirrors.example.org/metalink?repo=epel-9&arch=x86_64',
    'excludepkgs=slurm* munge*',
    'priority=10',
    'module_hotfixes=1',
    'proxy=http://proxy.example.org:3128',
    'gpgcheck=1',
  ])
    t.true(text.split('\n').includes(line), `${line} in ${text}`);
  t.false(text.includes('mirrorlist='));
  t.deepEqual(read(text).repos[0]?.options, repo?.options, 'and comes back');
  const many = { ...fields, mirrors: ['http://m/1', 'http://m/2'] };
  t.throws(() => makeRecipe({ name: 'D', release: '9', repos: [many] }, head), { message: /several lists of mirrors/ });
});

test('an option is one of the table: no line break, no field, no secret', t => {
  for (const name of REPO_OPTIONS) t.is(repoOptionProblem(`${name}=1`), undefined, name);
  for (const name of [...REPO_FIELDS, ...Object.keys(REPO_REFUSED), 'colour', 'constructor'])
    t.truthy(repoOptionProblem(`${name}=1`), name);
  for (const text of [
    'priority',
    'priority=1\ngpgcheck=0',
    'priority=1\r',
    '[x]',
    '=1',
    'proxy=http://me:secret@proxy/',
  ])
    t.truthy(repoOptionProblem(text), text);
});

test('names that every object has are names like others', t => {
  t.deepEqual(read('[constructor]\nbaseurl=http://x/\ntoString=1\n__proto__=1\n').repos, [
    { name: 'constructor', urls: ['http://x/'] },
  ]);
});

test('a name in Latin-1 is read, with a remark; a control character is refused with its place', t => {
  const told: string[] = [];
  const bytes = Buffer.from('[b]\nname=Dépôt\nbaseurl=http://a/\n', 'latin1');
  const text = textOf(bytes, 'x.repo', line => void told.push(line));
  t.is(read(text).repos[0]?.full_name, 'Dépôt');
  t.deepEqual(told, ['x.repo: it is not UTF-8; read as Latin-1']);
  t.is(textOf(Buffer.from('\uFEFF[b]\nname=Dépôt\n'), 'x.repo', t.fail), '[b]\nname=Dépôt\n');
  for (const [sign, code] of [
    ['\0', 'U+0000'],
    ['\u001b', 'U+001B'],
    ['\u0085', 'U+0085'],
  ] as const)
    t.throws(() => read(`[b]\nname=a${sign}b\nbaseurl=http://a/\n`), {
      code: 'bad-value',
      message: `epel.repo:2: the line has the control character ${code}; remove it.`,
    });
});
