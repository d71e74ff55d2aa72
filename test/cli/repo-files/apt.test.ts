// Sources of apt in both forms: they come to the lines that apt itself makes of them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isAptFile, readAptFile } from '../../../src/cli/repo-files/apt.ts';
import { sourceLines } from '../../../src/image/packages/apt-sources.ts';
import { requireAll } from '../../support/require.ts';

function read(
  text: string,
  source = 'x.list',
): { repos: ReturnType<typeof readAptFile>['repos']; told: string[]; suite: string } {
  const told: string[] = [];
  const { repos, suite } = readAptFile(text, source, line => void told.push(line));
  return { repos, told, suite };
}

const LIST = `# Debian
deb http://deb.debian.org/debian bookworm main contrib # the distribution
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg,/usr/share/keyrings/b.gpg] http://security.debian.org/debian-security bookworm-security main

deb-src http://deb.debian.org/debian bookworm main
deb [trusted=yes] file:/srv/repo ./
deb http://a.example.org/x  sub/path/
`;

const DEB822 = `# Debian
Types: deb deb-src
URIs: http://deb.debian.org/debian http://mirror.example.org/debian
Suites: bookworm
  bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://off.example.org/
Suites: x
Components: y

types: deb
uris: http://flat.example.org/repo
suites: ./
Trusted: yes
`;

test('lines: suites, components, keys, flat repositories', t => {
  const { repos, told, suite } = read(LIST);
  t.is(suite, 'bookworm');
  t.deepEqual(repos, [
    { name: 'debian_bookworm', urls: ['http://deb.debian.org/debian#bookworm/main+contrib'], check: true },
    {
      name: 'debian-security_bookworm-security',
      urls: ['http://security.debian.org/debian-security#bookworm-security/main'],
      keys: ['file:///usr/share/keyrings/a.gpg', 'file:///usr/share/keyrings/b.gpg'],
      check: true,
    },
    { name: 'repo_.', urls: ['file:///srv/repo/#./'], check: false },
    { name: 'x_sub_path', urls: ['http://a.example.org/x/sub/path/#./'], check: true },
  ]);
  t.deepEqual(told, [
    'x.list:3: arch is not kept, because it only affects how packages are fetched',
    'x.list:5: it has sources of packages only; left out',
  ]);
});

test('paragraphs: every pair of URI and suite, what is off left out, names in any case', t => {
  const { repos, told, suite } = read(DEB822, 'debian.sources');
  t.is(suite, 'bookworm');
  t.deepEqual(
    repos.map(({ name, urls, check, keys }) => [name, urls, check, keys?.length ?? 0]),
    [
      [
        'debian_bookworm',
        [
          'http://deb.debian.org/debian#bookworm/main+contrib',
          'http://mirror.example.org/debian#bookworm/main+contrib',
        ],
        true,
        1,
      ],
      [
        'debian_bookworm-updates',
        [
          'http://deb.debian.org/debian#bookworm-updates/main+contrib',
          'http://mirror.example.org/debian#bookworm-updates/main+contrib',
        ],
        true,
        1,
      ],
      ['repo_.', ['http://flat.example.org/repo/#./'], false, 0],
    ],
  );
  t.deepEqual(told, ['debian.sources:9: it is not enabled; left out']);
});

