// modimg with zypper, imports on the command line, pack-node, and capture by a stand-in for ssh where no node runs.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NOT_PACKED } from '../../src/image/pack.ts';
import { PACK_NODE } from '../../src/image/pack-node.ts';
import { requireAll } from '../support/require.ts';
import { makeRpmRepos, RPM_PROGRAMS } from '../support/rpm-repo.ts';
import { type Output, TestDaemon } from './daemon.ts';

const PROGRAMS = ['mksquashfs', 'unsquashfs', 'unshare', 'setpriv', 'flock', 'bash', 'tar', 'setcap'];

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

async function ok(line: string): Promise<Output> {
  const output = await daemon.shell(line);
  if (output.status !== 0) throw new Error(`${line}\n${output.stdout}${output.stderr}`);
  return output;
}

function ready(t: ExecutionContext, programs: readonly string[] = []): boolean {
  t.timeout(300_000);
  return requireAll(t, { root: true, programs: [...PROGRAMS, ...programs], files: ['/bin/busybox'] });
}

test.serial('zypper creates an image, installs and removes', async t => {
  if (!ready(t, [...RPM_PROGRAMS, 'gpg', 'zypper'])) return;
  mkdirSync(join(daemon.folder, 'rpms'));
  const repos = await makeRpmRepos(join(daemon.folder, 'rpms'));
  await ok(
    `muster repo create name=plain urls=file://${repos.plain} check=false && muster repo create name=extra urls=file://${repos.extra} check=false`,
  );
  await ok('muster distro create name=Suse repos=plain,extra release=7 package_manager=zypper');
  const made = await ok('scyld-modimg --create Suse --set-name Suse --install openmpi3.1');
  t.regex(
    made.stderr,
    /Initializing the chroot\.\.\.\n {2}elapsed: .*\n\.\.\.initialized\.\nInstalling core packages\.\.\.\nWARNING: The repositories have no distribution-release\./,
  );
  t.is((await ok('scyld-modimg -i Suse --query')).stdout, 'basefiles 1.0-1 x86_64\nopenmpi3.1 3.1.3-1 x86_64\n');
  await ok('scyld-modimg -i Suse --uninstall openmpi3.1 --install coretool');
  t.is((await ok('scyld-modimg -i Suse --query')).stdout, 'basefiles 1.0-1 x86_64\ncoretool 2-1 x86_64\n');
  const unknown = await daemon.shell('scyld-modimg -i Suse --install nosuch');
  t.is(unknown.status, 8);
  t.regex(unknown.stderr, /ERROR: .*zypper of this machine.*nosuch/s);
});

test.serial('a tree with capabilities comes through pack-node whole, without what is temporary or its own', async t => {
  if (!ready(t)) return;
  await ok(
    `mkdir -p node/usr/bin node/etc/ssh node/tmp node/var/tmp node/proc node/root
     cp /bin/busybox node/usr/bin/; setcap cap_net_raw+ep node/usr/bin/busybox; ln -s usr/bin node/bin
     echo id >node/etc/machine-id; echo n0 >node/etc/hostname; echo key >node/etc/ssh/ssh_host_rsa_key; echo x >node/tmp/x; echo kept >node/root/file`,
  );
  await ok(`PACK_NODE_ROOT=${daemon.folder}/node muster pack-node >node.tar`);
  const names = (await ok('tar -tf node.tar')).stdout.split('\n');
  t.true(names.includes('./root/file') && names.includes('./tmp/'));
  t.false(names.some(name => /ssh_host|tmp\/x/.test(name)));
  await ok('scyld-modimg --import node.tar --set-name Node --upload');
  const [image] = JSON.parse((await ok('muster image -i Node ls --json')).stdout) as { uid: string }[];
  await ok(`unsquashfs -q -n -o 1048576 -d back .scyldcw/workspace/${image?.uid}`);
  t.is(readFileSync(join(daemon.folder, 'back', 'etc', 'machine-id'), 'utf8'), '');
  t.false(existsSync(join(daemon.folder, 'back', 'etc', 'hostname')));
  t.regex((await ok('PATH=$PATH:/sbin:/usr/sbin getcap back/usr/bin/busybox')).stdout, /cap_net_raw=ep/);
});

test('the node leaves out what the head leaves out', t => {
  const [, list = ''] = /^EXCLUDED='\n([\s\S]*?)'$/m.exec(readFileSync(PACK_NODE, 'utf8')) ?? [];
  t.deepEqual(list.trim().split('\n'), [...NOT_PACKED]);
});

test.serial('capture: what the node says goes to the head; a node that fails leaves nothing', async t => {
  if (!ready(t)) return;
  await ok('muster node create mac=08:00:27:f0:44:35');
  mkdirSync(join(daemon.folder, '.scyldcw'), { recursive: true });
  // In place of ssh: the script on standard input runs here, with the folder of the test before as root.
  writeFileSync(
    join(daemon.folder, 'ssh'),
    `#!/bin/sh\necho "$@" >>${daemon.folder}/asked\nPACK_NODE_ROOT=${daemon.folder}/node exec sh -s\n`,
    { mode: 0o755 },
  );
  const settings = (command: string): void =>
    writeFileSync(
      join(daemon.folder, '.scyldcw', 'settings.ini'),
      `[ssh]\ncommand = ${command}\nuser = admin\nkey = /a/key\n`,
    );
  settings(`${daemon.folder}/ssh -v`);
  t.is((await ok('scyld-modimg --capture n0 --set-name NewImage')).stdout, 'created NewImage\n');
  t.regex(
    readFileSync(join(daemon.folder, 'asked'), 'utf8'),
    /^-v -o BatchMode=yes .*-i \/a\/key admin@127\.0\.0\.\d+ sh -s\n$/,
  );
  await ok('echo more >node/root/more && scyld-modimg --capture n0 --set-name NewImage --overwrite');
  t.is(JSON.parse((await ok('muster image -i NewImage ls --json')).stdout).length, 1);

  writeFileSync(
    join(daemon.folder, 'ssh'),
    '#!/bin/sh\nhead -c 20000 </dev/zero\necho "Permission denied (publickey)." >&2\nexit 255\n',
    { mode: 0o755 },
  );
  const before = readFileSync(join(daemon.folder, '.scyldcw', 'workspace', 'manifest.json'), 'utf8');
  const refused = await daemon.shell('scyld-modimg --capture n0 --set-name Third');
  t.is(refused.status, 8);
  t.regex(
    refused.stderr,
    /ERROR: The node n0 could not be captured: Permission denied \(publickey\)\.\nssh to the node must work/,
  );
  t.is(readFileSync(join(daemon.folder, '.scyldcw', 'workspace', 'manifest.json'), 'utf8'), before);
  t.is((await daemon.shell('scyld-modimg --capture nosuch --set-name Third')).status, 4);
});

test.serial('an OCI layout, a folder and an archive of the wrong kind, on the command line', async t => {
  if (!ready(t)) return;
  writeFileSync(join(daemon.folder, 'wrong.tar'), 'no archive');
  const wrong = await daemon.shell('scyld-modimg --import wrong.tar --set-name Wrong');
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /ERROR: .*wrong\.tar cannot be imported/);
  const missing = await daemon.shell('scyld-modimg --import nowhere --set-name Wrong');
  t.regex(missing.stderr, /ERROR: nowhere: cannot be read/);
  await ok('scyld-modimg --import node --set-name Folder --compress xz');
  t.true(statSync(join(daemon.folder, '.scyldcw', 'workspace')).mode % 0o1000 === 0o700);
});
