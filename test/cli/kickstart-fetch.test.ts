// `muster kickstart fetch` against a real sshd: a namespace in which the address of a node answers.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openNamespace } from '../../lab/namespace.ts';
import { SSHD_NEEDS, startSshd } from '../power/sshd.ts';
import { requireAll } from '../support/require.ts';
import { TestDaemon } from './daemon.ts';

async function start(t: ExecutionContext) {
  if (!requireAll(t, { root: true, programs: SSHD_NEEDS })) return undefined;
  const namespace = await openNamespace();
  await namespace.run(['ip', 'link', 'set', 'lo', 'up']);
  const daemon = await TestDaemon.start([], namespace.command);
  t.teardown(async () => {
    await daemon.stop();
    await namespace.close();
  });
  for (const index of [0, 1]) await daemon.run('muster', 'node', 'create', `mac=08:00:27:00:00:0${index}`);
  const { stdout: key } = await daemon.run('muster', 'node', 'ssh', '--public-key');
  writeFileSync(join(daemon.folder, 'authorized_keys'), key);
  const root = join(daemon.folder, 'node');
  const bin = join(daemon.folder, 'node-bin');
  mkdirSync(bin);
  mkdirSync(join(root, 'root'), { recursive: true });
  mkdirSync(join(daemon.folder, 'kickstarts'));
  const sshd = await startSshd(daemon.folder, namespace, {
    ...{ password: 'unused', addresses: ['127.0.0.100'], path: [bin] },
    environment: [`INSTALLER_ANSWERS_ROOT=${root}`],
  });
  t.teardown(async () => sshd.stop());
  const fetch = async (...words: string[]) => daemon.run('muster', 'kickstart', 'fetch', ...words);
  return { daemon, root, bin, fetch, folder: join(daemon.folder, 'kickstarts') };
}

test('the kickstart that Anaconda wrote on a node is stored for others, readable by its owner alone', async t => {
  const all = await start(t);
  if (!all) return;
  const { daemon, root, bin, fetch, folder } = all;
  const none = await fetch('n0');
  t.is(none.status, 9);
  t.regex(
    none.stderr,
    /n0: no installer left its answers here: \/root\/anaconda-ks\.cfg and \/var\/log\/installer are missing/,
  );
  t.regex((await fetch('n1')).stderr, /n1: ssh: .*Connection refused/);

  const answers = 'network --hostname=n0 --ip=127.0.0.100\nrootpw --iscrypted $6$salt$hash\n';
  writeFileSync(join(root, 'root/anaconda-ks.cfg'), answers);
  const dry = await fetch('n0', '--dry-run');
  t.is(dry.status, 0, dry.stderr);
  t.regex(dry.stdout, /line 1: <node\[hostname\]> for n0\n[\s\S]*Dry run: nothing was stored\.\n$/);
  t.false(existsSync(join(folder, 'n0.ks')));

  const first = await fetch('n0', 'site.ks');
  t.is(first.status, 0, first.stderr);
  const file = join(folder, 'site.ks');
  t.regex(
    readFileSync(file, 'utf8'),
    /^network --hostname=<node\[hostname\]> --ip=<node\[ip\]>\nrootpw --iscrypted \$6\$salt\$hash\n/,
  );
  t.is(statSync(file).mode & 0o777, 0o600);
  t.regex(
    (await daemon.run('muster', 'kickstart', 'render', 'n1', 'site.ks')).stdout,
    /^network --hostname=n1 --ip=127\.0\.0\.101\n/,
  );
  t.regex((await fetch('n0', 'site.ks')).stdout, /is the same already/);

  writeFileSync(join(root, 'root/anaconda-ks.cfg'), `${answers}timezone UTC\n`);
  const differs = await fetch('n0', 'site.ks');
  t.is(differs.status, 5);
  t.regex(differs.stdout, /\n\+ timezone UTC\n$/);
  t.regex(differs.stderr, /site\.ks exists and differs\. Give another name, or --force to replace it\./);
  t.notRegex(readFileSync(file, 'utf8'), /timezone/);
  const forced = JSON.parse((await fetch('n0', 'site.ks', '--force', '--json')).stdout);
  t.like(forced, { name: 'site.ks', file, kind: 'kickstart', stored: true, differences: ['+ timezone UTC'] });
  t.regex(readFileSync(file, 'utf8'), /timezone/);
  t.is((await fetch('n0', '../site.ks')).status, 2);
  t.notRegex((await daemon.run('muster', 'log')).stdout, /\$6\$/);

  rmSync(join(root, 'root/anaconda-ks.cfg'));
  mkdirSync(join(root, 'var/log/installer'), { recursive: true });
  writeFileSync(
    join(bin, 'debconf-get-selections'),
    "#!/bin/sh\nprintf 'd-i\\tnetcfg/get_hostname\\tstring\\tn0\\n'\n",
    { mode: 0o755 },
  );
  t.regex((await fetch('n0')).stdout, /Stored as .*n0\.preseed\./);
  writeFileSync(join(root, 'var/log/installer/autoinstall-user-data'), 'autoinstall:\n  identity:\n    hostname: n0\n');
  const { stdout } = await fetch('n0', '--json');
  t.like(JSON.parse(stdout), { name: 'n0.yaml', kind: 'autoinstall', stored: true });
});
