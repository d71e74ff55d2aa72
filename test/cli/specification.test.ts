// Every command line of the specification, word for word and in its order, typed into a shell beside a living daemon.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { TestDaemon } from './daemon.ts';
import { CENTOS_BASE_REPO, isoFile, kernelFile } from './files.ts';

interface Row {
  line: string;
  /** The whole output, or a pattern in it. */
  prints?: string | RegExp;
  /** What the line still waits for; it must fail, and this mark goes when it no longer does. */
  waits?: 'CentOS mirror' | 'image with content' | 'running node';
  /** The line is right, and what it says on standard error is why it cannot be done here. */
  fails?: RegExp;
}

/** A line that is in no specification and makes true what the next ones assume. */
const prepare = (line: string): Row => ({ line });
/** Wants packages of CentOS from the internet; test/cli/modimg.test.ts does the same with repositories of its own. */
const image = (line: string): Row => ({ line, waits: 'CentOS mirror' });
/** test/lab/boot/images.test.ts captures a node that runs. */
const capture = (line: string): Row => ({ line, waits: 'running node' });
/** Works when the image was really made; here the images before it in the specification are only names. */
const content = (line: string): Row => ({ line, waits: 'image with content' });
/** No machine is behind a node of this test, so that nothing is to be asked softly. */
const softly = (line: string): Row => ({ line, fails: /^n0: the node is not up\n$/ });

const COMPUTE_NODE_FIELDS: Row[] = [
  prepare('scyld-nodectl create mac=08:00:27:f0:44:35'),
  { line: 'scyld-nodectl -i n0 list --long-long', prints: /^Nodes\n {2}n0\n {4}attributes/ },
  { line: 'scyld-nodectl -i n0 ls -L', prints: /\n {4}uid: [0-9a-f]{32}\n/ },
  { line: 'scyld-nodectl -i n0 list --long', prints: /\n {4}mac: 08:00:27:f0:44:35\n/ },
  { line: 'scyld-nodectl -i n0 ls -l', prints: /\n {4}type: compute\n/ },
  { line: 'scyld-nodectl -i n0 update power_uri=vbox://192.168.56.1/CW_Compute0', prints: /power_uri/ },
  { line: 'scyld-nodectl -i n0 update power_uri=ipmi:///admin:password@172.45.88.1', prints: /^(?!.*password)/s },
  {
    line: 'scyld-nodectl -i n0 update power_uri=ipmi://remote_server/admin:password@172.45.88.1',
    prints: /^(?!.*password)/s,
  },
  prepare('scyld-nodectl -i n0 update power_uri=switch://rack1/n0'),
  { line: 'scyld-nodectl -i n0 power on', prints: 'n0: on\n' },
  { line: 'scyld-nodectl -i n0 power off', prints: 'n0: off\n' },
  { line: 'scyld-nodectl -i n0 power cycle', prints: 'n0: on\n' },
  { line: 'scyld-nodectl -i n0 shutdown --hard', prints: 'n0: off (hard)\n' },
  { line: 'scyld-nodectl -i n0 reboot --hard', prints: 'n0: on (hard)\n' },
  softly('scyld-nodectl -i n0 shutdown --soft'),
  softly('scyld-nodectl -i n0 reboot --soft'),
  { line: 'scyld-nodectl -i n0 reboot', prints: 'n0: on (hard, after soft failed: the node is not up)\n' },
  { line: 'scyld-nodectl -i n0 shutdown', prints: 'n0: off (hard, after soft failed: the node is not up)\n' },
];

const BOOT_CONFIGURATIONS: Row[] = [
  prepare('scyld-imgctl create name=DefaultImage'),
  prepare('scyld-bootctl create name=DefaultBoot image=DefaultImage cmdline=enforcing=0'),
  prepare('scyld-bootctl create name=xyzBoot'),
  {
    line: 'scyld-bootctl -i DefaultBoot update name="NewName" description="New description"',
    prints: "NewName: name: 'DefaultBoot' -> 'NewName'\nNewName: description: '' -> 'New description'\n",
  },
  prepare('scyld-bootctl -i NewName update name=DefaultBoot'),
  {
    line: 'scyld-bootctl -i DefaultBoot update kernel=@/boot/vmlinuz-3.10.0-862.el7.x86_64',
    prints: /release: '' -> '3\.10\.0-862\.el7\.x86_64'/,
  },
  { line: 'scyld-bootctl -i xyzBoot update frozen=true', prints: "xyzBoot: frozen: 'false' -> 'true'\n" },
  { line: 'scyld-bootctl -i xyzBoot update frozen=false', prints: "xyzBoot: frozen: 'true' -> 'false'\n" },
  { line: 'scyld-bootctl -i xyzBoot delete', prints: 'deleted xyzBoot\n' },
];

