// A repository of RPMs made for a test: a small system of one static busybox, packages with scripts, signed or not.
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../../src/process/run.ts';

export const RPM_PROGRAMS = ['rpmbuild', 'rpm', 'createrepo_c', 'dnf', 'busybox'];

interface Spec {
  name: string;
  version: string;
  header?: string;
  install: string;
  scripts?: string;
  files: string;
}

const BASE: Spec = {
  name: 'basefiles',
  version: '1.0',
  header: 'Provides: filesystem = 1.0\nProvides: bash = 5\nProvides: /bin/sh',
  install: `mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/var/tmp %{buildroot}/root
cp /bin/busybox %{buildroot}/usr/bin/busybox
# A file of its own, so that it can be covered.
cp /bin/busybox %{buildroot}/usr/bin/uname
for n in sh ls cat env mkdir rm true false touch echo id rpm2cpio; do ln -s busybox %{buildroot}/usr/bin/$n; done
ln -s usr/bin %{buildroot}/bin
echo root:x:0:0:root:/root:/bin/sh >%{buildroot}/etc/passwd
echo root:x:0: >%{buildroot}/etc/group`,
  files: '/',
};

const CORE: Spec = {
  name: 'coretool',
  version: '2',
  install: 'mkdir -p %{buildroot}/usr/share/coretool',
  scripts: '%post -p /bin/sh\n[ -c /dev/null ] && [ -e /proc/self ] && echo ready >/root/coretool.log',
  files: '/usr/share/coretool',
};

/** Its script wants a certain kernel to run, as those of drivers do. */
const DRIVER: Spec = {
  name: 'driver',
  version: '7',
  install: 'mkdir -p %{buildroot}/usr/share/driver',
  scripts:
    '%pre -p /bin/sh\n[ "$(/usr/bin/uname -r)" = 5.14.0-9.el9 ] || { echo "driver: not for kernel $(/usr/bin/uname -r)"; exit 1; }',
  files: '/usr/share/driver',
};

const BROKEN: Spec = {
  name: 'broken',
  version: '1',
  install: 'mkdir -p %{buildroot}/usr/share/broken',
  scripts: '%post -p /bin/sh\nexit 3',
  files: '/usr/share/broken',
};

const MPI: Spec = {
  name: 'openmpi3.1',
  version: '3.1.3',
  install: 'mkdir -p %{buildroot}/usr/share/openmpi',
  files: '/usr/share/openmpi',
};

/** Brings a repository that cannot be reached, as the vault's release packages do. */
const RELEASE: Spec = {
  name: 'lab-release',
  version: '7.3.1611',
  header: 'Provides: system-release = 7.3',
  install: `mkdir -p %{buildroot}/etc/yum.repos.d
printf 'NAME="Lab"\\nID="lab"\\nID_LIKE="rhel fedora"\\nVERSION_ID="7"\\n' >%{buildroot}/etc/os-release
printf '[dead]\\nname=dead\\nbaseurl=http://127.0.0.1:9/os/\\nenabled=1\\ngpgcheck=0\\n' >%{buildroot}/etc/yum.repos.d/dead.repo`,
  files: '/etc/os-release\n/etc/yum.repos.d/dead.repo',
};

