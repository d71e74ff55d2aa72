// What makes a head of a bare machine: which packages, which distro, and what is said when no repository answers.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { restOfDefaults } from '../../../src/cli/install/defaults-plan.ts';
import { planDistro, readOsRelease } from '../../../src/cli/install/head-distro.ts';
import { HEAD_PACKAGES, planPackages } from '../../../src/cli/install/head-packages.ts';
import { packageRoot } from '../../../src/package-root.ts';
import { run } from '../../../src/process/run.ts';
import { startWorld } from '../../admin/world.ts';
import { temporaryFolder } from '../../store/folder.ts';

const DEBIAN = 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n';
const ROCKY = 'NAME="Rocky Linux"\nVERSION_ID="9.4"\nID="rocky"\nID_LIKE="rhel centos fedora"\n';

test('a head gets the packages that the package of muster recommends', async t => {
  const { PACKAGES } = (await import(pathToFileURL(join(packageRoot, 'scripts/packages.mjs')).href)) as {
    PACKAGES: { name: string; for: string[] }[];
  };
  const recommended = new Set(PACKAGES.filter(row => row.for.includes('head')).map(row => row.name));
  t.deepEqual(HEAD_PACKAGES.map(({ deb }) => deb).sort(), [...recommended].sort());
});

test("only missing packages are installed, with the system's package manager", t => {
  const there =
    (...names: string[]) =>
    (shows: string): boolean =>
      names.includes(shows);
  const all = HEAD_PACKAGES.map(({ shows }) => shows);
  t.deepEqual(planPackages(there('bin/apt-get', ...all), true).missing, []);
  const debian = planPackages(there('bin/apt-get', 'bin/dnf', ...all.filter(shows => shows !== 'sbin/radvd')), true);
  t.is(debian.installer?.program, 'apt-get');
  t.deepEqual(debian.missing, ['radvd']);
  const rhel = planPackages(there('bin/dnf'), false);
  t.is(rhel.installer?.program, 'dnf');
  t.true(rhel.missing.includes('grub2-tools') && !rhel.missing.includes('mmdebstrap'));
  t.is(planPackages(there('bin/zypper'), false).installer, undefined);
});

test("the distro is the head's own, from the repositories that the head uses itself", t => {
  const targets = [
    'http://security.example.org/debian-security/ bookworm-security main',
    'http://mirror.example.org/debian/ bookworm contrib',
    'http://mirror.example.org/debian/ bookworm main',
  ].join('\n');
  t.deepEqual(planDistro({ os: readOsRelease(DEBIAN), aptTargets: targets, repoFiles: [] }), {
    distro: 'Debian',
    steps: [
      ['repo', 'create', 'name=Debian_main', 'urls=http://mirror.example.org/debian'],
      ['distro', 'create', 'name=Debian', 'release=bookworm', 'repos=Debian_main'],
      ['cluster', '--set-distro', 'Debian'],
    ],
  });
  const files = ['/etc/yum.repos.d/rocky.repo'];
  t.deepEqual(planDistro({ os: readOsRelease(ROCKY), aptTargets: '', repoFiles: files }), {
    distro: 'Rocky',
    steps: [
      ['distro', 'import', '--name', 'Rocky', '--release', '9', ...files],
      ['cluster', '--set-distro', 'Rocky'],
    ],
  });
});

test('without apt sources Debian has its usual mirror; another system is refused with the reason', t => {
  const plan = planDistro({ os: readOsRelease(DEBIAN), aptTargets: '', repoFiles: [] });
  t.true('steps' in plan && plan.steps[0]?.includes('urls=http://deb.debian.org/debian'));
  t.true('refused' in planDistro({ os: readOsRelease(ROCKY), aptTargets: '', repoFiles: [] }));
  t.true('refused' in planDistro({ os: readOsRelease('ID=debian\n'), aptTargets: '', repoFiles: [] }));
});