const DISTROS = `Distros
  CentOS
    name: CentOS
    package_manager: yum
    release: 7
    repos
      CentOS_base
`;

const CREATING_IMAGES: Row[] = [
  prepare(
    "scyld-clusterctl repos create name=CentOS_base 'urls=http://mirror.centos.org/centos/$releasever/os/$basearch/'",
  ),
  prepare('scyld-clusterctl distros create name=CentOS repos=CentOS_base release=7 package_manager=yum'),
  prepare('scyld-clusterctl --set-distro CentOS'),
  { line: 'scyld-clusterctl distros ls -l', prints: DISTROS },
  {
    line: 'scyld-clusterctl repos ls -l',
    prints: `Repos
  CentOS_base
    keys: []
    name: CentOS_base
    urls
      http://mirror.centos.org/centos/$releasever/os/$basearch/
`,
  },
  image('scyld-modimg --create --set-name NewImg'),
  { line: 'scyld-clusterctl distros create name=CentOS6 release=6 repos=CentOS_base', prints: 'created CentOS6\n' },
  prepare('scyld-clusterctl distros -i CentOS6 update package_manager=yum'),
  {
    line: 'scyld-clusterctl distros ls -l',
    prints: `${DISTROS}${DISTROS.replace('Distros\n', '').replaceAll('  CentOS\n', '  CentOS6\n').replace('name: CentOS\n', 'name: CentOS6\n').replace('release: 7', 'release: 6')}`,
  },
  { line: 'scyld-clusterctl --get-distro', prints: 'Default distro: CentOS\n' },
  image('scyld-modimg --create CentOS6 --set-name CentOS6_image'),
  { line: 'scyld-clusterctl --set-distro CentOS6', prints: "cluster: default_distro: 'CentOS' -> 'CentOS6'\n" },
  image('scyld-modimg --create --set-name CentOS6_image'),
  { line: 'scyld-attribctl -i DefaultAttribs rm', prints: /^deleted DefaultAttribs$/m },
  { line: 'scyld-bootctl -i DefaultBoot rm', prints: 'deleted DefaultBoot\n' },
  { line: 'scyld-imgctl -i DefaultImage rm', prints: 'deleted DefaultImage\n' },
  image('scyld-add-boot-config --make-defaults'),
];

const MODIFYING_IMAGES: Row[] = [
  prepare('scyld-imgctl create name=DefaultImage'),
  { line: 'scyld-imgctl -i DefaultImage clone name=mpiImage', prints: 'created mpiImage\n' },
  content('scyld-add-boot-config --image mpiImage --boot-config mpiBoot'),
  content('scyld-modimg -i mpiImage --install openmpi3.1'),
  prepare('scyld-bootctl create name=mpiBoot image=mpiImage cmdline=enforcing=0'),
  { line: 'scyld-bootctl -i mpiBoot clone name=mpiAltBoot', prints: 'created mpiAltBoot\n' },
  { line: 'scyld-bootctl -i mpiAltBoot ls -l | grep cmdline', prints: '    cmdline: enforcing=0\n' },
  {
    line: 'scyld-bootctl -i mpiAltBoot update cmdline="enforcing=0 console=ttyS1,115200"',
    prints: "mpiAltBoot: cmdline: 'enforcing=0' -> 'enforcing=0 console=ttyS1,115200'\n",
  },
  content('scyld-modimg -i mpiImage --chroot'),
  image('scyld-modimg --create --set-name mpiImage --install openmpi3.1 --chroot'),
  image(
    'scyld-modimg --create --set-name mpiImage --install openmpi3.1 --chroot \\\n    --no-discard --overwrite --upload',
  ),
  content('scyld-modimg -i mpiImage --query clusterware-node'),
  content('scyld-modimg -i mpiImage --query'),
  prepare(
    `echo '${JSON.stringify(Array.from({ length: 15 }, (_, at) => ({ mac: `08:00:27:00:01:${String(at + 10)}` })))}' >nodes.json`,
  ),
  prepare('scyld-nodectl create --content @nodes.json'),
  {
    line: 'scyld-nodectl -i n[0-15] set _boot_config=mpiBoot',
    prints: /^n0: _boot_config: none -> 'mpiBoot'\n(.*\n){15}$/,
  },
];

