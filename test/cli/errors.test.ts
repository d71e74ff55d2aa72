// What an administrator types wrong, and what he is told: each with its exit status and its text.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Programs, TestDaemon } from './daemon.ts';
import { kernelFile } from './files.ts';
import { temporaryFolder } from './folder.ts';

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
  writeFileSync(join(daemon.folder, 'vmlinuz'), kernelFile('6.1.0'));
  writeFileSync(join(daemon.folder, 'two.json'), '[{"description": "a"}, {"description": "b"}]');
  writeFileSync(join(daemon.folder, 'twice.json'), '[{"mac": "08:00:27:00:00:09"}, {"mac": "08:00:27:00:00:09"}]');
  writeFileSync(join(daemon.folder, 'main.repo'), '[main]\ngpgcheck=1\n');
  for (const line of [
    'muster image create name=Img',
    'muster boot create name=Boot image=Img',
    'muster boot create name=Frozen frozen=true',
    'muster node create mac=08:00:27:00:00:01',
    'muster node -i n0 set _boot_config=Boot',
    'muster pool create name=other',
  ])
    await daemon.shell(line);
});
test.after.always(async () => daemon?.stop());

interface Wrong {
  line: string;
  status: number;
  says: string | RegExp;
}

const wrongs: Wrong[] = [
  // Words.
  { line: 'muster', status: 2, says: "ERROR: The command line names no noun.\nSee 'muster --help'.\n" },
  {
    line: 'muster nod ls',
    status: 2,
    says: "ERROR: There is no noun 'nod'.\nDid you mean 'node'? See 'muster --help'.\n",
  },
  { line: 'muster nod ls -l', status: 2, says: "ERROR: There is no noun 'nod'.\n" },
  // Help for what is not there is no help.
  {
    line: 'muster power --help',
    status: 2,
    says: "ERROR: There is no noun 'power'.\nDid you mean 'muster node power'? See 'muster --help'.\n",
  },
  { line: 'muster help powr', status: 2, says: "ERROR: There is no noun 'powr'.\n" },
  {
    line: 'muster node lst --help',
    status: 2,
    says: "ERROR: 'muster node' has no action 'lst'.\nDid you mean 'list'? See 'muster node --help'.\n",
  },
  {
    line: 'muster node',
    status: 2,
    says: "ERROR: 'muster node' needs an action: list, create, update, replace, delete, set, ",
  },
  {
    line: 'muster node lst',
    status: 2,
    says: "ERROR: 'muster node' has no action 'lst'.\nDid you mean 'list'? See 'muster node --help'.\n",
  },
  {
    line: 'scyld-nodectl -i n0 power sideways',
    status: 2,
    says: "ERROR: There is no 'power sideways'; there are status, on, off, cycle, reset, drivers.\n",
  },
  {
    line: 'scyld-clusterctl distros lss',
    status: 2,
    says: "ERROR: 'muster cluster distro' has no action 'lss'.\nDid you mean 'ls'?",
  },
  { line: 'scyld-clusterctl', status: 2, says: "ERROR: 'muster cluster' needs an action, or --get-… or --set-…" },
  { line: 'muster node ls --jsn', status: 2, says: "ERROR: Unknown option '--jsn'.\nDid you mean --json?\n" },
  { line: 'muster --jsn', status: 2, says: "ERROR: 'muster' has no option '--jsn'.\nDid you mean '--json'?" },
  { line: 'muster node ls -i', status: 2, says: "ERROR: Option '-i, --ids <id>' argument missing.\n" },
  { line: 'muster node set', status: 2, says: "ERROR: 'set' needs attributes: name=value.\n" },
  {
    line: 'muster status extra',
    status: 2,
    says: /^ERROR: Too many arguments for 'status'\. Expected 0 arguments but got 1\b/,
  },
  {
    line: 'muster completion fish',
    status: 2,
    says: "ERROR: muster has no completion for 'fish', only for bash and zsh.\n",
  },
  { line: 'muster man nodde', status: 2, says: "ERROR: There is no manual page 'nodde'.\nDid you mean 'node'?\n" },
  // A word that is missing.
  {
    line: 'muster node power',
    status: 2,
    says: "ERROR: Missing required argument 'action'.\nUsage: muster node power [options] <action> [names...]. See 'muster node power --help'.\n",
  },
  // Options that cannot be combined.
  { line: 'muster node ls --json --yaml', status: 2, says: 'ERROR: --json, --yaml and --csv cannot be combined.\n' },
  { line: 'muster node --all -i n0 ls', status: 2, says: 'ERROR: --all and -i cannot be combined.\n' },
  { line: 'muster node --up --down ls', status: 2, says: 'ERROR: --up and --down cannot be combined.\n' },
  {
    line: 'muster node -i n0 create mac=08:00:27:00:00:02',
    status: 2,
    says: "ERROR: 'create' takes no selection; leave out -i, --all and the like.\n",
  },
  { line: 'muster --base-url http://head/api/v1 node ls', status: 2, says: /only on its Unix socket/ },
  { line: 'muster -u a:b node ls', status: 2, says: /--user takes only a name/ },
  { line: 'muster -c missing.toml node ls', status: 2, says: 'ERROR: missing.toml: cannot be read: ENOENT' },
  // Selections.
  {
    line: 'muster node delete',
    status: 2,
    says: "ERROR: 'delete' needs a selection: -i NAME, --all, --up, --down, or -s EXPRESSION.\n",
  },
  {
    line: 'muster boot update cmdline=x',
    status: 2,
    says: "ERROR: 'update' needs a selection: -i NAME, --all, or -s EXPRESSION.\n",
  },
  { line: 'muster node -i n123 ls', status: 4, says: 'ERROR: No node found for ID=n123\n' },
  { line: 'muster boot -i Bot ls', status: 4, says: 'ERROR: No boot config found for ID=Bot\nDid you mean Boot?\n' },
  { line: "muster node -i 'n[0-' ls", status: 2, says: /^ERROR: The selection 'n\[0-' cannot be read/ },
  {
    line: "muster node -s 'index <' ls",
    status: 2,
    says: 'ERROR: The expression "index <" cannot be read at character 8: a value is wanted here, not the end.\n',
  },
  { line: "muster node -s 'rak == b' ls", status: 2, says: /^ERROR: A node has no 'rak' to select by/ },
  {
    line: "muster node -s 'indx == 0' ls",
    status: 2,
    says: "ERROR: A node has no 'indx' to select by; did you mean 'index'?\n",
  },
  {
    line: "muster node -s 'name == n9' set rack=b",
    status: 4,
    says: 'ERROR: No node matches the selection; nothing was changed.\n',
  },
  { line: 'muster node --up delete', status: 4, says: 'ERROR: No node matches the selection; nothing was changed.\n' },
  {
    line: 'muster boot --all clone name=X',
    status: 4,
    says: 'ERROR: The selection names 2 bootconfigs; expected exactly one.\n',
  },
  // Fields and values.
  {
    line: 'muster node ls --fields nam',
    status: 2,
    says: "ERROR: A node has no field 'nam' to show.\nDid you mean 'name'?\n",
  },
  {
    line: 'muster node -i n0 update cmdlin=quiet',
    status: 2,
    says: "ERROR: A node has no field 'cmdlin'; did you mean 'cmdline'?",
  },
  { line: 'muster node -i n0 update quiet', status: 2, says: "ERROR: 'quiet' is not of the form name=value.\n" },
  {
    line: 'muster node --bogus ls',
    status: 2,
    says: "ERROR: 'muster node' has no option '--bogus'.\nSee 'muster node --help'.\n",
  },
  { line: 'muster --alll node ls', status: 2, says: "ERROR: 'muster' has no option '--alll'.\nSee 'muster --help'.\n" },
  {
    line: "muster boot -i Boot update 'cmdline=a || b'",
    status: 2,
    says: /cmdline='a \|\| b' must have no '\|\|', '&&' or ';'/,
  },
  { line: 'muster boot -i Boot update kernel=@', status: 2, says: 'ERROR: kernel=@ names no file.\n' },
  { line: 'muster log --limit x', status: 2, says: "ERROR: --limit 'x' must be a whole number, 1 or more.\n" },
  {
    line: 'muster node -i n0 timeline --boots 0',
    status: 2,
    says: "ERROR: --boots '0' must be a whole number, 1 or more.\n",
  },
  { line: 'muster node -i n0 update cmdline=a cmdline=b', status: 2, says: "ERROR: 'cmdline' is given twice.\n" },
  { line: 'muster node -i n0 update', status: 2, says: "ERROR: 'update' needs field=value, or --content @FILE.\n" },
  {
    line: 'muster node -i n0 update index=many',
    status: 2,
    says: "ERROR: node: index='many' must be a whole number from 0 to 1000000",
  },
  {
    line: 'muster node create mac=08:00',
    status: 2,
    says: "ERROR: node: mac='08:00' must be a MAC address such as 08:00:27:f0:44:35",
  },
  { line: 'muster node create description=x', status: 2, says: 'ERROR: A node needs mac=…' },
  {
    line: 'muster boot -i Boot update release=5',
    status: 2,
    says: "ERROR: The field 'release' of a boot config is kept by muster",
  },
  {
    line: 'muster boot -i Boot update boot_style=ramdisk',
    status: 2,
    says: /boot_style='ramdisk' must be one of rwram, roram/,
  },
  { line: 'muster boot -i Boot update kernel=vmlinuz', status: 2, says: /must be a local file: write kernel=@vmlinuz/ },
  { line: 'muster boot -i Boot update kernel=@missing', status: 2, says: 'ERROR: missing: cannot be read: ENOENT' },
  {
    line: 'muster boot -i Boot update kernel=@missing --dry-run',
    status: 2,
    says: 'ERROR: missing: cannot be read: ENOENT',
  },
  { line: 'muster boot -i Boot update kernel=@two.json', status: 2, says: 'ERROR: The file is not a Linux kernel' },
  {
    line: 'muster node -i n0 set _boot_style=ramdisk',
    status: 2,
    says: "ERROR: attribute '_boot_style': 'ramdisk' must be one of rwram, roram",
  },
  { line: 'muster node -i n0 set _boot_config=None', status: 2, says: /names no boot config; there are Boot, Frozen/ },
  { line: 'muster node -i n0 set _boot_stile=roram', status: 2, says: /did you mean '_boot_style'/ },
  // Files.
  {
    line: 'muster node create --content nodes.json',
    status: 2,
    says: "ERROR: --content 'nodes.json' must be a file: write --content @nodes.json\n",
  },
  { line: 'muster node create --content @missing', status: 2, says: 'ERROR: missing: cannot be read: ENOENT' },
  {
    line: 'muster node -i n0 update --content @two.json',
    status: 2,
    says: "ERROR: 'update' takes the fields of one object, but the file has 2.\n",
  },
  { line: 'muster distro import CentOS.repo', status: 2, says: 'ERROR: import needs --name NAME for the distro.\n' },
  {
    line: 'muster distro import --name X main.repo',
    status: 2,
    says: /^main\.repo: \[main\] is not a repository; left out\nERROR: main\.repo: no repository is enabled in them\.\n/,
  },
  // The state of things.
  {
    line: 'muster node create mac=08:00:27:00:00:01',
    status: 5,
    says: /MAC 08:00:27:00:00:01 belongs to n0 already; nothing was/,
  },
  {
    line: 'muster node create --content @twice.json',
    status: 5,
    says: /MAC 08:00:27:00:00:09 is given twice, also for the new node n1/,
  },
  { line: 'muster boot -i Frozen update cmdline=x', status: 5, says: /^ERROR: The boot config Frozen is frozen/ },
  { line: 'muster boot -i Frozen delete', status: 5, says: /^ERROR: The boot config Frozen is frozen/ },
  { line: 'muster boot -i Boot delete', status: 5, says: 'ERROR: The boot config Boot is used by node n0; change' },
  { line: 'muster boot -i Boot download kernel', status: 5, says: /has no kernel/ },
  {
    line: 'muster boot -i Boot download kernal',
    status: 2,
    says: "ERROR: A boot config has no stored file 'kernal'; there is kernel, initramfs.\n",
  },
  { line: 'muster boot download kernel', status: 2, says: "ERROR: 'download' needs exactly one object: -i NAME.\n" },
  {
    line: 'muster node -i n0 waitfor up --timeout 0',
    status: 9,
    says: /^0 of 1|ERROR: Not 'up' after 0 s: n0\.\nn0: unknown\n/,
  },
  {
    line: 'muster node -i n0 waitfor up --timeout soon',
    status: 2,
    says: "ERROR: --timeout 'soon' must be a number of seconds.\n",
  },
  {
    line: "muster node -s 'name == x' waitfor up",
    status: 4,
    says: 'ERROR: No node matches the selection; there is nothing to wait for.\n',
  },
  // How the options of the image workshop go together.
  { line: 'muster modimg', status: 2, says: "ERROR: 'muster modimg' needs something to do" },
  { line: 'muster modimg --create', status: 2, says: 'ERROR: --create needs --set-name NAME.\n' },
  {
    line: 'muster modimg --create --capture n0 --set-name X',
    status: 2,
    says: 'ERROR: --create, --capture and --import cannot be combined.\n',
  },
  { line: 'muster modimg --chroot', status: 2, says: 'ERROR: --chroot needs an image: -i NAME.\n' },
  {
    line: 'muster modimg -i Img --delete --upload',
    status: 2,
    says: 'ERROR: --delete cannot be combined with other steps.\n',
  },
  {
    line: 'muster modimg -i Img --copyin file',
    status: 2,
    says: 'ERROR: --copyin needs two words: SOURCE DESTINATION.\n',
  },
  {
    line: 'muster modimg -i Img --set-name Other --upload',
    status: 2,
    says: 'ERROR: --set-name names a new or changed image',
  },
  {
    line: 'muster modimg -i Img --chrot',
    status: 2,
    says: "ERROR: Unknown option '--chrot'.\nDid you mean --chroot?\n",
  },
  { line: 'muster modimg -i Img --upload', status: 5, says: 'ERROR: The image Img has no content yet.\n' },
  { line: 'muster modimg -i Nosuch --upload', status: 4, says: 'ERROR: No image found for ID=Nosuch\n' },
  {
    line: 'muster modimg -i Img --install=--force',
    status: 2,
    says: "ERROR: '--force' is not the name of a package.\n",
  },
  {
    line: 'muster modimg -i Img --copyin two.json root',
    status: 2,
    says: "ERROR: --copyin: 'root' must be a path in the image, beginning with '/'.\n",
  },
  {
    line: 'muster modimg -i Img --copyin missing /root',
    status: 2,
    says: 'ERROR: --copyin: missing cannot be read: ENOENT',
  },
  {
    line: 'muster modimg --import two.json --set-name X --compress bz2',
    status: 2,
    says: 'ERROR: --compress must be one of zstd, xz, lz4, gzip.\n',
  },
  {
    line: 'muster modimg -i Img --chroot "9 x"',
    status: 2,
    says: "ERROR: --chroot '9 x' is not a kernel version such as",
  },
  { line: 'muster modimg ls nosuch', status: 4, says: 'ERROR: No image found for ID=nosuch, neither in the workspace' },
  {
    line: 'muster modimg nosuch',
    status: 2,
    says: /no action 'nosuch'\.\nThere is list\. See /,
  },
  // What a script's variable that is not set leaves.
  {
    line: 'muster modimg --create "$NO" --set-name X',
    status: 2,
    says: 'ERROR: --create is followed by an empty word',
  },
  {
    line: 'muster modimg --import "$NO" --set-name X',
    status: 2,
    says: 'ERROR: --import is followed by an empty word',
  },
  { line: 'muster modimg -i Img --install "$NO"', status: 2, says: 'ERROR: --install is followed by an empty word' },
  { line: 'muster modimg -i Img --install ,', status: 2, says: 'ERROR: --install names no package.\n' },
  { line: 'muster modimg -i Img --compress xz --upload', status: 2, says: 'ERROR: --compress needs a step that makes' },
  { line: 'muster modimg --import . --set-name X', status: 2, says: /contains the folder to copy it into/ },
  { line: 'HOME=x muster modimg ls', status: 5, says: "ERROR: HOME must be an absolute path: 'x/.scyldcw/workspace'" },
  { line: 'MUSTER_WORKSPACE=x muster modimg ls', status: 5, says: 'ERROR: MUSTER_WORKSPACE must be an absolute path' },
  {
    line: 'muster add-boot-config --image Imgg --boot-config New',
    status: 4,
    says: 'ERROR: No image found for ID=Imgg\nDid you mean Img? Create it in the same step with --distro NAME',
  },
  {
    line: 'TMPDIR=/none muster image diff Img Img',
    status: 2,
    says: /^ERROR: There is no folder for temporary files: ENOENT/,
  },
  { line: 'muster image diff Img', status: 2, says: 'ERROR: The image Img has no parent to compare it with' },
  {
    line: 'muster add-boot-config',
    status: 2,
    says: 'ERROR: add-boot-config needs --image NAME and --boot-config NAME when there is no terminal.\n',
  },
  {
    line: 'muster add-boot-config --image Img',
    status: 2,
    says: 'ERROR: add-boot-config also needs --boot-config NAME.\n',
  },
  {
    line: 'muster add-boot-config --image Img –boot-config New',
    status: 5,
    says: "'–boot-config' begins with a dash that is not '-'; muster reads it as '--boot-config'.\nERROR: ",
  },
  { line: 'muster mkramfs', status: 2, says: 'ERROR: mkramfs needs --update BOOTCONFIG.\n' },
];

