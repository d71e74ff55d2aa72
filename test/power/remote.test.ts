// Tools on a server by ssh: a real sshd in a network namespace, with ipmitool, and a stand-in for VBoxManage that says what its manual says.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Namespace, openNamespace } from '../../lab/namespace.ts';
import { type LabProcess, tailOf } from '../../lab/process.ts';
import { TestDaemon } from '../cli/daemon.ts';
import { requireAll } from '../support/require.ts';
import { Bmc } from './bmc.ts';
import { SecretWatch } from './secret-watch.ts';
import { SSHD_NEEDS, startSshd } from './sshd.ts';

const NEEDS = { root: true, programs: [...SSHD_NEEDS, 'ipmitool', 'ipmi_sim'] };
const SSH_PASSWORD = `ssh:p4ss/w'rd`;
const BMC_PASSWORD = `b$mc'p:4s`;
const BMC_PORT = 9001;

interface World {
  daemon: TestDaemon;
  namespace: Namespace;
  sshd: LabProcess;
  bmc: Bmc;
}

let world: World | undefined;
test.after.always(async () => {
  if (!world) return;
  await world.daemon.stop();
  await world.sshd.stop();
  await world.bmc.stop();
  await world.namespace.close();
});

async function start(): Promise<World> {
  const namespace = await openNamespace();
  await namespace.run(['ip', 'link', 'set', 'lo', 'up']);
  const daemon = await TestDaemon.start(['power.server_fanout = 3', 'power.timeout_seconds = 20'], namespace.command);
  const bmc = await Bmc.start({
    folder: daemon.folder,
    name: 'bmc',
    password: BMC_PASSWORD,
    port: BMC_PORT,
    within: namespace.command,
  });
  const tools = join(daemon.folder, 'tools');
  mkdirSync(tools);
  mkdirSync(join(daemon.folder, 'machines'));
  writeFileSync(join(tools, 'VBoxManage'), vboxStandIn(join(daemon.folder, 'machines')), { mode: 0o755 });
  const sshd = await startSshd(daemon.folder, namespace, { password: SSH_PASSWORD, path: [tools] });
  return { daemon, namespace, sshd, bmc };
}

/** After the manual of VirtualBox, chapter 8: VBoxManage; keeps the state of each machine in a file, and notes how many run at once. */
function vboxStandIn(folder: string): string {
  return `#!/bin/sh
cd '${folder}' || exit 1
name=$2
touch "running.$$"
echo "$(ls | grep -c '^running')" >>busy
trap 'rm -f "running.$$"' EXIT
sleep 0.2
state() { cat "$name" 2>/dev/null; }
if [ ! -e "$name" ]; then
    echo "VBoxManage: error: Could not find a registered machine named '$name'" >&2
    echo 'VBoxManage: error: Details: code VBOX_E_OBJECT_NOT_FOUND (0x80bb0001), component VirtualBoxWrap' >&2
    exit 1
fi
case "$1 $3" in
    'showvminfo --machinereadable') printf 'name="%s"\\nVMState="%s"\\nVMStateChangeTime="2026-11-24T00:00:00"\\n' "$name" "$(state)" ;;
    'startvm --type') echo running >"$name"; echo "VM \\"$name\\" has been successfully started." ;;
    'controlvm poweroff') echo poweroff >"$name"; echo '0%...10%...100%' >&2 ;;
    'controlvm reset') [ "$(state)" = running ] ;;
    *) echo "VBoxManage: error: Invalid command '$1 $3'" >&2; exit 1 ;;
esac
`;
}

async function said(t: ExecutionContext, { daemon }: World, uri: string, ...words: string[]): Promise<string> {
  const body = JSON.stringify({ power_uri: uri });
  const updated = await daemon.feed(body, 'muster', 'node', '-i', 'n0', 'update', '--content', '@-');
  t.is(updated.status, 0, updated.stderr);
  const { status, stdout, stderr } = await daemon.run('muster', 'node', '-i', 'n0', ...words);
  return `${status} ${stdout}${stderr}`;
}