const WORKING_WITH_IMAGES: Row[] = [
  { line: 'scyld-modimg -i mpiImage --delete', prints: '' },
  { line: 'scyld-imgctl --show-uids ls mpiImage', prints: /^Images\n {2}mpiImage \([0-9a-f]{32}\)\n$/ },
  content('scyld-modimg -i mpiImage --upload'),
  prepare('scyld-imgctl create name=Prod202404'),
  prepare('scyld-bootctl create name=ProdBoot202404 image=Prod202404'),
  content('scyld-modimg -i Prod202404 --chroot --overwrite --upload'),
  content('scyld-modimg -i Prod202404 --update --overwrite --upload'),
  content('scyld-mkramfs --kver 5.14.0-362.24.1.el9_3.x86_64 --update ProdBoot202404'),
  prepare('scyld-imgctl -i Prod202404 clone name=Prod202404Cloned'),
  content('scyld-add-boot-config --image Prod202404Cloned –boot-config ProdBoot202404New'),
  content('scyld-modimg -iProd202404 --copyin prod-install.sh /root --chroot --upload --overwrite'),
  content('scyld-modimg -iProd202404 --copyin prod-install.sh /root --chroot 5.14.0 --upload --overwrite'),
  capture('scyld-modimg --capture n0 --set-name Prod202404 --chroot --upload'),
  capture('scyld-modimg --capture n0 --set-name NewImage'),
  content('scyld-add-boot-config --image NewImg --boot-config NewBoot'),
  { line: 'scyld-modimg ls', prints: /^Local images .*\nRemote images\n/ },
  prepare('scyld-imgctl create name=xyzImage'),
  { line: 'scyld-modimg -i xyzImage --delete', prints: '' },
  { line: 'scyld-modimg --all --delete', prints: '' },
  { line: 'scyld-imgctl -i xyzImage update frozen=true', prints: "xyzImage: frozen: 'false' -> 'true'\n" },
  { line: 'scyld-imgctl -i xyzImage update frozen=false', prints: "xyzImage: frozen: 'true' -> 'false'\n" },
  { line: 'scyld-imgctl -i xyzImage delete', prints: 'deleted xyzImage\n' },
];

const REPOS_AND_DISTROS: Row[] = [
  prepare('scyld-clusterctl distros --all delete --force && scyld-clusterctl repos --all delete'),
  {
    line: 'scyld-clusterctl repos create name=CentOS_base \\\n    urls=http://mirror.centos.org/centos/$releasever/os/$basearch/',
    prints: 'created CentOS_base\n',
  },
  { line: 'scyld-clusterctl distros create name=CentOS repos=CentOS_base release=7', prints: 'created CentOS\n' },
  {
    line: 'scyld-clusterctl distros import --name CentOS7 /etc/yum.repos.d/CentOS-Base.repo',
    prints: 'created base\ncreated updates\ncreated extras\ncreated CentOS7\n',
  },
  {
    line: 'scyld-clusterctl repos create name=CentOS-vault \\\n    urls=http://vault.centos.org/\\$releasever/os/\\$basearch/',
    prints: 'created CentOS-vault\n',
  },
  {
    line: 'scyld-clusterctl distros create name=CentOS_7.3 repos=CentOS-vault release=7.3.1611',
    prints: 'created CentOS_7.3\n',
  },
  image('scyld-modimg --create CentOS_7.3 --set-name CentOS_7.3_img'),
  content('scyld-modimg -i CentOS_7.3_img --chroot'),
  {
    line: 'scyld-clusterctl repos create name=centos_7.9_iso \\\n    iso=@/path/to/CentOS-7-x86_64-DVD-2009.iso',
    prints: 'created centos_7.9_iso\n',
  },
  {
    line: 'scyld-clusterctl distros create name=centos_7.9_distro repos=centos_7.9_iso',
    prints: 'created centos_7.9_distro\n',
  },
  image('scyld-modimg --create centos_7.9_distro --set-name centos_7.9_image'),
];