for (const { line, status, says } of wrongs) {
  test.serial(`wrong: ${line}`, async t => {
    const output = await daemon.shell(line);
    t.is(output.status, status, output.stderr);
    if (typeof says === 'string') t.is(output.stderr.slice(0, says.length), says);
    else t.regex(output.stderr, says);
    t.is(output.stdout, '');
    t.notRegex(output.stderr, /\n\s+at |bug in muster/);
  });
}

test.serial('nothing of all that was changed', async t => {
  const { stdout } = await daemon.shell("muster log | sed 's/.* root  //'");
  t.deepEqual(stdout.trimEnd().split('\n').slice(-6), [
    'image create name=Img',
    'boot create name=Boot image=Img',
    'boot create name=Frozen frozen=true',
    'node create mac=08:00:27:00:00:01',
    'node -i n0 set _boot_config=Boot',
    'pool create name=other',
  ]);
});

test.serial('an endless regular expression is aborted, and the daemon continues', async t => {
  await daemon.run('muster', 'node', '-i', 'n0', 'update', `description=${'a'.repeat(60)}!`);
  const slow = await daemon.run('muster', 'node', '-s', "description =~ '^(a+)+$'", 'ls');
  t.is(slow.status, 2);
  t.is(slow.stderr, 'ERROR: The selection took longer than 1000 ms; write a simpler pattern.\n');
  t.is((await daemon.run('muster', 'node', 'ls', '-q')).stdout, 'n0\n');
});

