// The units under a real systemd: a node that muster booted becomes a head itself, from its package, and boots another node.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { clusterCommands } from '../../../lab/cluster.ts';
import { ensureImage } from '../../../lab/image-cache.ts';
import type { Lab } from '../../../lab/lab.ts';
import { HEAD, portOf } from '../../../lab/network.ts';
import { buildPackage } from '../../support/build-package.ts';
import { labTest } from '../../support/lab.ts';

/** The head of the outer lab; the head inside it; the node that the inner head boots. */
const OUTER = 0;
const NODE = 1;
/** The inner head's card towards its node. */
const PORT = 9;
const INNER = { address: '10.77.0.1', cidr: '10.77.0.1/24', bridge: 'br1' };
const FILES_PORT = 8000;

/** Runs a shell command on the virtual head as root; any status but 0 is an error. */
type Shell = (command: string) => Promise<string>;

function shellOn(lab: Lab): Shell {
  const name = `n${OUTER}`;
  return async command => {
    const { status, stdout, stderr } = await lab.muster('node', '-i', name, 'exec', '--', command);
    const text = stdout.replaceAll(new RegExp(`^${name}: `, 'gm'), '');
    if (status === 0) return text;
    throw new Error(`on the virtual head, this ended with status ${status}: ${command}\n${text}${stderr}`);
  };
}

