// Shipped file sets for services, read by the programs they are for.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { shippedSet } from '../../src/files/shipped.ts';
import { SHIPPED_SETS } from '../../src/model/shipped-sets.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run, runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { filesOf } from './three-nodes.ts';

test('the table of shipped sets has those of the folder, and each can be read', async t => {
  t.deepEqual(readdirSync(join(packageRoot, 'templates/filesets')).sort(), Object.keys(SHIPPED_SETS).sort());
  for (const name of Object.keys(SHIPPED_SETS))
    t.true(((await shippedSet(name))?.content.entries.length ?? 0) > 0, name);
  t.is(await shippedSet('toString'), undefined);
});

test('chrony: chronyd takes the configuration, where Debian and where RHEL have it', async t => {
  if (!requireAll(t, { programs: ['chronyd'] })) return;
  const files = await filesOf(t, ['chrony'], {
    attributes: { chrony_options: 'local stratum 10; allow 10.54.0.0/16' },
  });
  const root = files.write();
  for (const path of ['etc/chrony.conf', 'etc/chrony/chrony.conf'])
    t.regex(
      await runOk('chronyd', ['-p', '-f', join(root, path)]),
      /^server 10\.54\.0\.1 iburst\n(.*\n)*allow 10\.54\.0\.0\/16$/m,
    );
  const given = await filesOf(t, ['chrony'], { attributes: { chrony_servers: 'ntp1.example, ntp2.example' } });
  t.deepEqual(given.text('/etc/chrony.conf').match(/^server .*$/gm), [
    'server ntp1.example iburst',
    'server ntp2.example iburst',
  ]);
  t.deepEqual(files.actions, ['restart chronyd /etc/chrony.conf /etc/chrony/chrony.conf']);
});

test('fstab: findmnt takes its lines, and a wrong mount is an error', async t => {
  if (!requireAll(t, { programs: ['findmnt'] })) return;
  const files = await filesOf(t, ['fstab'], {
    attributes: { fstab_mounts: 'head:/home /home; nas:/opt /opt ro,nfsvers=4; tmpfs /mnt' },
  });
  t.is(files.entries.get('/etc/fstab')?.merge, 'block');
  t.deepEqual(files.text('/etc/fstab').trim().split('\n'), [
    '10.54.0.1:/home /home nfs defaults,_netdev,nofail 0 0',
    'nas:/opt /opt nfs ro,nfsvers=4,_netdev,nofail 0 0',
    'tmpfs /mnt tmpfs defaults,nofail 0 0',
  ]);
  const { stdout, stderr } = await run('findmnt', ['--verify', '--tab-file', join(files.write(), 'etc/fstab')]);
  t.regex(stdout + stderr, /no errors or warnings|0 parse errors, 0 errors/);
  await t.throwsAsync(filesOf(t, ['fstab'], { attributes: { fstab_mounts: '/home' } }), {
    message: /fstab_mounts must be mounts with ; between/,
  });
});

test('munge: munged starts with the key, on each node with the same', async t => {
  if (!requireAll(t, { root: true, programs: ['munged', 'munge', 'unmunge'] })) return;
  const files = await filesOf(t, ['munge']);
  const path = '/etc/munge/munge.key';
  t.like(files.entries.get(path), { secret: true, mode: 0o400, owner: 'munge', group: 'munge' });
  t.is(files.entries.get(path)?.content.length, 128);
  const other = await filesOf(t, ['munge'], {}, 2);
  t.deepEqual(other.entries.get(path)?.content, files.entries.get(path)?.content);
  t.deepEqual(files.actions, [`restart munge ${path}`]);

  const root = files.write();
  chmodSync(root, 0o755);
  const at = (name: string): string => join(root, name);
  const munged = spawn(findProgram('munged') ?? '', [
    ...['--foreground', `--key-file=${at('etc/munge/munge.key')}`, `--socket=${at('socket')}`],
    ...[`--log-file=${at('log')}`, `--pid-file=${at('pid')}`, `--seed-file=${at('seed')}`],
  ]);
  const ended = new Promise(resolve => munged.once('exit', resolve));
  let said = '';
  munged.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  t.teardown(() => munged.kill());
  await until('munged to listen', () => existsSync(at('socket')) || munged.exitCode !== null, { seen: () => said });
  t.is(munged.exitCode, null, said);
  const credential = await runOk('munge', ['-n', '-S', at('socket')]);
  t.regex(await runOk('unmunge', ['-S', at('socket')], { input: credential }), /STATUS: +Success/);
  munged.kill();
  await ended;

  const given = Buffer.from([...Array(64).keys()].map(at => (at * 37) % 256));
  const own = await filesOf(t, ['munge'], { files: { 'munge/munge.key': given } });
  t.deepEqual(own.entries.get(path)?.content, given, 'the key of the head, byte for byte');
});