const CHAPTERS: [string, Row[]][] = [
  ['Compute Node Fields, IPMI Access', COMPUTE_NODE_FIELDS],
  ['Boot Configurations', BOOT_CONFIGURATIONS],
  ['Creating PXEboot Images', CREATING_IMAGES],
  ['Modifying PXEboot Images', MODIFYING_IMAGES],
  ['Caching, Updating, Capturing, Deleting, Freezing', WORKING_WITH_IMAGES],
  ['Repos and Distros', REPOS_AND_DISTROS],
];

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
  layFiles(daemon.folder);
});
test.after.always(async () => daemon?.stop());

/** What the specification's lines send from the head's own folders. */
function layFiles(folder: string): void {
  const files: [string, string | Buffer][] = [
    ['boot/vmlinuz-3.10.0-862.el7.x86_64', kernelFile('3.10.0-862.el7.x86_64')],
    ['etc/yum.repos.d/CentOS-Base.repo', CENTOS_BASE_REPO],
    ['path/to/CentOS-7-x86_64-DVD-2009.iso', isoFile('CentOS 7 x86_64')],
    ['prod-install.sh', '#!/bin/sh\n'],
    // A power driver of the site: the state of its one machine is a file.
    [
      'power.d/switch',
      `#!/bin/sh\ncd '${folder}'\nif [ "$1" = status ]; then cat switched || echo off; elif [ "$1" = off ]; then echo off >switched; else echo on >switched; fi\n`,
    ],
  ];
  for (const [name, content] of files) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: name.startsWith('power.d/') ? 0o755 : 0o644 });
  }
}

/** The head's folders lie below the test's. */
function typed(line: string): string {
  return line.replace(/(?<=[@ ])\/(?=(boot|etc\/yum\.repos\.d|path)\/)/g, `${daemon.folder}/`);
}

for (const [title, rows] of CHAPTERS) {
  test.serial(`the specification's commands: ${title}`, async t => {
    if (!requireAll(t, { programs: ['bash', 'grep'] })) return;
    for (const { line, prints, waits, fails } of rows) {
      const { status, stdout, stderr } = await daemon.shell(typed(line));
      if (waits) {
        t.not(status, 0, `'${line}' works now: take away its mark '${waits}'`);
        t.regex(stderr, /^ERROR: /m, line);
        t.notRegex(stderr, /bug in muster|Unknown option/, line);
      } else if (fails) t.regex(stdout, fails, line);
      else t.is(status, 0, `${line}\n${stdout}${stderr}`);
      if (typeof prints === 'string') t.is(stdout, prints, line);
      else if (prints) t.regex(stdout, prints, line);
    }
  });
}

test.serial('what a shell makes of $releasever without a backslash is stored as it came', async t => {
  const { stdout } = await daemon.run(
    'scyld-clusterctl',
    'repos',
    '-i',
    'CentOS_base',
    '--no-pretty',
    '--json',
    '--fields',
    'urls',
    'ls',
  );
  t.deepEqual(JSON.parse(stdout), [{ name: 'CentOS_base', urls: ['http://mirror.centos.org/centos//os//'] }]);
});

test.serial('a distro of repository files has its repos, their mirrors and keys', async t => {
  const { stdout } = await daemon.run('scyld-clusterctl', 'repos', '-i', 'base', '-i', 'extras', 'ls', '--json');
  const [base, extras] = JSON.parse(stdout) as { keys: string[]; mirrors: string[]; urls: string[] }[];
  t.deepEqual(base?.keys, ['file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7']);
  t.is(base?.mirrors.length, 1);
  t.is(extras?.urls.length, 2);
  const again = await daemon.run(
    'scyld-clusterctl',
    'distros',
    'import',
    '--name',
    'Again',
    '--release',
    '7',
    `${daemon.folder}/etc/yum.repos.d/CentOS-Base.repo`,
  );
  t.is(again.stdout, 'created Again\n', 'repos that are there with the same URLs are used again');
  const distro = await daemon.run('scyld-clusterctl', 'distros', '-i', 'Again', 'ls', '-l');
  t.is(
    distro.stdout,
    'Distros\n  Again\n    name: Again\n    package_manager:\n    release: 7\n    repos\n      base\n      updates\n      extras\n',
  );
});
