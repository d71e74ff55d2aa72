// modimg with zypper, imports on the command line, pack-node, and capture by a real sshd.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NOT_PACKED } from '../../src/image/pack.ts';
import { PACK_NODE } from '../../src/image/pack-node.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { makeRpmRepos, RPM_PROGRAMS } from '../support/rpm-repo.ts';
import { freePort, type Output, TestDaemon } from './daemon.ts';

const PROGRAMS = ['mksquashfs', 'unsquashfs', 'unshare', 'setpriv', 'bash', 'tar', 'setcap'];

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
     echo id >node/etc/machine-id; echo n0 >node/etc/hostname; echo key >node/etc/ssh/ssh_host_rsa_key; echo x >node/tmp/x; echo kept >node/root/file; for n in sh cat; do ln -s busybox node/usr/bin/$n; done`,
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

test.serial('a secret file of a file set is not captured; what the image had in its place is', async t => {
  if (!ready(t)) return;
  await ok(
    `mkdir -p secret/usr/etc/munge 'secret/usr/etc/o[d]d' run/private/files/state/paths/etc/shadow; ln -s usr/etc secret/etc
     for f in munge/munge.key shadow 'o[d]d/a b' plain odd; do echo hidden >"secret/etc/$f"; done; mkdir secret/proc secret/tmp
     echo image >run/private/files/state/paths/etc/shadow/%original; rm secret/etc/plain; echo plain >secret/etc/plain`,
  );
  const line = (path: string, flags: string): string => `f 0400 root root 7 ${'a'.repeat(64)} ${flags} ${path}\n`;
  const index = [line('/etc/munge/munge.key', 's'), line('/etc/o[d]d/a%20b', 'ks'), line('/etc/plain', '-')].join('');
  writeFileSync(join(daemon.folder, 'run/private/files/index'), `muster-files 1\n${index}end\n`);
  const pack = async (path = ''): Promise<string[]> => {
    const places = `PACK_NODE_ROOT=${daemon.folder}/secret PACK_NODE_RUN=${daemon.folder}/run`;
    const { stdout } = await ok(
      `${path}${places} muster pack-node >s.tar && tar -tf s.tar && rm -rf s && mkdir s && tar -xf s.tar -C s && cat s/usr/etc/shadow`,
    );
    return stdout.split('\n');
  };
  const names = await pack();
  t.false(names.some(name => /munge\.key|a b$/.test(name)));
  t.true(names.includes('./usr/etc/plain'));
  t.true(names.includes('hidden'), 'no set says that this one is secret');
  writeFileSync(
    join(daemon.folder, 'run/private/files/index'),
    `muster-files 1\n${line('/usr/etc/shadow', 'ns')}end\n`,
  );
  await ok(
    'mkdir -p run/private/files/state/paths/usr && mv run/private/files/state/paths/etc run/private/files/state/paths/usr/',
  );
  const merged = await pack();
  t.true(merged.includes('image'));
  t.false(merged.includes('hidden'));
  await ok('mkdir -p bb && ln -sf /bin/busybox bb/tar');
  const plain = await daemon.shell(
    `PATH=$PWD/bb:$PATH PACK_NODE_ROOT=$PWD/secret PACK_NODE_RUN=$PWD/run muster pack-node >b.tar; tar -tf b.tar`,
  );
  t.regex(plain.stderr, /secret files of file sets are left out: usr\/etc\/shadow/);
  t.notRegex(plain.stdout, /etc\/shadow/);
});

test('the node leaves out what the head leaves out', t => {
  const [, list = ''] = /^EXCLUDED='\n([\s\S]*?)'$/m.exec(readFileSync(PACK_NODE, 'utf8')) ?? [];
  t.deepEqual(list.trim().split('\n'), [...NOT_PACKED]);
});

/** A real sshd on loopback, in which a shell has the folder `node` for its root of pack-node. */
async function startSshd(): Promise<{ port: number; authorized: string; stop(): Promise<void> }> {
  const folder = join(daemon.folder, 'sshd');
  mkdirSync(folder);
  mkdirSync('/run/sshd', { recursive: true });
  await ok(
    `ssh-keygen -q -t ed25519 -N '' -f ${folder}/host && ssh-keygen -q -t ed25519 -N '' -f ${folder}/key && cp ${folder}/key.pub ${folder}/authorized`,
  );
  const port = await freePort();
  const options = {
    ...{ Port: port, ListenAddress: '0.0.0.0', HostKey: `${folder}/host`, AuthorizedKeysFile: `${folder}/authorized` },
    ...{
      StrictModes: 'no',
      PermitRootLogin: 'yes',
      UsePAM: 'no',
      PidFile: 'none',
      SetEnv: `PACK_NODE_ROOT=${daemon.folder}/node`,
    },
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const child = spawn(findProgram('sshd') ?? '', ['-D', '-e', '-f', '/dev/null', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Server listening')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
  });
  const stop = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill();
    await exited;
  };
  return { port, authorized: join(folder, 'authorized'), stop };
}

test.serial(
  'capture over ssh: what the node has goes to the head; one that cannot be reached leaves nothing',
  async t => {
    if (!ready(t) || !requireAll(t, { programs: ['ssh', 'ssh-keygen', 'sshd'] })) return;
    await ok('muster node create mac=08:00:27:f0:44:35');
    const sshd = await startSshd();
    t.teardown(sshd.stop);
    mkdirSync(join(daemon.folder, '.scyldcw'), { recursive: true });
    writeFileSync(
      join(daemon.folder, '.scyldcw', 'settings.ini'),
      `[ssh]\ncommand = ssh -p ${sshd.port}\nkey = ${daemon.folder}/sshd/key\n`,
    );
    const made = await ok('scyld-modimg --capture n0 --set-name NewImage');
    t.is(made.stdout, 'created NewImage\n');
    t.regex(made.stderr, /Executing step: Capture\nCapturing node n0\n {2}elapsed: .*\n {2}\d+\.\d [KM]iB received\n/);
    t.is((await ok("scyld-modimg -i NewImage --execute 'cat /root/file'")).stdout, 'kept\n');
    await ok('scyld-modimg --capture n0 --set-name NewImage --overwrite');
    t.is(JSON.parse((await ok('muster image -i NewImage ls --json')).stdout).length, 1);

    // Without a key of the administrator's own: the head's, which the agent of a real node has taken over.
    writeFileSync(join(daemon.folder, '.scyldcw', 'settings.ini'), `[ssh]\ncommand = ssh -p ${sshd.port}\n`);
    writeFileSync(sshd.authorized, (await ok('muster node ssh --public-key')).stdout);
    await ok('scyld-modimg --capture n0 --set-name NewImage --overwrite');

    rmSync(sshd.authorized);
    const before = readFileSync(join(daemon.folder, '.scyldcw', 'workspace', 'manifest.json'), 'utf8');
    const refused = await daemon.shell('scyld-modimg --capture n0 --set-name Third');
    t.is(refused.status, 8);
    t.regex(
      refused.stderr,
      /ERROR: The node n0 could not be captured: .*Permission denied.*\nSsh to the node must work/,
    );
    t.is(readFileSync(join(daemon.folder, '.scyldcw', 'workspace', 'manifest.json'), 'utf8'), before);
    t.is((await daemon.shell('scyld-modimg --capture nosuch --set-name Third')).status, 4);
  },
);

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

test.serial('--json is one document whatever was done, and programs in the image say nothing there', async t => {
  if (!ready(t)) return;
  await ok(
    'mkdir -p json/usr/bin json/etc && cp /bin/busybox json/usr/bin/ && ln -s usr/bin json/bin && ln -s busybox json/usr/bin/sh',
  );
  const json = async (line: string): Promise<Record<string, unknown>> =>
    JSON.parse((await ok(`scyld-modimg --json ${line}`)).stdout) as Record<string, unknown>;
  const local = (document: Record<string, unknown>): unknown => (document['local'] as { name?: string } | null)?.name;
  const made = await json('--import json --set-name Json');
  t.deepEqual([local(made), made['uids']], ['Json', []], 'not uploaded');
  const changed = await json("-i Json --execute 'echo to-stdout' --upload");
  t.deepEqual([local(changed), (changed['uids'] as string[]).length], ['Json', 1]);
  const same = await json('-i Json --upload');
  t.deepEqual([local(same), same['uids']], ['Json', []], 'the head has it already');
  t.deepEqual(await json('-i Json --execute true --dry-run'), { image: 'Json', steps: ['Execute'], dryRun: true });
  const [uid] = changed['uids'] as string[];
  t.deepEqual(await json('-i Json -i Nothing --delete'), { deleted: [{ uid, name: 'Json' }] });
  t.deepEqual(await json('-i Json --delete'), { deleted: [] });
  await ok('scyld-modimg --all --delete');
  t.deepEqual(await json('--all --delete'), { deleted: [] });
});
