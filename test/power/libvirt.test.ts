// virsh against libvirt's own test driver, and against a private libvirtd with a QEMU machine.

import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LabProcess, startProcess, tailOf } from '../../lab/process.ts';
import { runOk } from '../../src/process/run.ts';
import { TestDaemon } from '../cli/daemon.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';

const NEEDS = { root: true, programs: ['virsh', 'libvirtd', 'qemu-system-x86_64', 'setpriv'] };
const NOBODY = 65_534;

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start(['power.timeout_seconds = 60']);
  for (const [index, name] of ['n0', 'n1'].entries())
    await daemon.run('muster', 'node', 'create', `name=${name}`, `mac=08:00:27:00:00:0${index}`);
});
test.after.always(async () => daemon?.stop());

const said = async (...words: string[]) => {
  const { status, stdout, stderr } = await daemon.run('muster', 'node', '-i', 'n0', ...words);
  return `${status} ${stdout}${stderr}`;
};

/** A libvirtd of an ordinary user: it needs neither the machine's configuration nor its accounts. */
async function privateLibvirtd(folder: string): Promise<{ connect: string; process: LabProcess }> {
  const place = (name: string) => join(folder, name);
  for (const name of ['run', 'config/libvirt', 'cache']) mkdirSync(place(name), { recursive: true });
  writeFileSync(
    place('config/libvirt/qemu.conf'),
    'security_driver = "none"\nstdio_handler = "file"\nnamespaces = []\ncgroup_controllers = []\n',
  );
  writeFileSync(place('libvirtd.conf'), `unix_sock_dir = "${place('run')}"\nlog_outputs = "3:stderr"\n`);
  for (const name of ['', 'run', 'config', 'config/libvirt', 'cache']) chownSync(place(name), NOBODY, NOBODY);
  const process = await startProcess({
    name: 'libvirtd',
    command: [
      'setpriv',
      '--reuid',
      String(NOBODY),
      '--regid',
      String(NOBODY),
      '--clear-groups',
      'libvirtd',
      '-f',
      place('libvirtd.conf'),
    ],
    log: place('log'),
    env: {
      HOME: folder,
      XDG_RUNTIME_DIR: place('run'),
      XDG_CONFIG_HOME: place('config'),
      XDG_CACHE_HOME: place('cache'),
    },
  });
  const socket = place('run/libvirt-sock');
  await until('libvirtd listens', async () => {
    if (process.status() !== undefined) throw new Error(`libvirtd has ended: ${await tailOf(process.log)}`);
    return existsSync(socket);
  });
  return { connect: `qemu+unix:///session?socket=${socket}`, process };
}

const DOMAIN = `<domain type='qemu'><name>machine 1</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><serial type='pty'/></devices></domain>`;

test.serial('a QEMU machine of libvirt is switched on, reset, cycled and switched off', async t => {
  if (!requireAll(t, NEEDS)) return;
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'muster-virt-'));
  const { connect, process } = await privateLibvirtd(folder);
  try {
    const xml = join(folder, 'domain.xml');
    writeFileSync(xml, DOMAIN);
    await runOk('virsh', ['-q', '-c', connect, 'define', xml]);
    await said('update', `power_uri=libvirt:///machine%201?connect=${encodeURIComponent(connect)}`);
    const state = async () => (await runOk('virsh', ['-q', '-c', connect, 'domstate', 'machine 1'])).trim();
    t.is(await said('power', 'status'), '0 n0: off\n');
    t.is(await said('power', 'on'), '0 n0: on\n');
    t.is(await state(), 'running');
    const id = async () => (await runOk('virsh', ['-q', '-c', connect, 'domid', 'machine 1'])).trim();
    const before = await id();
    t.is(await said('power', 'reset'), '0 n0: on\n');
    t.is(await id(), before);
    t.is(await said('power', 'cycle'), '0 n0: on\n');
    t.not(await id(), before, 'a cycle is a new start of the machine');
    t.regex(await said('power', 'cycle', '--pxe'), /^1 n0: domain machine 1: libvirt has no one-time boot device/);
    t.is(await said('shutdown', '--hard'), '0 n0: off (hard)\n');
    t.is(await state(), 'shut off');

    await said('update', `power_uri=libvirt:///nobody?connect=${encodeURIComponent(connect)}`);
    t.is(await said('power', 'on'), "1 n0: domain nobody: failed to get domain 'nobody'\n");
  } finally {
    await process.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

test.serial("libvirt's test driver answers, and a missing libvirt is reported", async t => {
  if (!requireAll(t, { programs: ['virsh'] })) return;
  await said('update', `power_uri=libvirt:///test?connect=${encodeURIComponent('test:///default')}`);
  t.is(await said('power', 'status'), '0 n0: on\n');
  await said(
    'update',
    `power_uri=libvirt:///test?connect=${encodeURIComponent('qemu+unix:///session?socket=/nowhere')}`,
  );
  t.regex(await said('power', 'status'), /^9 n0: domain test: .*\/nowhere/);
});