const PLAIN_RELEASE: Spec = {
  ...RELEASE,
  name: 'plain-release',
  install: RELEASE.install.replace(/\nprintf '\[dead.*/, ''),
  files: '/etc/os-release\n/etc/yum.repos.d',
};

const COMPS = `<?xml version="1.0" encoding="UTF-8"?>
<comps><group><id>core</id><name>Core</name><description>the core</description><default>false</default><uservisible>false</uservisible>
<packagelist><packagereq type="mandatory">coretool</packagereq></packagelist></group></comps>
`;

export interface RpmRepos {
  /** A system with its group, whose release package brings a dead repository. */
  system: string;
  /** The same without the dead one. */
  plain: string;
  /** More packages. */
  extra: string;
  /** Those of `plain` signed by `key`, and one that is not. */
  signed: string;
  halfSigned: string;
  key: string;
  /** Those of `extra` signed by another key. */
  extraSigned: string;
  extraKey: string;
}

/** Builds all of them below a folder. */
export async function makeRpmRepos(folder: string): Promise<RpmRepos> {
  const build = async (repo: string, specs: readonly Spec[]): Promise<string> => {
    const target = join(folder, repo);
    mkdirSync(target, { recursive: true });
    for (const spec of specs) await buildRpm(folder, target, spec);
    return target;
  };
  const index = async (target: string): Promise<string> => {
    writeFileSync(join(target, 'comps.xml'), COMPS);
    await runOk('createrepo_c', ['-q', '-g', join(target, 'comps.xml'), target]);
    return target;
  };
  const extra = await index(await build('extra', [DRIVER, BROKEN, MPI]));
  const system = await index(await build('system', [BASE, CORE, RELEASE]));
  const plain = await index(await build('plain', [BASE, CORE, PLAIN_RELEASE]));
  const { key, sign } = await makeKey(folder, 'lab');
  const other = await makeKey(folder, 'other');
  const signed = copyOf(plain, join(folder, 'signed'));
  await sign(signed);
  const halfSigned = copyOf(signed, join(folder, 'half-signed'));
  copyFileSync(join(extra, rpmIn(extra, 'openmpi')), join(halfSigned, rpmIn(extra, 'openmpi')));
  const extraSigned = copyOf(extra, join(folder, 'extra-signed'));
  await other.sign(extraSigned);
  for (const target of [signed, halfSigned, extraSigned]) await index(target);
  return { system, plain, extra, signed, halfSigned, key, extraSigned, extraKey: other.key };
}

function rpmIn(folder: string, start: string): string {
  return readdirSync(folder).find(name => name.startsWith(start) && name.endsWith('.rpm')) ?? '';
}

function copyOf(from: string, to: string): string {
  mkdirSync(to);
  for (const name of readdirSync(from)) if (name.endsWith('.rpm')) copyFileSync(join(from, name), join(to, name));
  return to;
}

async function buildRpm(folder: string, target: string, spec: Spec): Promise<void> {
  const file = join(folder, `${spec.name}.spec`);
  const text = [
    `Name: ${spec.name}\nVersion: ${spec.version}\nRelease: 1\nSummary: for a test\nLicense: MIT\nAutoReqProv: no`,
    spec.header ?? '',
    `%description\nfor a test\n%install\n${spec.install}`,
    spec.scripts ?? '',
    `%files\n${spec.files}\n`,
  ].join('\n');
  writeFileSync(file, text);
  const defines = {
    _topdir: join(folder, 'build'),
    _rpmdir: target,
    _rpmfilename: '%{NAME}-%{VERSION}.%{ARCH}.rpm',
    debug_package: '%{nil}',
    __strip: '/bin/true',
    _binary_payload: 'w1.gzdio',
  };
  const words = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  await runOk('rpmbuild', ['-bb', ...words, file]);
}

/** A key of its own, and the way to sign a folder of packages with it. */
async function makeKey(folder: string, name: string): Promise<{ key: string; sign(target: string): Promise<void> }> {
  const home = join(folder, `gnupg-${name}`);
  mkdirSync(home, { mode: 0o700 });
  const env = { GNUPGHOME: home };
  const batch = [
    '--batch',
    '--passphrase',
    '',
    '--quick-generate-key',
    `${name}@example.org`,
    'rsa2048',
    'sign',
    'never',
  ];
  await runOk('gpg', batch, { env });
  const key = join(folder, `RPM-GPG-KEY-${name}`);
  writeFileSync(key, await runOk('gpg', ['--armor', '--export', `${name}@example.org`], { env }));
  return {
    key,
    async sign(target) {
      const files = readdirSync(target).flatMap(name => (name.endsWith('.rpm') ? [join(target, name)] : []));
      await runOk(
        'rpm',
        ['--define', `_gpg_name ${name}@example.org`, '--define', '__gpg /usr/bin/gpg', '--addsign', ...files],
        { env },
      );
      await runOk('gpgconf', ['--kill', 'all'], { env });
    },
  };
}