test('unknown words are refused by name and place', t => {
  const rows: [string, RegExp][] = [
    ['deb [allow-insecure=yes] http://x/ s main', /x\.list:1: allow-insecure=yes is not understood/],
    ['deb [arch+=i386] http://x/ s main', /the option 'arch\+=i386' is not known/],
    ['deb [snapshot=20260101] http://x/ s main', /snapshot=20260101 is not understood/],
    ['deb mirror+http://x/ s main', /is not a URL that muster can use/],
    ['deb http://x/ s', /the suite s has no components/],
    ['deb http://x/ ./ main', /takes no components/],
    ['deb http://x/', /is not 'deb URI SUITE COMPONENTS'/],
    ['rpm http://x/ s main\ndeb http://x/ s main', /is not 'deb URI SUITE COMPONENTS'/],
    ['deb [signed-by=ABCDEF] http://x/ s main', /Signed-By: ABCDEF is not the path/],
    [
      'Types: deb\nURIs: http://x/\nSuites: s\nComponents: m\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n x',
      /contains the key itself/,
    ],
    ['Types: deb\nURIs: http://x/\nComponents: m', /the paragraph has no Suites/],
    ['Types: rpm\nURIs: http://x/\nSuites: s\nComponents: m', /the type 'rpm' is not known/],
    [
      'Types: deb\nURIs: http://x/\nSuites: s\nComponents: m\nEnabled: perhaps',
      /Enabled: perhaps is neither yes nor no/,
    ],
    ['Types: deb\nTypes: deb', /Types appears twice/],
    ['Types: deb\nURIs: http://x/\nSuites: s\nComponents: m\nInRelease-Path: y', /inrelease-path=y is not understood/],
  ];
  for (const [text, message] of rows) t.throws(() => read(text), { code: 'bad-value', message }, text);
  t.false(isAptFile('[base]\nbaseurl=http://x/\n', 'x.repo'));
  t.true(isAptFile(LIST, 'x') && isAptFile(DEB822, 'x') && isAptFile('', 'x.sources'));
});

test('a disc is left out by name, and the rest of the file is used', t => {
  const disc = 'cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64 NETINST]/';
  const list = read(`deb ${disc} bookworm main\ndeb http://m.example.org/debian trixie main\n`);
  t.deepEqual(list.told, [`x.list:1: ${disc} is a disc in this machine's drive; left out`]);
  t.like(list, { suite: 'trixie', repos: [{ urls: ['http://m.example.org/debian#trixie/main'] }] });
  const deb822 = read(
    'Types: deb\nURIs: cdrom:[Debian]/ http://m.example.org/debian\nSuites: s\nComponents: c\n',
    'x.sources',
  );
  t.deepEqual(deb822.told, ["x.sources:1: cdrom:[Debian]/ is a disc in this machine's drive; left out"]);
  t.deepEqual(deb822.repos[0]?.urls, ['http://m.example.org/debian#s/c']);
  t.deepEqual(read(`deb ${disc} bookworm main\n`).repos, []);
});

test("apt's own reading of both forms gives the same sources as the lines that an image is made with", t => {
  if (!requireAll(t, { programs: ['apt-get'] })) return;
  const folder = mkdtempSync(join(tmpdir(), 'muster-apt-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['parts', 'lists']) mkdirSync(join(folder, name));
  /** The signed lists that apt would fetch. */
  const targets = (): string[] => {
    const options = {
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': join(folder, 'parts'),
      'Dir::State::lists': join(folder, 'lists'),
      'APT::Architecture': 'amd64',
    };
    const words = Object.entries(options).flatMap(([option, value]) => ['-o', `${option}=${value}`]);
    const env = { ...process.env, LC_ALL: 'C' };
    const out = execFileSync('apt-get', [...words, 'update', '--print-uris'], { encoding: 'utf8', env });
    const uris = Array.from(out.matchAll(/^'(\S+)'/gm), ([, uri = '']) => uri);
    // An image gets no sources, and `x/./y` is another word for x/y.
    const wanted = uris.filter(uri => !uri.includes('/source/')).map(uri => uri.replaceAll('/./', '/'));
    return [...new Set(wanted)].sort();
  };
  for (const [name, text] of [
    ['a.list', LIST],
    ['a.sources', DEB822],
  ] as const) {
    for (const old of ['a.list', 'a.sources']) rmSync(join(folder, 'parts', old), { force: true });
    writeFileSync(join(folder, 'parts', name), text);
    const theirs = targets();
    t.true(theirs.length > 2, name);
    const { repos } = read(text, name);
    const lines = repos.flatMap(({ name: title, urls = [], check = true }) =>
      sourceLines({ name: title, title, urls, mirrors: [], keys: [], check }, { release: '' }),
    );
    rmSync(join(folder, 'parts', name));
    writeFileSync(join(folder, 'parts/a.list'), `${lines.join('\n')}\n`);
    t.deepEqual(targets(), theirs, lines.join('\n'));
  }
});