test('a daemon that is stopped is reported as such, with the remedy', async t => {
  const folder = await temporaryFolder(t);
  const programs = new Programs(folder, join(folder, 'none.sock'));
  const { status, stderr } = await programs.run('muster', 'node', 'ls');
  t.is(status, 3);
  t.regex(
    stderr,
    /^ERROR: musterd is not running: nothing answers on .*none\.sock\. Start it \('systemctl start musterd'/,
  );
  if (process.getuid?.() !== 0) return;
  const sent = await programs.run('muster', 'modimg', '--import', '/nowhere', '--set-name', 'X', '--upload');
  t.is(sent.status, 3);
  t.regex(sent.stderr, /^ERROR: musterd is not running/, 'before the work that would be in vain');
});

test('help and version need no daemon', async t => {
  const folder = await temporaryFolder(t);
  const programs = new Programs(folder, join(folder, 'none.sock'));
  for (const words of [
    ['--help'],
    ['--version'],
    ['node', '--help'],
    ['node', 'ls', '-h'],
    ['help', 'node'],
    ['cluster', 'distros', 'import', '--help'],
  ]) {
    const { status, stdout, stderr } = await programs.run('muster', ...words);
    t.is(status, 0, words.join(' '));
    t.is(stderr, '');
    t.true(stdout.length > 5);
  }
  const { stdout } = await programs.run('muster', 'cluster', 'distros', 'import', '--help');
  t.regex(stdout, /\nExamples:\n {2}muster distro import --name CentOS7/);
});

test('a reader that disconnects is no failure', async t => {
  const folder = await temporaryFolder(t);
  const programs = new Programs(folder, join(folder, 'none.sock'));
  const { status, stdout, stderr } = await programs.shell('set -o pipefail; muster man node | head -n 1');
  t.is(status, 0, stderr);
  t.is(stderr, '');
  t.regex(stdout, /^\.TH/);
});

test('`status` answers a question; with --check the status of the command is the answer', async t => {
  const asked = await daemon.run('muster', 'node', '-i', 'n0', 'status');
  t.deepEqual([asked.status, asked.stdout], [0, 'n0: unknown\n']);
  const checked = await daemon.run('muster', 'node', '-i', 'n0', 'status', '--check', '--quiet');
  t.deepEqual([checked.status, checked.stdout], [1, '']);
});

test('a file of no objects changes nothing, and is no mistake: programs write such files', async t => {
  writeFileSync(join(daemon.folder, 'none.json'), '[]');
  const { status, stdout } = await daemon.run(
    'muster',
    'node',
    'create',
    '--content',
    `@${join(daemon.folder, 'none.json')}`,
  );
  t.is(status, 0);
  t.regex(stdout, /Nothing to change/);
});
