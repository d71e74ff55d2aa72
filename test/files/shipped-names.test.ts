// Shipped file sets for names, keys and accounts, read by the programs they are for.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostKey } from '../../src/files/derived.ts';
import { run, runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { filesOf, HEAD_KEY } from './three-nodes.ts';

const IB0 = { _interfaces: 'eno1=boot:yes; ib0=type:infiniband,ip:10.55.0.1+index/16' };

/** Runs a command while a file has another content, in a mount namespace of its own. */
async function withFile(path: string, file: string, ...command: string[]): Promise<string> {
  return runOk('unshare', ['--mount', 'sh', '-c', `mount --bind "$0" ${path} && exec "$@"`, file, ...command]);
}

test('hosts: getent finds the head, all nodes, and each of their interfaces', async t => {
  if (!requireAll(t, { root: true, programs: ['getent', 'unshare'] })) return;
  const files = await filesOf(t, ['hosts'], {
    attributes: IB0,
    own: { 2: { _hostname: 'login.other.example' } },
    files: { 'hosts/extra': '10.54.0.9 nas\n' },
  });
  const file = join(files.write(), 'etc/hosts');
  const find = async (name: string) =>
    (await withFile('/etc/hosts', file, 'getent', '-s', 'files', 'hosts', name)).trim().split(/\s+/);
  t.deepEqual(await find('head'), ['10.54.0.1', 'head.cluster.example', 'head']);
  t.deepEqual(await find('n0'), ['10.54.0.100', 'n0.cluster.example', 'n0']);
  t.deepEqual(await find('n1-ib0'), ['10.55.0.2', 'n1-ib0.cluster.example', 'n1-ib0']);
  t.deepEqual(await find('n2'), ['10.54.0.102', 'login.other.example', 'login', 'n2']);
  t.deepEqual(await find('login-ib0'), ['10.55.0.3', 'login-ib0.cluster.example', 'login-ib0', 'n2-ib0']);
  t.deepEqual(await find('nas'), ['10.54.0.9', 'nas']);
});

test('resolv: a resolver asks the name servers of the network', async t => {
  if (!requireAll(t, { root: true, programs: ['unshare'] })) return;
  const servers = async (attributes: Record<string, string>) => {
    const files = await filesOf(t, ['resolv'], { attributes });
    const script = 'console.log(require("dns").getServers().join(" "))';
    const file = join(files.write(), 'etc/resolv.conf');
    return {
      text: files.text('/etc/resolv.conf'),
      found: (await withFile('/etc/resolv.conf', file, process.execPath, '-e', script)).trim(),
    };
  };
  const plain = await servers({});
  t.is(plain.found, '10.54.0.1');
  t.regex(plain.text, /^search cluster\.example$/m);
  const given = await servers({
    resolv_servers: '10.0.0.1,10.0.0.2',
    resolv_search: 'a.b,c.d',
    resolv_options: 'ndots:2',
  });
  t.is(given.found, '10.0.0.1 10.0.0.2');
  t.regex(given.text, /^search a\.b c\.d\n(.*\n)*options ndots:2$/m);
});

test('motd names the node, and has the text of the head', async t => {
  const files = await filesOf(t, ['motd'], { files: { motd: 'Maintenance on Monday\n' } });
  t.is(files.text('/etc/motd'), 'n1, image DefaultImage\nMaintenance on Monday\n');
});

test('ssh_host_keys and known_hosts: ssh knows each node and the head, and takes no other key', async t => {
  if (!requireAll(t, { root: true, programs: ['ssh', 'sshd', 'ssh-keygen', 'unshare'] })) return;
  const head = hostKey(HEAD_KEY, 'the head', 'ed25519').public;
  const three = { attributes: IB0, hostKeys: [head] };
  const files = await filesOf(t, ['ssh_host_keys', 'known_hosts'], three);
  t.deepEqual(files.actions, ['reload sshd /etc/ssh/ssh_host_*']);
  const ssh = join(files.write(), 'etc/ssh');
  for (const type of ['ed25519', 'ecdsa']) {
    t.like(files.entries.get(`/etc/ssh/ssh_host_${type}_key`), { secret: true, mode: 0o600, owner: 'root' });
    const derived = await runOk('ssh-keygen', ['-y', '-f', join(ssh, `ssh_host_${type}_key`)]);
    t.is(`${derived.trim()} n1\n`, files.text(`/etc/ssh/ssh_host_${type}_key.pub`));
  }
  const known = join(ssh, 'ssh_known_hosts');
  for (const name of ['n0', 'n1.cluster.example', '10.54.0.102', 'n2-ib0', '10.55.0.3', 'head', '10.54.0.1'])
    t.regex(await runOk('ssh-keygen', ['-F', name, '-f', known]), /ssh-ed25519 /, name);

  const configuration = join(ssh, 'sshd_config');
  const keys = ['ed25519', 'ecdsa'].map(type => `HostKey ${ssh}/ssh_host_${type}_key\n`).join('');
  writeFileSync(configuration, `${keys}UsePAM no\n`);
  const sshd = `${findProgram('sshd')} -f ${configuration}`;
  const inside = `mount -t tmpfs run /run && mkdir -p /run/sshd && exec "$@"`;
  await runOk('unshare', ['--mount', 'sh', '-c', inside, 'sh', 'sh', '-c', `${sshd} -t`]);
  const connect = async (name: string) => {
    const options = [
      ...['-F', 'none', '-o', `ProxyCommand=${sshd} -i`, '-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes'],
      ...['-o', 'UserKnownHostsFile=/dev/null', '-o', `GlobalKnownHostsFile=${known}`, '-o', 'IdentitiesOnly=yes'],
    ];
    return (await run('unshare', ['--mount', 'sh', '-c', inside, 'sh', 'ssh', ...options, `root@${name}`, 'true']))
      .stderr;
  };
  t.regex(await connect('n1'), /Permission denied/, 'the key of n1 is known');
  t.regex(await connect('n1-ib0'), /Permission denied/);
  t.regex(await connect('n2'), /Host key verification failed/, 'n2 has another key');

  const again = await filesOf(t, ['ssh_host_keys'], three);
  const path = '/etc/ssh/ssh_host_ed25519_key';
  t.is(again.text(path), files.text(path), 'the same at every boot');
  t.not((await filesOf(t, ['ssh_host_keys'], three, 2)).text(path), files.text(path), 'another for another node');
});

const PASSWD =
  'root:x:0:0::/root:/bin/sh\nmuster:x:990:990::/:/bin/false\nann:x:1000:1000::/root:/bin/sh\nbig:x:70000:70000::/root:/bin/sh\n';
const GROUP = 'root:x:0:\nann:x:1000:\nlab:x:1500:ann\n';

test('users: the accounts of the head by their numbers, or those of files, pass pwck and grpck', async t => {
  if (!requireAll(t, { root: true, programs: ['pwck', 'grpck', 'unshare'] })) return;
  const checked = async (three: Parameters<typeof filesOf>[2]) => {
    const files = await filesOf(t, ['users'], three);
    const root = files.write();
    const etc = join(root, 'etc');
    await runOk('pwck', ['-r', '-q', join(etc, 'passwd'), join(etc, 'shadow')]);
    writeFileSync(join(etc, 'gshadow'), 'ann:!::\nlab:!::ann\n', { mode: 0o600 });
    await withFile('/etc/passwd', join(etc, 'passwd'), 'grpck', '-r', join(etc, 'group'), join(etc, 'gshadow'));
    return files;
  };
  const own = await checked({ accounts: { passwd: PASSWD, group: GROUP } });
  t.is(own.text('/etc/passwd').trim(), 'ann:x:1000:1000::/root:/bin/sh');
  t.is(own.text('/etc/group').trim(), 'ann:x:1000:\nlab:x:1500:ann');
  t.is(own.text('/etc/shadow').trim(), 'ann:*:19000:0:99999:7:::');
  for (const path of ['/etc/passwd', '/etc/group', '/etc/shadow']) t.is(own.entries.get(path)?.merge, 'names', path);
  t.like(own.entries.get('/etc/shadow'), { secret: true, mode: 0o600 });
  const narrow = await filesOf(t, ['users'], {
    accounts: { passwd: PASSWD, group: GROUP },
    attributes: { users_first_id: '60000', users_last_id: '80000' },
  });
  t.is(narrow.text('/etc/passwd').trim(), 'big:x:70000:70000::/root:/bin/sh');
  const given = await checked({
    files: {
      'users/passwd': 'ann:x:2000:2000::/root:/bin/sh\n',
      'users/group': 'ann:x:2000:\nlab:x:2500:ann\n',
      'users/shadow': 'ann:$6$x$y:19000:0:99999:7:::\n',
    },
  });
  t.regex(given.text('/etc/shadow'), /^ann:\$6\$x\$y:/);
});

test('sudoers passes visudo', async t => {
  if (!requireAll(t, { programs: ['visudo'] })) return;
  const files = await filesOf(t, ['sudoers'], {
    attributes: { sudo_groups: 'wheel, admin', sudo_users: 'ann', sudo_tag: 'NOPASSWD' },
    files: { sudoers: 'Defaults:ann !lecture\n' },
  });
  t.is(files.entries.get('/etc/sudoers.d/muster')?.mode, 0o440);
  t.regex(await runOk('visudo', ['-c', '-f', join(files.write(), 'etc/sudoers.d/muster')]), /parsed OK/);
  t.regex(files.text('/etc/sudoers.d/muster'), /^%admin ALL=\(ALL:ALL\) NOPASSWD: ALL$/m);
  t.regex(files.text('/etc/sudoers.d/muster'), /^Defaults:ann !lecture$/m);
});

test('authorized_keys joins the keys that are there, and ssh-keygen reads them', async t => {
  if (!requireAll(t, { programs: ['ssh-keygen'] })) return;
  const [one, two] = ['a', 'b'].map(name => hostKey(HEAD_KEY, name, 'ed25519').public);
  const files = await filesOf(t, ['authorized_keys'], {
    attributes: { root_authorized_keys: `${one} ann` },
    files: { 'ssh/authorized_keys': `${two} bob\n` },
  });
  const path = '/root/.ssh/authorized_keys';
  t.like(files.entries.get(path), { merge: 'block', mode: 0o600 });
  t.is(files.entries.get('/root')?.mode, 0o700);
  const listed = await runOk('ssh-keygen', ['-l', '-f', join(files.write(), path)]);
  t.deepEqual(
    listed
      .trim()
      .split('\n')
      .map(line => line.split(' ')[2]),
    ['ann', 'bob'],
  );
});
