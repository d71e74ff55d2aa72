#!/usr/bin/env node
// Builds the packages of this machine's architecture into out/: `npm run package`.
//   node scripts/package.mjs [--deb] [--rpm] [--quick] [--out FOLDER] [--version VERSION]
// Without --deb and --rpm it makes both, as far as this machine has their tools; --quick does not compress, for tests.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PACKAGES } from './packages.mjs';
import { fillStage } from './packaging/stage.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ARCHITECTURES = { x64: { deb: 'amd64', rpm: 'x86_64' }, arm64: { deb: 'arm64', rpm: 'aarch64' } };
const SUMMARY = 'boot-path server for compute clusters: DHCP, TFTP, HTTP, iSCSI';
const DESCRIPTION = [
  'musterd takes the nodes of a cluster from power-on to a running system;',
  'muster is its command line. Node.js comes with it.',
];
/** What `Recommends` names on RHEL and Fedora, where the packages have other names. */
const RPM_RECOMMENDS = ['ipxe-bootimgs-x86', 'squashfs-tools', 'grub2-tools', 'grub2-efi-x64-modules'];

const { values: given } = parseArgs({
  options: {
    deb: { type: 'boolean' },
    rpm: { type: 'boolean' },
    quick: { type: 'boolean' },
    out: { type: 'string' },
    version: { type: 'string' },
  },
});
const architecture = ARCHITECTURES[process.arch];
if (!architecture) stop(`There are no packages for ${process.arch}.`);
if (!existsSync(join(ROOT, 'dist/src/main.js'))) stop("dist/ is missing: 'npm run package' builds it first.");
const version = given.version ?? JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const out = resolve(given.out ?? join(ROOT, 'out'));
const both = !given.deb && !given.rpm;
const folder = mkdtempSync(join(tmpdir(), 'muster-package-'));
try {
  mkdirSync(out, { recursive: true });
  const stage = join(folder, 'stage');
  say(`staging muster ${version}`);
  const { glibc } = await fillStage(ROOT, stage, version);
  const made = [];
  if (given.rpm || (both && has('rpmbuild', 'rpm (Debian) or rpm-build (RHEL)'))) made.push(rpm(stage));
  if (given.deb || (both && has('dpkg-deb', 'dpkg'))) made.push(deb(stage, glibc));
  for (const file of made)
    say(`${file}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB, for glibc ${glibc} or newer`);
} catch (error) {
  stop(error.message);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function deb(stage, glibc) {
  // Debian's zsh searches vendor-completions.
  rmSync(join(stage, 'usr/share/zsh/site-functions'), { recursive: true });
  const control = join(stage, 'DEBIAN');
  mkdirSync(control);
  const recommends = PACKAGES.filter(row => row.for.includes('head')).map(({ name }) => name);
  const fields = [
    ['Package', 'muster'],
    ['Version', version],
    ['Architecture', architecture.deb],
    ['Maintainer', 'the muster developers <muster@localhost>'],
    ['Section', 'admin'],
    ['Priority', 'optional'],
    ['Installed-Size', String(Math.ceil(Number(run('du', ['-sk', stage]).split('\t')[0])))],
    ['Depends', `libc6 (>= ${glibc}), libstdc++6, libgcc-s1, passwd`],
    ['Recommends', recommends.join(', ')],
    ['Description', [SUMMARY, ...DESCRIPTION.map(line => ` ${line}`)].join('\n')],
  ];
  writeFileSync(join(control, 'control'), `${fields.map(([name, value]) => `${name}: ${value}`).join('\n')}\n`);
  for (const name of ['postinst', 'prerm', 'postrm']) {
    copyFileSync(join(ROOT, `packaging/deb-${name}.sh`), join(control, name));
    chmodSync(join(control, name), 0o755);
  }
  const file = join(out, `muster_${version}_${architecture.deb}.deb`);
  say(`writing ${file}`);
  run(
    'dpkg-deb',
    ['--root-owner-group', ...(given.quick ? ['-Znone'] : ['-Zxz', '-z3']), '--build', stage, file],
    'dpkg',
  );
  rmSync(control, { recursive: true });
  return file;
}

function rpm(stage) {
  const spec = join(folder, 'muster.spec');
  const lines = [
    '%global debug_package %{nil}',
    '%define _build_id_links none',
    // As staged: not stripped, no shebang rewritten.
    '%global __os_install_post %{nil}',
    // The bundled Node comes from this package.
    '%global __requires_exclude ^/usr/lib/muster/',
    '%global __provides_exclude_from ^/usr/lib/muster/.*$',
    'Name: muster',
    `Version: ${version.replace(/-.*/, '')}`,
    'Release: 1',
    `Summary: ${SUMMARY}`,
    'License: Apache-2.0',
    'Requires(pre): shadow-utils',
    ...RPM_RECOMMENDS.map(name => `Recommends: ${name}`),
    '%description',
    ...DESCRIPTION,
    '%install',
    `cp -a ${stage}/. %{buildroot}`,
    readFileSync(join(ROOT, 'packaging/rpm-scripts.spec'), 'utf8'),
    '%files',
    '%defattr(-,root,root,-)',
    '%dir /etc/muster',
    '/usr/lib/muster',
    '/usr/lib/systemd/system/musterd*.service',
    '/usr/bin/*',
    '/usr/share/man/man1/*',
    '/usr/share/bash-completion/completions/*',
    '/usr/share/zsh/site-functions/_muster',
    '%exclude /usr/share/zsh/vendor-completions',
    '%doc /usr/share/doc/muster',
  ];
  writeFileSync(spec, `${lines.join('\n')}\n`);
  const definitions = [`_topdir ${join(folder, 'rpm')}`, `_binary_payload ${given.quick ? 'w0.gzdio' : 'w3.zstdio'}`];
  say('writing the rpm');
  run(
    'rpmbuild',
    ['-bb', '--target', architecture.rpm, ...definitions.flatMap(text => ['--define', text]), spec],
    'rpm (Debian) or rpm-build (RHEL)',
  );
  const built = join(folder, 'rpm/RPMS', architecture.rpm);
  const [name] = readdirSync(built);
  copyFileSync(join(built, name), join(out, name));
  return join(out, name);
}

/** Whether a tool is there; says which package has it when not. */
function has(command, packageName) {
  if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined) return true;
  say(`'${command}' is missing (package ${packageName}): no such package is made`);
  return false;
}

function run(command, args, packageName) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error?.code === 'ENOENT') throw new Error(`'${command}' is missing; install the package ${packageName}.`);
  if (status !== 0)
    throw new Error(`'${command}' ended with status ${status}: ${(stderr || stdout).trim().slice(-2000)}`);
  return stdout;
}

function say(text) {
  process.stderr.write(`package: ${text}\n`);
}

function stop(text) {
  say(text);
  process.exit(1);
}
