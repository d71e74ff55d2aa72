// Lent addresses with a real musterd and a real client between two namespaces: killed without warning, and still known.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ShownLease } from '../../src/api/daemon.ts';
import type { UnknownMachine } from '../../src/api/nodes.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run, runOk } from '../../src/process/run.ts';
import { temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';

const MAC = '52:54:00:54:00:0a';
const TIMEOUT_MS = 60_000;

async function start(t: ExecutionContext, space: string, config: string): Promise<ChildProcess> {
  const main = join(packageRoot, 'dist/src/main.js');
  const child = spawn('ip', ['netns', 'exec', space, process.execPath, main, '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit').then(() => 'ended');
  while (!said.includes('musterd is ready')) {
    if ((await Promise.race([once(child.stderr, 'data'), ended])) === 'ended') throw new Error(said);
  }
  return child;
}

test('a stranger is lent an address, which a killed musterd still knows; as a node it gets its own', async t => {
  if (!requireAll(t, { root: true, programs: ['ip', 'busybox'] })) return;
  const folder = temporaryFolder(t);
  const [head, client] = [`mdlh${process.pid}`, `mdlc${process.pid}`];
  t.teardown(async () => {
    for (const name of [head, client]) await run('ip', ['netns', 'del', name]);
  });
  for (const name of [head, client]) await runOk('ip', ['netns', 'add', name]);
  for (const words of [
    `-n ${head} link add eth0 type veth peer name eth0 netns ${client}`,
    `-n ${head} addr add 10.54.0.1/24 dev eth0`,
    `-n ${client} link set eth0 address ${MAC}`,
    ...[head, client].flatMap(name => [`-n ${name} link set lo up`, `-n ${name} link set eth0 up`]),
  ])
    await runOk('ip', words.split(' '));
  const config = join(folder, 'muster.toml');
  const socket = join(folder, 'admin.sock');
  writeFileSync(
    config,
    `head.address = "10.54.0.1/24"
paths.state = "${join(folder, 'state')}"
paths.socket = "${socket}"
dhcp.router_advertisements = false
dhcp.range = "10.54.0.200-10.54.0.209"
iscsi.enabled = false
`,
  );
  const script = join(folder, 'script');
  writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && echo "$ip" > ${folder}/got\nexit 0\n`);
  chmodSync(script, 0o755);
  const udhcpc = async (...more: string[]): Promise<string> => {
    const words = ['busybox', 'udhcpc', '-i', 'eth0', '-q', '-n', '-f', '-s', script, '-x', 'hostname:bmc-7', ...more];
    await runOk('ip', ['netns', 'exec', client, ...words], { timeoutMs: TIMEOUT_MS });
    return readFileSync(join(folder, 'got'), 'utf8').trim();
  };
  const muster = async (...words: string[]): Promise<string> =>
    runOk(process.execPath, [join(packageRoot, 'dist/src/cli/bin.js'), ...words], { env: { MUSTER_SOCKET: socket } });
  const leases = async (): Promise<ShownLease[]> => JSON.parse(await muster('lease', 'ls', '--json'));

  const first = await start(t, head, config);
  t.is(await muster('lease', 'ls'), 'No addresses are lent.\n');
  const ip = await udhcpc();
  t.is(ip, '10.54.0.200');
  t.like((await leases())[0], { ip, mac: MAC, state: 'active', network: 'boot', hostname: 'bmc-7' });
  const unknown: UnknownMachine[] = JSON.parse(await muster('node', 'unknown', '--json'));
  t.like(unknown[0], { mac: MAC, ip });

  const gone = once(first, 'exit');
  first.kill('SIGKILL');
  await gone;
  const second = await start(t, head, config);
  t.like((await leases())[0], { ip, mac: MAC, state: 'active' });
  t.is(await udhcpc('-r', '10.54.0.205'), ip, 'what it has goes before what it asks for');
  t.regex(await muster('lease', 'ls'), /^10\.54\.0\.200 {2}52:54:00:54:00:0a {2}for .* boot {2}bmc-7/);

  await muster('node', 'create', `mac=${MAC}`, 'ip=10.54.0.77');
  t.is(await udhcpc(), '10.54.0.77');
  t.is((await leases())[0]?.node, 'n0');
  const refused = await muster('node', 'create', 'mac=52:54:00:54:00:0b', 'ip=10.54.0.201').catch(error =>
    String(error),
  );
  t.regex(refused, /in the range for unknown machines of the network boot/);
  second.kill('SIGTERM');
  await once(second, 'exit');
});