test.serial(
  "ipmitool on a server: by the password of the URI, by the head's key, and no password is seen anywhere",
  async t => {
    if (!requireAll(t, NEEDS)) return;
    world = await start();
    const { daemon, bmc } = world;
    await daemon.run('muster', 'node', 'create', 'mac=08:00:27:00:00:00');
    const watch = new SecretWatch([SSH_PASSWORD, encodeURIComponent(SSH_PASSWORD), BMC_PASSWORD]);
    const login = `admin:${BMC_PASSWORD}@127.0.0.1:${BMC_PORT}?cipher=3`;
    const withPassword = `ipmi://root:${encodeURIComponent(SSH_PASSWORD)}@127.0.0.1/${login}`;
    try {
      t.is(await said(t, world, withPassword, 'power', 'on'), '0 n0: on\n', await tailOf(world.sshd.log));
      t.is(bmc.power, '1');
      t.is(await said(t, world, withPassword, 'power', 'cycle'), '0 n0: on\n');
      t.regex(
        await said(t, world, `ipmi://root:wrong@127.0.0.1/${login}`, 'power', 'off'),
        /^7 n0: The server 127\.0\.0\.1 cannot be used: .*Permission denied/,
      );
      t.regex(
        await said(t, world, `ipmi://root@127.0.0.1/${login}`, 'power', 'off'),
        /^7 n0: .*Permission denied.*\n.*--public-key/s,
        "the head's key is not known there yet",
      );
      const { stdout: key } = await daemon.run('muster', 'node', 'ssh', '--public-key');
      appendFileSync(join(daemon.folder, 'authorized_keys'), key);
      t.is(await said(t, world, `ipmi://root@127.0.0.1/${login}`, 'power', 'off'), '0 n0: off\n');
      t.is(bmc.power, '0');
      t.is(
        await said(t, world, `ipmi://root@127.0.0.1/admin:wrong@127.0.0.1:${BMC_PORT}?cipher=3`, 'power', 'on'),
        "7 n0: BMC 127.0.0.1 refused the user 'admin': wrong name or password\n",
      );
      t.regex(
        await said(t, world, `ipmi://root@127.0.0.1:23/${login}`, 'power', 'on'),
        /^9 n0: The server 127\.0\.0\.1 cannot be used: .*Connection refused/,
      );
    } finally {
      await watch.stop();
    }
    t.true(watch.programs.has('ipmitool') && watch.programs.has('ssh'));
    t.deepEqual(watch.found, []);
    const log = await daemon.run('muster', 'log');
    for (const text of [daemon.log, log.stdout, await tailOf(world.sshd.log, 10_000)])
      for (const secret of [SSH_PASSWORD, encodeURIComponent(SSH_PASSWORD), BMC_PASSWORD])
        t.false(text.includes(secret), text);
  },
);

test.serial('machines of VirtualBox on their host; no more commands at once than the server may have', async t => {
  if (!requireAll(t, NEEDS) || !world) return;
  const { daemon } = world;
  const folder = join(daemon.folder, 'machines');
  const list = Array.from({ length: 5 }, (_, index) => ({
    name: `v${index}`,
    mac: `08:00:27:00:01:0${index}`,
    power_uri: `vbox://root@127.0.0.1/CW_Compute${index}`,
  }));
  for (const index of list.keys()) writeFileSync(join(folder, `CW_Compute${index}`), 'poweroff\n');
  const created = await daemon.feed(JSON.stringify(list), 'muster', 'node', 'create', '--content', '@-');
  t.is(created.status, 0, created.stderr);
  const muster = async (...words: string[]) => (await daemon.run('muster', 'node', '-i', 'v[0-4]', ...words)).stdout;
  t.is(await muster('power', 'status'), 'v[0-4]: off\n');
  t.is(await muster('power', 'on'), 'v[0-4]: on\n');
  t.is(readFileSync(join(folder, 'CW_Compute4'), 'utf8'), 'running\n');
  t.is(await muster('power', 'reset'), 'v[0-4]: on\n');
  t.is(await muster('power', 'cycle'), 'v[0-4]: on\n');
  t.is(await muster('power', 'off'), 'v[0-4]: off\n');
  const most = Math.max(...readFileSync(join(folder, 'busy'), 'utf8').trim().split('\n').map(Number));
  t.true(most <= 3, `${most} at once`);
  t.is(
    await said(t, world, 'vbox://root@127.0.0.1/Nobody', 'power', 'on'),
    "1 n0: machine Nobody of 127.0.0.1: Could not find a registered machine named 'Nobody'\n",
  );
  t.regex(await said(t, world, 'vbox:///Nobody', 'power', 'on'), /^8 n0: The program 'VBoxManage' is not installed/);
});