/** A second network in the lab's namespace: the inner head's second card and its node, apart from the outer head. */
async function secondNetwork({ namespace }: Lab): Promise<void> {
  const head = portOf(PORT).tap;
  const lines = [
    `link add ${INNER.bridge} type bridge forward_delay 0 stp_state 0`,
    `link set ${INNER.bridge} up`,
    `tuntap add dev ${head} mode tap`,
    `link set ${head} master ${INNER.bridge} up`,
    `link set ${portOf(NODE).tap} master ${INNER.bridge}`,
  ];
  await namespace.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Serves the packages and the lab's own image to the inner head, which has no way to a mirror. */
async function serveFiles(t: ExecutionContext, lab: Lab): Promise<{ first: string; second: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-service-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const files = await ensureImage();
  for (const file of [files.image, files.kernel, files.initramfs]) await copyFile(file, join(folder, basename(file)));
  const first = await buildPackage(join(folder, 'first'), '--deb');
  const second = await buildPackage(join(folder, 'second'), '--deb', '--version', '0.99.0');
  const [program = '', ...words] = lab.namespace.command(['python3', '-m', 'http.server', String(FILES_PORT)]);
  const server: ChildProcess = spawn(program, [...words, '--bind', HEAD.address], { cwd: folder, stdio: 'ignore' });
  t.teardown(async () => {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  });
  return { first: `first/${basename(first)}`, second: `second/${basename(second)}` };
}

const fetch = (path: string): string =>
  `curl -sSf --retry 10 --retry-connrefused -o /root/${basename(path)} http://${HEAD.address}:${FILES_PORT}/${path}`;

/** A property of the unit, as systemd has it. */
const show = (property: string): string => `systemctl show --value -p ${property} musterd`;

/** A shell command that waits until a condition holds, looking once a second. */
const until = (condition: string, seconds = 120): string =>
  `for _ in $(seq ${seconds}); do if ${condition}; then exit 0; fi; sleep 1; done; systemctl status musterd; exit 1`;

/** The unit has been restarted by systemd, and is ready again. */
const restarted = (count: number): string =>
  until(`[ "$(${show('NRestarts')})" -ge ${count} ] && [ "$(${show('ActiveState')})" = active ]`);

/** In a shell of its own. While musterd reads its file again, systemd calls it `reloading`. */
const isActive = `(${until('[ "$(systemctl is-active musterd)" = active ]', 30)})`;
/** Which boot the node has had, and that it is up. */
const nodeIsUp = 'muster node -i n0 waitfor up --timeout 300';

labTest(
  test,
  'a package under systemd: ready, reloaded, restarted after a hang and a crash, stopped in a transfer, upgraded, purged; and it boots a node',
  { style: 'rwram', nodes: 2, machines: { [OUTER]: { memory: 3072, secondPort: PORT } } },
  async (t, lab) => {
    await secondNetwork(lab);
    const packages = await serveFiles(t, lab);
    await lab.bootUp(OUTER);
    const shell = shellOn(lab);
    const begun = performance.now();
    const mark = (what: string): void => t.log(`${((performance.now() - begun) / 1000).toFixed(0)} s: ${what}`);
    const first = basename(packages.first);
    const second = basename(packages.second);

    await shell(`${fetch(packages.first)} && dpkg -i ${first} && rm ${first}`);
    const card =
      /([^/]+)\/address/.exec(await shell(`grep -l ${portOf(PORT).mac} /sys/class/net/*/address`))?.[1] ?? '';
    await shell(`ip address add ${INNER.cidr} dev ${card} && ip link set ${card} up`);
    await shell(`muster init --interface ${card}`);
    mark('installed and configured');

    // Type=notify: `enable --now` comes back when every server listens, so the next command is answered.
    t.regex(await shell('systemctl enable --now musterd && muster status'), /ready|up|nodes/i);
    await shell(`${isActive} && systemctl is-enabled musterd`);
    t.is((await shell(show('NRestarts'))).trim(), '0');
    t.is((await shell(show('User'))).trim(), 'muster');
    const exposure = /Overall exposure level for musterd.service: ([0-9.]+)/.exec(
      await shell('systemd-analyze security musterd --no-pager'),
    )?.[1];
    t.true(Number(exposure) < 2, `exposure ${exposure}`);
    mark(`ready; exposure ${exposure}`);

    // Reload: a good file is taken without a restart, a wrong one is refused and changes nothing.
    const pid = (await shell(show('MainPID'))).trim();
    await shell(`printf '[log]\nlevel = "debug"\n' >> /etc/muster/muster.toml && systemctl reload musterd`);
    t.is((await shell(show('MainPID'))).trim(), pid);
    await shell('cp /etc/muster/muster.toml good.toml && echo "nonsense = 1" >> /etc/muster/muster.toml');
    await shell('! systemctl reload musterd');
    await shell(`cp good.toml /etc/muster/muster.toml && systemctl reload musterd && ${isActive}`);
    t.is((await shell(show('MainPID'))).trim(), pid);
    mark('reloaded');

    // The second node boots from this head. Its link is slow, so that a stop finds its image under way.
    for (const file of ['image', 'kernel', 'initramfs'] as const)
      await shell(fetch(basename((await ensureImage())[file])));
    const [image, boot, attributes] = clusterCommands({
      style: 'roram',
      macs: [],
      files: { image: 'root.squashfs', kernel: 'kernel', initramfs: 'initramfs' },
    });
    for (const words of [image, boot, attributes])
      await shell(['muster', ...(words ?? [])].map(word => `'${word}'`).join(' '));
    await shell(`muster node create name=n0 mac=${portOf(NODE).mac}`);
    const slow = async (verb: 'add' | 'del'): Promise<string> =>
      lab.namespace.run([
        ...['tc', 'qdisc', verb, 'dev', portOf(NODE).tap, 'root'],
        ...(verb === 'add' ? ['tbf', 'rate', '60mbit', 'burst', '64k', 'latency', '200ms'] : []),
      ]);
    await slow('add');
    await lab.node(NODE).powerOn();
    await shell(until(`muster node -i n0 timeline | grep -q ' image '`, 240));
    mark('the node fetches its image');
    await shell(`systemctl stop musterd && test "$(${show('Result')})" = success && systemctl start musterd`);
    await slow('del');
    await shell(nodeIsUp);
    t.regex(lab.node(NODE).serial.text(), /Linux|login|muster/i);
    mark('stopped in a transfer and started; the node is up');

    // A hang: SIGSTOP keeps the sign of life away. The unit's own period is a minute.
    await shell('mkdir -p /run/systemd/system/musterd.service.d');
    await shell(`printf '[Service]\nWatchdogSec=6\n' > /run/systemd/system/musterd.service.d/watchdog.conf`);
    await shell(
      `systemctl daemon-reload && systemctl restart musterd && systemctl kill -s STOP --kill-who=main musterd`,
    );
    await shell(restarted(1));
    t.regex(await shell('journalctl -u musterd --no-pager'), /[Ww]atchdog/);
    mark('restarted after a hang');

    // A crash: no goodbye to systemd, and nothing is lost.
    const before = Number((await shell(show('NRestarts'))).trim());
    await shell('systemctl kill -s KILL --kill-who=main musterd');
    await shell(restarted(before + 1));
    await shell(nodeIsUp);
    mark('restarted after a crash; the node still counts as up');

    // An upgrade restarts the service with the state it had.
    await shell(`${fetch(packages.second)} && dpkg -i ${second} && rm ${second}`);
    await shell(isActive);
    t.regex(await shell('muster --version'), /^0\.99\.0$/m);
    t.regex(await shell('muster status --json'), /"version":\s*"0\.99\.0"/);
    await shell(nodeIsUp);
    t.regex(await shell('muster node -i n0 timeline'), /image/);
    mark('upgraded');

    await shell('dpkg -r muster && test -e /var/lib/muster/muster.db && ! systemctl is-active musterd');
    await shell('dpkg -P muster && test ! -e /var/lib/muster && test ! -e /etc/muster');
    await shell('! systemctl cat musterd');
    mark('purged');
  },
);
