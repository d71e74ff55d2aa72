// The orders of versions, compared with the programs whose orders they are.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { newestKernel } from '../../src/image/mkramfs.ts';
import {
  dpkgOrder,
  dpkgReleaseOrder,
  newestVersion,
  type Order,
  orderOf,
  rpmOrder,
  rpmReleaseOrder,
  uapiOrder,
} from '../../src/image/version-sort.ts';
import { requireAll } from '../support/require.ts';

/** From the oldest to the newest, as distributions have released them. */
const RELEASES: readonly [('rpm' | 'dpkg')[], readonly string[]][] = [
  [['rpm'], ['3.10.0-1160.el7.x86_64', '3.10.0-1160.2.1.el7.x86_64', '3.10.0-1160.119.1.el7.x86_64']],
  [['rpm'], ['4.18.0-348.el8.x86_64', '4.18.0-348.23.1.el8_5.x86_64']],
  [['rpm'], ['4.18.0-553.el8_10.x86_64', '4.18.0-553.5.1.el8_10.x86_64', '4.18.0-553.34.1.el8_10.x86_64']],
  [['rpm'], ['5.14.0-611.55.1.el9_7.0.1.x86_64', '5.14.0-611.55.1.el9_7.0.3.x86_64', '5.14.0-687.12.1.el9_8.x86_64']],
  [['rpm'], ['5.14.21-150500.55.7-default', '5.14.21-150500.55.83-default', '6.4.0-150600.21-default']],
  [['rpm'], ['6.1-10.fc38.x86_64', '6.1.1-9.fc38.x86_64', '6.10.0-1.fc41.x86_64']],
  [
    ['dpkg'],
    ['6.1.0-9-amd64', '6.1.0-10-amd64', '6.1.0-28-amd64', '6.10.11+bpo-amd64', '6.12~rc1-amd64', '6.12-amd64'],
  ],
  [['dpkg'], ['6.12-rc6-amd64', '6.12-amd64', '6.12.6-amd64']],
  [['dpkg'], ['5.15.0-9-generic', '5.15.0-76-generic', '6.8.0-31-generic']],
];

test('kernels of distributions, each in the order of its packages', t => {
  for (const [systems, releases] of RELEASES)
    for (const system of systems)
      for (const [at, older] of releases.entries())
        for (const newer of releases.slice(at + 1)) {
          const order = orderOf(system);
          t.true(order(older, newer) < 0, `${system}: ${older} < ${newer}`);
          t.true(order(newer, older) > 0, `${system}: ${newer} > ${older}`);
        }
  for (const [, releases] of RELEASES.filter(([, [first]]) => !first?.includes('rc')))
    t.is(newestVersion([...releases].reverse(), uapiOrder), releases.at(-1), releases.join(' '));
  t.is(newestVersion([], uapiOrder), undefined);
});

test('the order of an image is that of its packages', async t => {
  const root = mkdtempSync(join(tmpdir(), 'muster-versions-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const kernels = ['6.1-10.x86_64', '6.1.0-9.x86_64', '6.1.0-rc9.x86_64'];
  for (const kver of kernels) {
    mkdirSync(join(root, 'lib/modules', kver), { recursive: true });
    writeFileSync(join(root, 'lib/modules', kver, 'modules.dep'), '');
  }
  t.is(await newestKernel(root), newestVersion(kernels, uapiOrder));
  mkdirSync(join(root, 'var/lib/rpm'), { recursive: true });
  t.is(await newestKernel(root), newestVersion(kernels, rpmReleaseOrder));
  mkdirSync(join(root, 'var/lib/dpkg'));
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  t.is(await newestKernel(root), newestVersion(kernels, dpkgReleaseOrder));
});

/** Texts that are likely to be nearly the same. */
const part = (letters: string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(fc.constantFrom(...letters.split('')), fc.constantFrom('0', '1', '9', '10', '007', 'rc', 'el9', 'x86')),
      {
        minLength: 1,
        maxLength: 6,
      },
    )
    .map(parts => parts.join(''));

const pairs = (letters: string, count: number): [string, string][] =>
  fc.sample(
    part(letters).chain(text =>
      fc.tuple(
        fc.constant(text),
        fc.oneof(
          part(letters),
          part('019aAz').map(more => text + more),
          fc.constant(text),
        ),
      ),
    ),
    { numRuns: count, seed: 14 },
  );

function compare(t: import('ava').ExecutionContext, order: Order, judged: readonly [string, string, number][]): void {
  t.true(judged.length > 0);
  for (const [a, b, wanted] of judged)
    t.is(Math.sign(order(a, b)), wanted, `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
}

test("rpm's own order", t => {
  if (!requireAll(t, { programs: ['rpm'] })) return;
  const given = pairs('._+~^aAz', 3000);
  const calls = given.map(([a, b]) => `print(rpm.vercmp('${a}','${b}')..' ')`).join(' ');
  const answers = execFileSync('rpm', ['--eval', `%{lua:${calls}}`], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
    .map(Number);
  compare(
    t,
    rpmOrder,
    given.map(([a, b], at) => [a, b, answers[at] ?? Number.NaN]),
  );
});

test("dpkg's own order", t => {
  if (!requireAll(t, { programs: ['dpkg'] })) return;
  const given = pairs('.+~-az', 400).map(([a, b]) => [`1${a}0`, `1${b}0`] as const);
  const script = `while read -r a b; do
    if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi
  done`;
  const answers = execFileSync('sh', ['-c', script], {
    encoding: 'utf8',
    input: given.map(pair => `${pair.join(' ')}\n`).join(''),
  })
    .trim()
    .split('\n')
    .map(Number);
  compare(
    t,
    dpkgOrder,
    given.map(([a, b], at) => [a, b, answers[at] ?? Number.NaN]),
  );
});

test("systemd's own order", t => {
  if (!requireAll(t, { programs: ['systemd-analyze'] })) return;
  const given = pairs('.+~^-_aAz', 400);
  const script =
    'while read -r a b; do systemd-analyze compare-versions -- "$a" "$b" >/dev/null; case $? in 0) echo 0 ;; 11) echo 1 ;; 12) echo -1 ;; *) echo 9 ;; esac; done';
  const answers = execFileSync('sh', ['-c', script], {
    encoding: 'utf8',
    input: given.map(pair => `${pair.join(' ')}\n`).join(''),
  })
    .trim()
    .split('\n')
    .map(Number);
  compare(
    t,
    uapiOrder,
    given.map(([a, b], at) => [a, b, answers[at] ?? Number.NaN]),
  );
});

test('each is an order: it turns round when the sides do, and sorting ends the same from any start', t => {
  const version = fc.stringMatching(/^[0-9a-z.~^_-]{0,8}$/);
  for (const order of [rpmReleaseOrder, dpkgReleaseOrder, uapiOrder])
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        t.is(Math.sign(order(a, b)) + Math.sign(order(b, a)), 0);
        if (order(a, b) <= 0 && order(b, c) <= 0) t.true(order(a, c) <= 0, `${a} ${b} ${c}`);
      }),
      { numRuns: 300 },
    );
});