test('slurm: slurmd finds its node among all nodes, with partitions by groups', async t => {
  if (!requireAll(t, { programs: ['slurmd'] })) return;
  const files = await filesOf(t, ['slurm'], {
    attributes: { slurm_cluster: 'blue', slurm_partitions: 'compute', slurm_cgroups: 'no' },
    own: { 2: { slurm_node: 'Sockets=2 CoresPerSocket=16 Gres=gpu:4' } },
    files: { 'slurm/extra.conf': 'GresTypes=gpu\n' },
  });
  const path = '/etc/slurm/slurm.conf';
  t.deepEqual(files.text(path).match(/^(NodeName|PartitionName|SlurmctldHost|ProctrackType).*$/gm), [
    'SlurmctldHost=head(10.54.0.1)',
    'ProctrackType=proctrack/linuxproc',
    'NodeName=n[0-1] CPUs=8 RealMemory=16000 State=UNKNOWN',
    'NodeName=n2 Sockets=2 CoresPerSocket=16 Gres=gpu:4 State=UNKNOWN',
    'PartitionName=compute Nodes=n[0-2] Default=YES MaxTime=INFINITE State=UP',
  ]);
  const file = join(files.write(), path);
  for (const node of ['n0', 'n2']) {
    const { status, stdout, stderr } = await run('slurmd', ['-C', '-f', file, '-N', node]);
    t.is(status, 0, stdout + stderr);
    t.notRegex(stderr, /error/i);
  }
  const unknown = await filesOf(t, ['slurm'], { hardware: {} });
  t.regex(unknown.text(path), /^NodeName=n\[0-2\] State=UNKNOWN$/m, 'before any node has booted');
  await t.throwsAsync(filesOf(t, ['slurm'], { attributes: { slurm_partitions: 'gpu' } }), {
    message: /slurm_partitions names the group gpu, which has no node for Slurm/,
  });
  t.deepEqual(files.actions, ['restart slurmd /etc/slurm/*']);
});

test('systemd: systemctl enables, disables and masks the units', async t => {
  if (!requireAll(t, { programs: ['systemctl'] })) return;
  const files = await filesOf(t, ['systemd'], {
    attributes: { systemd_enable: 'slurmd, munge.service', systemd_disable: 'cups', systemd_mask: 'sleep.target' },
  });
  const root = files.write();
  const units = join(root, 'usr/lib/systemd/system');
  mkdirSync(units, { recursive: true });
  for (const name of ['slurmd', 'munge', 'cups'])
    writeFileSync(
      join(units, `${name}.service`),
      '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n',
    );
  writeFileSync(join(units, 'sleep.target'), '[Unit]\n');
  await runOk('systemctl', [`--root=${root}`, 'enable', 'cups']);
  const stateOf = async (unit: string) =>
    (await run('systemctl', [`--root=${root}`, 'is-enabled', unit])).stdout.trim();
  t.deepEqual([await stateOf('slurmd'), await stateOf('cups')], ['disabled', 'enabled']);
  // The set's script, with a systemctl that works on the folder
  const bin = join(root, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\nexec ${findProgram('systemctl')} --root=${root} "$@"\n`, {
    mode: 0o755,
  });
  const script = join(packageRoot, 'templates/filesets/systemd/.fileset/scripts/apply-units');
  const preset = join(root, 'etc/systemd/system-preset/00-muster.preset');
  await runOk('sh', [script, preset], { env: { PATH: `${bin}:${process.env['PATH']}` } });
  t.deepEqual(await Promise.all(['slurmd', 'munge', 'cups', 'sleep.target'].map(stateOf)), [
    'enabled',
    'enabled',
    'disabled',
    'masked',
  ]);
  await t.throwsAsync(filesOf(t, ['systemd'], { attributes: { systemd_mask: '../../etc/passwd' } }), {
    message: /is not the name of a unit/,
  });
});
