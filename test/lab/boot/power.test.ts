// The power of a real virtual node behind a BMC: on by IPMI to `up`, soft and hard reboots, exec, console, shutdown; all on the timeline.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { COMMAND } from '../../../lab/cluster.ts';
import type { Lab } from '../../../lab/lab.ts';
import { BOOTS } from '../../../src/api/boots.ts';
import { OBJECTS } from '../../../src/api/objects.ts';
import { Bmc, freeUdpPort } from '../../power/bmc.ts';
import { SecretWatch } from '../../power/secret-watch.ts';
import { labTest } from '../../support/lab.ts';
import { requireAll } from '../../support/require.ts';

const PASSWORD = 'lab-bmc-p4ssword';
const SOFT_SECONDS = 40;

/** Carries what the BMC is told to the lab's power switch. */
function chassisScript(switcher: string): string {
  return `#!/bin/sh
verb=$1
shift
while [ $# -gt 0 ]; do
    case $verb-$1-$2 in
        get-power-*) echo "power:$('${process.execPath}' '${switcher}' status)"; shift ;;
        get-*) echo "$1:default"; shift ;;
        set-power-1) '${process.execPath}' '${switcher}' on >/dev/null; shift 2 ;;
        set-power-0) '${process.execPath}' '${switcher}' off >/dev/null; shift 2 ;;
        set-reset-*) '${process.execPath}' '${switcher}' reset >/dev/null; shift 2 ;;
        *) shift 2 ;;
    esac
done
`;
}

const switcherProgram = (socket: string): string => `
const socket = require('node:net').connect(${JSON.stringify(socket)});
socket.write(JSON.stringify({ node: 'n0', action: process.argv[2] }) + '\\n');
socket.once('data', bytes => {
  console.log(JSON.parse(bytes).state === 'on' ? 1 : 0);
  socket.end();
});
`;

async function withBmc(lab: Lab, body: (uri: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bmc-'));
  const switcher = join(folder, 'switch.cjs');
  await writeFile(switcher, switcherProgram(join(lab.folder, 'power.sock')));
  const port = await freeUdpPort();
  const script = chassisScript(switcher);
  const within = lab.namespace.command;
  const bmc = await Bmc.start({ folder, name: 'bmc', password: PASSWORD, port, within, script });
  try {
    await body(`ipmi:///admin:${PASSWORD}@127.0.0.1:${port}?cipher=3`);
  } finally {
    await bmc.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function actionsOf(lab: Lab): Promise<string[][]> {
  const [node] = await lab.client.call(BOOTS.timeline, { query: { id: 'n0' } });
  return (node?.boots ?? []).map(boot => boot.actions.map(({ text }) => text));
}

async function consoleAnswers(t: ExecutionContext, lab: Lab): Promise<void> {
  const child = spawn(process.execPath, [COMMAND, 'node', 'console', 'n0', '--socket', lab.socket]);
  let screen = '';
  child.stdout.on('data', (bytes: Buffer) => {
    screen += bytes.toString();
  });
  // The shell of the console may come after the node is up: it is asked again until it answers.
  const asking = setInterval(() => child.stdin.write('echo CON""SOLE\n'), 2000);
  while (!screen.includes('CONSOLE')) await once(child.stdout, 'data');
  clearInterval(asking);
  child.stdin.write('\u001d');
  t.deepEqual(await once(child, 'close'), [0, null]);
  t.regex(await readFile(join(lab.head.state, 'consoles/n0.log'), 'utf8'), /CONSOLE/);
}

labTest(
  test,
  'a node behind a BMC: on, soft reboot, hard reboot with sshd stopped, soft shutdown, exec and console',
  { attributes: { _status_secs: '2' }, config: `[power]\nsoft_timeout_seconds = ${SOFT_SECONDS}\n` },
  async (t, lab) => {
    if (!requireAll(t, { programs: ['ipmi_sim', 'ipmitool', 'ssh', 'ssh-keygen'] })) return;
    const watch = new SecretWatch([PASSWORD]);
    const said = async (...words: string[]): Promise<string> => {
      const { status, stdout } = await lab.muster('node', '-i', 'n0', ...words);
      return `${status} ${stdout}`;
    };
    await consoleOfLab(t, lab, said);
    await withBmc(lab, async uri => {
      await lab.client.call(OBJECTS.updateOne, { kind: 'node', params: { id: 'n0' }, body: { power_uri: uri } });
      t.is(await said('power', 'status'), '0 n0: on\n');
      t.is(
        await said('exec', 'cat /etc/muster-lab | wc -l; stat -c "%a %U" /root/.ssh/authorized_keys'),
        '0 n0: 1\nn0: 600 root\n',
      );
      t.is(
        (await readdir(join(lab.head.state, 'ssh/known_hosts'))).length,
        1,
        'the node told its host key, and it was the right one',
      );

      t.is(await said('reboot', '--wait', '--pxe'), '0 n0: up (soft)\n');
      const soft = (await actionsOf(lab)).at(-1) ?? [];
      t.true(soft.includes('reboot: soft, next boot from pxe, by root'), soft.join('\n'));
      t.false(soft.join().includes('hard'), soft.join('\n'));

      t.is(await said('exec', 'mv /usr/sbin/reboot /usr/sbin/reboot.away && ln -s /bin/true /usr/sbin/reboot'), '0 ');
      t.is(await said('reboot', '--soft'), `9 n0: the system was asked and did not go down in ${SOFT_SECONDS} s\n`);
      t.is(await said('exec', 'systemctl stop ssh.service'), '0 ');
      t.is(await said('reboot', '--wait'), '0 n0: up (hard, after soft failed: ssh: port 22: Connection refused)\n');
      const hard = (await actionsOf(lab)).at(-1) ?? [];
      for (const text of [
        /soft failed: ssh: port 22: Connection refused/,
        /^reboot: hard, by root, because soft failed$/,
      ])
        t.true(
          hard.some(line => text.test(line)),
          hard.join('\n'),
        );

      const shown = await lab.muster('node', '-i', 'n0', 'timeline', '--boots', '3');
      t.regex(shown.stdout, /power +-?\d+\.\d+ s {2}reboot: hard, by root, because soft failed/);

      t.is(await said('shutdown', '--soft'), '0 n0: off (soft)\n');
      t.is(lab.node().pid, undefined, 'the machine itself is off');
      t.is(await said('status'), '0 n0: down\n', 'known at once, not only when heartbeats are missed');
      t.regex(await said('why'), /^1 n0: Its BMC reports that it is off\. It was up, and its last heartbeat came/);
      t.is(await said('power', 'cycle'), '0 n0: on\n');
      t.is(await said('shutdown', '--hard', '--wait'), '0 n0: down (hard)\n');
    });
    await watch.stop();
    t.deepEqual(watch.found, []);
    t.true(watch.programs.has('ipmitool'));
    for (const text of [await readFile(lab.head.log, 'utf8'), (await lab.muster('log')).stdout])
      t.false(text.includes(PASSWORD));
  },
);

/** By the lab's own driver first: the node has its power_uri from the start. */
async function consoleOfLab(
  t: ExecutionContext,
  lab: Lab,
  said: (...words: string[]) => Promise<string>,
): Promise<void> {
  t.is(await said('power', 'status'), '0 n0: off\n');
  t.is(await said('power', 'on', '--wait'), '0 n0: up\n');
  await consoleAnswers(t, lab);
}