test('an interrupted run resumes where it stopped', t => {
  const common = { uid: 'u', revision: 1, created: 0, modified: 0 };
  const image = { ...common, name: 'DefaultImage', content: 'there' };
  const group = { ...common, name: 'DefaultAttribs', attributes: {} };
  const none = { images: [], configs: [], groups: [group], settings: { ...common, name: 'cluster' } };
  const boot = { ...common, name: 'DefaultBoot', image: 'DefaultImage' };
  const steps = (found: Partial<Parameters<typeof restOfDefaults>[0]>): string[] =>
    restOfDefaults({ ...none, ...found }).steps.map(words => words.join(' '));
  t.deepEqual(steps({}), ['add-boot-config --make-defaults']);
  t.deepEqual(steps({ images: [image] }), ['add-boot-config --make-defaults --image DefaultImage']);
  const create = 'modimg --create --set-name DefaultImage --overwrite --upload';
  t.deepEqual(steps({ configs: [boot] }), [create, 'mkramfs --update DefaultBoot']);
  t.deepEqual(steps({ configs: [boot], images: [image] }), ['mkramfs --update DefaultBoot']);
  t.deepEqual(steps({ configs: [{ ...common, name: 'DefaultBoot' }], images: [image] }), [
    'boot -i DefaultBoot update image=DefaultImage',
    'mkramfs --update DefaultBoot',
  ]);
  t.deepEqual(steps({ configs: [{ ...boot, kernel: 'k', initramfs: 'i' }], images: [image] }), []);
  const chosen = { ...group, attributes: { _boot_config: 'Site' } };
  t.deepEqual(
    steps({ groups: [chosen], configs: [{ ...common, name: 'Site' }] }),
    [],
    'the administrator has chosen another',
  );
});

test('a head without a reachable repository is ready, and reports what to run later', async t => {
  const folder = temporaryFolder(t);
  const world = await startWorld(folder);
  t.teardown(world.stop);
  const socket = join(folder, 'run/admin.sock');
  const muster = async (...words: string[]) =>
    run(process.execPath, [join(packageRoot, 'dist/src/cli/bin.js'), ...words, '--socket', socket]);
  for (const words of [
    ['repo', 'create', 'name=Gone', `urls=file://${folder}/gone`],
    ['distro', 'create', 'name=Own', 'release=bookworm', 'repos=Gone'],
    ['cluster', '--set-distro', 'Own'],
  ])
    t.is((await muster(...words)).status, 0, words.join(' '));
  const config = join(folder, 'muster.toml');
  const init = ['init', '--address', '10.54.0.1/24', '--config', config, '--with-defaults'];
  const { status, stdout, stderr } = await muster(...init);
  t.is(status, 0, stderr);
  t.regex(stdout, /The repo Gone cannot be read/);
  t.regex(stdout, /^ {2}muster add-boot-config --make-defaults$/m);
  // The second time finds the same, and changes nothing.
  const again = await muster(...init, '--json');
  const report: unknown = JSON.parse(again.stdout);
  t.like(report, { done: [] });

  // A boot config without a kernel boots nothing: what completes it is left to do.
  t.is((await muster('boot', 'create', 'name=DefaultBoot')).status, 0);
  t.regex((await muster(...init)).stdout, /^ {2}muster mkramfs --update DefaultBoot$/m);
});

test('installing takes root, and a dry run shows what would be done', async t => {
  const folder = temporaryFolder(t);
  const socket = join(folder, 'none.sock');
  const command = [join(packageRoot, 'dist/src/cli/bin.js'), 'install', '--address', '10.54.0.1/24'];
  const words = ['--config', join(folder, 'muster.toml'), '--socket', socket];
  const dry = await run(process.execPath, [...command, ...words, '--dry-run']);
  t.is(dry.status, 0, dry.stderr);
  t.regex(dry.stdout, /Dry run/);
  if (process.getuid?.() !== 0) {
    t.is((await run(process.execPath, [...command, ...words])).status, 7);
    return;
  }
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, ...command, ...words];
  t.throws(() => execFileSync('setpriv', user, { stdio: 'pipe' }), { message: /requires root|EACCES|status 7/ });
});
