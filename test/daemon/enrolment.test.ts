// An installed system and a real musterd: the line that enrols it, its agent, its files and its secrets, over reboots of both.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NODES } from '../../src/api/nodes.ts';
import { EnrolmentTokens } from '../../src/boot/enrolment.ts';
import { run } from '../../src/process/run.ts';
import { SSHD_NEEDS, startSshd } from '../power/sshd.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { WiredHead, type WiredMachine } from '../support/wired-head.ts';

const MAC = '52:54:00:00:00:01';
const SECRET = 'this-is-the-munge-key-of-the-cluster';

/** A machine with a system on its disk: one folder stands for /, another one for /run/muster. */
class Installed {
  readonly machine: WiredMachine;
  readonly root: string;
  readonly run: string;
  private proc = '/proc';

  constructor(machine: WiredMachine, folder: string) {
    this.machine = machine;
    this.root = join(folder, 'root');
    this.run = join(folder, 'run');
  }

  /** @param services the folder of its services */
  async prepare(services = 'usr/lib/systemd/system'): Promise<void> {
    for (const name of ['etc', services, 'root', 'tmp']) await mkdir(join(this.root, name), { recursive: true });
    await writeFile(join(this.root, 'etc/os-release'), 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n');
    await writeFile(join(this.root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
    await writeFile(join(this.root, 'etc/group'), 'root:x:0:\n');
  }

  words(...words: string[]): string[] {
    const places = [
      `MUSTER_ROOT=${this.root}`,
      `MUSTER_RUN=${this.run}`,
      `MUSTER_PROC=${this.proc}`,
      `TMPDIR=${join(this.root, 'tmp')}`,
    ];
    return ['env', ...places, 'MUSTER_ENROLL_PAUSE=0', ...words];
  }

  /** Runs a line in a root shell of the system. */
  async shell(line: string, shell = ['dash']): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const [program = '', ...args] = this.machine.command(this.words(...shell, '-c', line));
    return run(program, args, { timeoutMs: 120_000 });
  }

  /** Starts the system: runs what systemd would run for its service. */
  async start(wired: WiredHead) {
    await rm(this.run, { recursive: true, force: true });
    await this.machine.run(this.words('sh', join(this.root, 'usr/lib/muster-agent/installed_start')));
    return wired.background(this.machine, this.words('dash', join(this.run, 'agent/agent')));
  }

  /** Sets the uptime of its kernel, in seconds; the rest of its /proc is the machine's own. */
  async hasStarted(seconds: number): Promise<void> {
    this.proc = join(this.root, 'proc');
    await mkdir(this.proc);
    for (const name of await readdir('/proc'))
      if (/^[a-z]/.test(name) && name !== 'uptime') await symlink(join('/proc', name), join(this.proc, name));
    await writeFile(join(this.proc, 'uptime'), `${seconds}.00 1.00\n`);
  }

  async file(name: string): Promise<string | undefined> {
    return readFile(join(this.root, name), 'utf8').catch(() => undefined);
  }
}

async function world(t: ExecutionContext) {
  t.timeout(400_000);
  const programs = ['ip', 'curl', 'openssl', 'dash', 'busybox', 'mksquashfs', 'strace', 'reboot', ...SSHD_NEEDS];
  if (!requireAll(t, { root: true, programs })) return undefined;
  const wired = await WiredHead.start();
  t.teardown(async () => wired.stop());
  await wired.fill(MAC);
  await wired.muster('node', '-i', 'n0', 'set', '_status_secs=1');
  const machine = await wired.addMachine('n0', MAC, '10.54.0.100/24');
  const system = new Installed(machine, join(wired.folder, 'system'));
  await system.prepare();
  const line = async (): Promise<string> => {
    const [title = '', made = ''] = (await wired.muster('node', '-i', 'n0', 'enroll')).split('\n');
    t.regex(title, /^For a root shell on n0 \(10\.54\.0\.100\), until .*:$/);
    return made;
  };
  const state = async (): Promise<string> =>
    (await wired.client.call(NODES.status, { query: { id: 'n0' } }))[0]?.state ?? '';
  return { wired, machine, system, line, state };
}

test('an installed system enrols with the line, is up with its facts and files, and stays a node over reboots', async t => {
  const all = await world(t);
  if (!all) return;
  const { wired, system, line, state } = all;
  const trace = join(wired.folder, 'trace');
  const text = await line();
  const token = /echo (\S+) \|/.exec(text)?.[1] ?? '';
  t.regex(token, /^\w+-\w{16}-\w{32}$/);
  const traced = ['strace', '-f', '-qq', '-s', '4096', '-e', 'trace=execve', '-o', trace, 'dash', '-s'];
  const [program = '', ...args] = system.machine.command(system.words(...traced));
  const enrolled = await run(program, args, { input: `${text}\n`, timeoutMs: 120_000 });
  t.is(enrolled.status, 0, enrolled.stderr);
  t.regex(enrolled.stdout, /this system is enrolled as node n0 of the head at 10\.54\.0\.1/);
  const executed = await readFile(trace, 'utf8');
  t.regex(executed, /curl/);
  const session = (await system.file('var/lib/muster/session')) ?? '';
  const beatToken = /MUSTER_TOKEN='(\w+)'/.exec(session)?.[1] ?? 'none';
  for (const secret of [token, beatToken, (await system.file('var/lib/muster/claim')) ?? 'none'])
    t.false(executed.includes(secret), 'no argument list has a secret');
  t.false((await readFile(wired.head.log, 'utf8')).includes(token));
  t.is((await stat(join(system.root, 'var/lib/muster'))).mode & 0o777, 0o700);
  t.deepEqual(await readdir(join(system.root, 'tmp')), [], 'the unpacked archive is gone');
  t.regex(
    (await system.file('usr/lib/systemd/system/muster-agent.service')) ?? '',
    /\[Unit\]\nConditionPathExists=\/var\/lib\/muster\/session\n[\s\S]*ExecStartPre=\/bin\/sh \/usr\/lib\/muster-agent\/installed_start\nExecStart=/,
  );
  t.true(existsSync(join(system.root, 'etc/systemd/system/multi-user.target.wants')));
  t.is(await state(), 'unknown', 'its agent does not run yet');

  let agent = await system.start(wired);
  await until('it is up', async () => (await state()) === 'up', { seen: async () => wired.head.lastWords() });
  t.regex(await wired.muster('node', '-i', 'n0', 'ls'), /up .*Debian GNU\/Linux 12/);
  t.regex(await wired.muster('node', '-i', 'n0', 'timeline'), /its installed system: up/);
  t.regex(await wired.muster('node', '-i', 'n0', 'why'), /is up/);
  t.regex((await system.file('root/.ssh/authorized_keys')) ?? '', /^ssh-ed25519 /);

  // Its files, with a secret one, follow the file sets of the node
  const set = join(wired.folder, 'set');
  await mkdir(join(set, '.fileset'), { recursive: true });
  await mkdir(join(set, 'etc/munge'), { recursive: true });
  await writeFile(join(set, 'etc/motd.tmpl'), 'This is {{ node.name }}.\n');
  await writeFile(join(set, 'etc/munge/munge.key'), SECRET, { mode: 0o400 });
  await writeFile(join(set, '.fileset/set.toml'), '[files."/etc/munge/munge.key"]\nsecret = true\n');
  await wired.muster('files', 'create', 'munge', '--from', set);
  await wired.muster('node', '-i', 'n0', 'set', '_file_sets=munge');
  await until('it has its files', async () => (await system.file('etc/motd')) === 'This is n0.\n', {
    seen: async () => wired.muster('node', '-i', 'n0', 'files'),
  });
  await until('it says so', async () =>
    /in-step \[munge\] since \d{4}-/.test(await wired.muster('node', '-i', 'n0', 'files')),
  );
  t.is(await system.file('etc/munge/munge.key'), SECRET);

  // Both start again: the same identity, and the same claim for secrets
  await agent.stop(10_000);
  await wired.head.crash();
  await wired.head.start();
  agent = await system.start(wired);
  await until('it is up again', async () => (await state()) === 'up');
  await writeFile(join(wired.folder, 'key'), `${SECRET}-2`);
  await wired.muster('files', 'put', 'munge', 'etc/munge/munge.key', join(wired.folder, 'key'));
  await until('it has the new secret', async () => (await system.file('etc/munge/munge.key')) === `${SECRET}-2`, {
    seen: async () => wired.muster('node', '-i', 'n0', 'files'),
  });

  // The head runs commands on it
  const folder = join(wired.folder, 'sshd');
  await mkdir(folder);
  await writeFile(join(folder, 'authorized_keys'), (await system.file('root/.ssh/authorized_keys')) ?? '');
  const namespace = {
    command: (words: readonly string[]) => system.machine.command(words),
    run: system.machine.run.bind(system.machine),
    close: async () => {},
  };
  const reboot = join(folder, 'reboot');
  await writeFile(reboot, `#!/bin/sh\necho "$0 $*" >>${join(folder, 'asked')}\n`, { mode: 0o755 });
  const sshd = await startSshd(folder, namespace, { password: 'x', addresses: ['10.54.0.100'], reboot });
  t.teardown(async () => sshd.stop(1000));
  await mkdir(join(system.root, 'etc/ssh'), { recursive: true });
  await writeFile(join(system.root, 'etc/ssh/ssh_host_ed25519_key.pub'), await readFile(join(folder, 'host_key.pub')));
  const knowsKey = async () =>
    (await wired.client.call(NODES.status, { query: { id: 'n0' } }))[0]?.facts['ssh_host_key'] !== undefined;
  await until('its host key is known', knowsKey);
  t.regex(await wired.muster('node', '-i', 'n0', 'exec', '--', 'echo', 'hello'), /hello/);
  const rebooting = wired.muster('node', '-i', 'n0', 'reboot', '--soft', '--wait');
  const asked = async () => readFile(join(folder, 'asked'), 'utf8').catch(() => undefined);
  t.is(await until('it is asked to reboot', asked), '/usr/sbin/reboot \n');
  await agent.stop(10_000);
  await system.machine.ip('link set eth0 down');
  const silent = async () => /reboot: rebooting/.test(await wired.muster('node', '-i', 'n0', 'timeline'));
  await until('it is silent', silent);
  await system.machine.ip('link set eth0 up');
  await system.hasStarted(1);
  agent = await system.start(wired);
  t.regex(await rebooting, /n0: up/);
  t.regex(await wired.muster('node', '-i', 'n0', 'timeline'), /its system has started again/);
  await agent.stop(10_000);
});

test('a token that is used, wrong or of another node is refused, on the node and in the log of the head', async t => {
  const all = await world(t);
  if (!all) return;
  const { wired, system, line } = all;
  const used = await line();
  const first = await system.shell(used);
  t.is(first.status, 0, first.stderr);
  const kept = await system.file('var/lib/muster/session');
  const [{ uid = '' } = {}] = await wired.client.call(NODES.status, { query: { id: 'n0' } });
  const tokens = new EnrolmentTokens(await readFile(join(wired.head.state, 'head.key')));
  const expired = tokens.make({ uid, ip: '10.54.0.100' }, Date.now() - 1000, 'ab'.repeat(8));
  for (const shell of [['dash'], ['busybox', 'sh']]) {
    const said = async (text: string) => {
      const { status, stderr } = await system.shell(text.replace('| sh ', `| ${shell.join(' ')} `), shell);
      t.is(status, 1, text);
      return stderr;
    };
    t.regex(await said(used), /muster: the token was used already\. Get another: muster node -i NODE enroll/);
    t.regex(await said(used.replace(/echo \w+/, 'echo 1')), /muster: the head refuses the token: it is wrong/);
    t.regex(await said(used.replace(/echo \S+/, 'echo ""')), /muster: the head refuses the token/);
    const old = used.replace(/echo \S+/, `echo ${expired}`);
    t.regex(await said(old), /muster: the token has expired\. Get another: muster node -i NODE enroll/);
    const pin = /sha256\/\/(\S+)=/.exec(used)?.[1] ?? '';
    const [fetch = '', rest = ''] = used.split(' && echo ');
    const forged = `${fetch} && echo ${rest.replace(pin, `${pin.slice(0, -1)}${pin.endsWith('A') ? 'B' : 'A'}`)}`;
    t.regex(await said(forged), /muster: the head at https:\/\/10\.54\.0\.1:8443 does not answer, or has another key/);
  }
  t.is(await system.file('var/lib/muster/session'), kept, 'its identity stays');
  const other = new Installed(
    await wired.addMachine('n1', '52:54:00:00:00:02', '10.54.0.101/24'),
    join(wired.folder, 'other'),
  );
  await other.prepare();
  await wired.muster('node', 'create', 'name=n1', 'index=1', 'mac=52:54:00:00:00:02');
  const stolen = await other.shell(await line());
  t.is(stolen.status, 1);
  t.regex(stolen.stderr, /muster: the head refuses the token: it is wrong, or not for the node with this address/);
  t.is(await other.file('var/lib/muster/session'), undefined);
  const log = await readFile(wired.head.log, 'utf8');
  t.regex(log, /n0 cannot enrol: the token was used already/);
  t.regex(log, /n1 cannot enrol: the token is wrong, or of another node or address/);

  // A second enrolment ends the first
  t.is((await system.shell(await line())).status, 0);
  const now = (await system.file('var/lib/muster/session')) ?? '';
  const tokenIn = (text: string) => /MUSTER_TOKEN='(\w+)'/.exec(text)?.[1] ?? '';
  const beat = async (token: string) =>
    system.machine.run([
      ...['sh', '-c', 'echo "token=$1" | curl -s -o /dev/null -w "%{http_code}" --data-binary @- "$2"', 'sh', token],
      'http://10.54.0.1:8080/node/v1/heartbeat',
    ]);
  t.is(await beat(tokenIn(kept ?? '')), '403');
  t.is(await beat(tokenIn(now)), '200');
});

test('a system without curl and without systemd has an agent too', async t => {
  const all = await world(t);
  if (!all) return;
  const { wired, machine, line, state } = all;
  const system = new Installed(machine, join(wired.folder, 'plain'));
  await system.prepare('etc/init.d');
  const [, fetch = '', token = '', url = '', pin = ''] =
    /&& (curl .*?) \| .* echo (\S+) \| sh \S+ (\S+) (\S+)$/.exec(await line()) ?? [];
  const unpacked = join(system.root, 'tmp/agent');
  await mkdir(unpacked);
  t.is((await system.shell(`${fetch} | tar -xC ${unpacked}`)).status, 0);
  // In this mount namespace, curl is a file that does not run
  const hidden = join(wired.folder, 'no-curl');
  await writeFile(hidden, '', { mode: 0o644 });
  const without = (script: string, ...words: string[]): string[] =>
    system.words(
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount --bind "$1" "$(command -v curl)" && ${script}`,
      'sh',
      hidden,
      ...words,
    );
  const [program = '', ...args] = machine.command(
    without('exec dash "$2" "$3" "$4"', join(unpacked, 'enroll'), url, pin),
  );
  const enrolled = await run(program, args, { input: `${token}\n`, timeoutMs: 120_000 });
  t.is(enrolled.status, 0, enrolled.stderr);
  t.false(existsSync(unpacked));
  t.regex((await system.file('usr/lib/muster-agent/http_client')) ?? '', /static busybox/);
  const script = join(system.root, 'etc/init.d/muster-agent');
  await machine.run(without('dash "$2" start && dash "$2" status', script));
  await until('it is up', async () => (await state()) === 'up', { seen: async () => wired.head.lastWords() });
  await machine.run(system.words('dash', script, 'status'));
  await machine.run(system.words('dash', script, 'stop'));
  const [status = '', ...rest] = machine.command(system.words('dash', script, 'status'));
  t.not((await run(status, rest)).status, 0);
});
