// musterd as a service: what systemd is told, what SIGHUP does, and how far the unit shuts it in.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { type Config, defaultConfig } from '../../src/config.ts';
import { withPriority } from '../../src/daemon/journal.ts';
import { applyReload, RELOADED_KEYS } from '../../src/daemon/reload.ts';
import { watchdogInterval } from '../../src/daemon/service-manager.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { findProgram, requireAll } from '../support/require.ts';

/** The service manager's end of `NOTIFY_SOCKET`: prints each message as one line, its assignments separated by `;`. */
const RECEIVER = String.raw`
use IO::Socket::UNIX; use Socket;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$!";
$| = 1; print "listening\n";
while (defined $socket->recv(my $message, 4096)) { $message =~ s/\n/;/g; print "$message\n" }`;

interface Service {
  daemon: ChildProcess;
  folder: string;
  config: string;
  /** The next message that begins like this. */
  told(beginning: string): Promise<string>;
  /** Everything on standard error so far. */
  said(): string;
  /** Comes back when standard error has such a line: it comes by another way than the messages, and may be later. */
  heard(line: RegExp): Promise<void>;
}

async function startService(
  t: ExecutionContext,
  environment: Record<string, string> = {},
  more: (folder: string) => string = () => '',
): Promise<Service> {
  const folder = await temporaryFolder(t);
  const socket = join(folder, 'notify');
  const receiver = spawn(findProgram('perl') ?? 'perl', ['-e', RECEIVER, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => receiver.kill());
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  const told = async (beginning: string): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`no message began with ${beginning}`);
      if (value.startsWith(beginning)) return value;
    }
  };
  await told('listening');
  const config = join(folder, 'muster.toml');
  writeFileSync(config, `${await configText(folder)}${more(folder)}`);
  // As systemd does: the variable names the file that standard error is.
  const stream = 'if [ "$2" ]; then JOURNAL_STREAM=$2; else JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); fi';
  const words = [process.execPath, join(packageRoot, 'dist/src/main.js'), environment['JOURNAL_STREAM'] ?? '', config];
  const daemon = spawn('sh', ['-c', `${stream}; export JOURNAL_STREAM; exec "$0" "$1" --config "$3"`, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NOTIFY_SOCKET: socket, ...environment },
  });
  let said = '';
  daemon.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  t.teardown(() => daemon.kill('SIGKILL'));
  const heard = async (line: RegExp): Promise<void> => {
    while (!line.test(said) && daemon.stderr) await once(daemon.stderr, 'data');
  };
  return { daemon, folder, config, told, said: () => said, heard };
}

async function configText(folder: string): Promise<string> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await new Promise(resolve => probe.close(resolve));
  return `head.address = "127.0.0.1/24"
paths.state = "${join(folder, 'state')}"
paths.socket = "${join(folder, 'admin.sock')}"
http.port = ${port}
dhcp.mode = "off"
tftp.enabled = false
iscsi.enabled = false
`;
}

test('systemd hears ready, signs of life, reloading and stopping; SIGHUP takes over what it can and names the rest', async t => {
  if (!requireAll(t, { programs: ['perl'] })) return;
  const { daemon, config, told, heard } = await startService(t, { WATCHDOG_USEC: '600000' });
  const exited = once(daemon, 'exit');
  t.regex(await told('READY=1'), /STATUS=serving 127\.0\.0\.1\/24, HTTP on port \d+/);
  await told('WATCHDOG=1');
  await told('WATCHDOG=1');

  const content = readFileSync(config, 'utf8');
  writeFileSync(config, `${content}dhcp.lease_seconds = 600\nlog.level = "debug"\niscsi.port = 3261\n`);
  daemon.kill('SIGHUP');
  t.regex(await told('RELOADING=1'), /MONOTONIC_USEC=\d+/);
  t.regex(await told('READY=1'), /restart for iscsi\.port$/);
  await heard(/^<6>\{"level":"info".*"changed":\["dhcp\.lease_seconds","log\.level"\].*configuration read again/m);
  await heard(/^<4>\{.*restart musterd for the new values of iscsi\.port/m);

  writeFileSync(config, `${content}dhcp.lease_seconds = 1\n`);
  daemon.kill('SIGHUP');
  await told('RELOADING=1');
  t.regex(await told('READY=1'), /the changed configuration is wrong and is not in use/);
  await heard(/^<3>\{.*'dhcp\.lease_seconds' must be a whole number/m);

  daemon.kill('SIGTERM');
  await told('STOPPING=1');
  t.deepEqual(await exited, [0, null]);
});

test('a reload in the middle of a download disturbs it not at all', async t => {
  if (!requireAll(t, { programs: ['perl'] })) return;
  const content = randomBytes(32 << 20);
  const { daemon, config, told, heard } = await startService(t, {}, folder => {
    const file = join(folder, 'loader.efi');
    writeFileSync(file, content);
    return `loaders.http-efi64 = "${file}"\n`;
  });
  await told('READY=1');
  const text = readFileSync(config, 'utf8');
  const port = /^http\.port = (\d+)$/m.exec(text)?.[1];
  const asked = request({ host: '127.0.0.1', port, path: '/boot/v1/loader/loader.efi', agent: false }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  t.is(answer.statusCode, 200);
  // Far more is on its way than the sockets take: it is read on only when the reload is over.
  await once(answer, 'readable');
  writeFileSync(config, `${text}dhcp.lease_seconds = 600\n`);
  daemon.kill('SIGHUP');
  await told('RELOADING=1');
  await told('READY=1');
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  t.true(Buffer.concat(parts).equals(content));
  await heard(/"changed":\["dhcp\.lease_seconds"\]/);
});

test('outside systemd nothing is sent and nothing is started', async t => {
  if (!requireAll(t, { programs: ['perl'] })) return;
  const { daemon, said } = await startService(t, { NOTIFY_SOCKET: '', WATCHDOG_USEC: '1000', JOURNAL_STREAM: '1:2' });
  const exited = once(daemon, 'exit');
  while (!said().includes('musterd is ready')) if (daemon.stderr) await once(daemon.stderr, 'data');
  daemon.kill('SIGTERM');
  t.deepEqual(await exited, [0, null]);
  t.notRegex(said(), /systemd|^</m);
});

test('a third of the watchdog time, and only for the process that is watched', t => {
  t.is(watchdogInterval({ WATCHDOG_USEC: '60000000' }, 7), 20_000);
  t.is(watchdogInterval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7), 20_000);
  t.is(watchdogInterval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7), undefined);
  t.is(watchdogInterval({}, 7), undefined);
});

test('a reload changes the configuration in use only where the key allows it', t => {
  const config = defaultConfig();
  const inUse = config;
  const next = { ...defaultConfig(), 'dhcp.dns': ['10.54.0.1'], 'http.port': 81 };
  t.deepEqual(applyReload(config, next), { changed: ['dhcp.dns'], needRestart: ['http.port'] });
  t.deepEqual(inUse['dhcp.dns'], ['10.54.0.1']);
  t.is(inUse['http.port'], 8080);
  t.deepEqual(applyReload(config, { ...config }), { changed: [], needRestart: [] });
});

test('what is in use after a reload never contradicts itself: keys of the networks wait for each other', t => {
  const config = { ...defaultConfig(), 'head.address': '10.54.0.1/24', 'dhcp.router': '10.54.0.254' };
  const moved = {
    ...config,
    'head.address': '10.60.0.1/24',
    'dhcp.router': '10.60.0.254',
    'dhcp.dns': ['10.60.0.1'],
    'log.level': 'debug' as const,
  };
  const before = { ...config };
  t.deepEqual(applyReload(config, moved), {
    changed: ['log.level'],
    needRestart: ['head.address', 'dhcp.router', 'dhcp.dns'],
  });
  t.deepEqual(config, { ...before, 'log.level': 'debug' });
  // A router that some node has waits, and the other keys do not.
  const problems = (next: Config): string[] => (next['dhcp.router'] === '10.54.0.100' ? ['n0 has it'] : []);
  const taken = { ...config, 'dhcp.router': '10.54.0.100', 'dhcp.domain': 'example.org' };
  t.deepEqual(applyReload(config, taken, problems), { changed: ['dhcp.domain'], needRestart: ['dhcp.router'] });
  t.is(config['dhcp.router'], '10.54.0.254');
});

test('docs/service.md lists the keys of a reload', t => {
  const page = readFileSync(join(packageRoot, 'docs/service.md'), 'utf8');
  const [, list = ''] = /<!-- reloaded keys -->\n([\s\S]*?)\n\n/.exec(page) ?? [];
  t.deepEqual(Array.from(list.matchAll(/`([^`]+)`/g), match => match[1]).sort(), [...RELOADED_KEYS].sort());
});

test('a log line has its priority before it', t => {
  t.is(withPriority('{"level":"warn","time":1}'), '<4>{"level":"warn","time":1}');
  t.is(withPriority('no JSON'), '<6>no JSON');
});

for (const name of ['musterd.service', 'musterd-radvd.service']) {
  const unit = join(packageRoot, 'systemd', name);

  test(`${name} shuts its program in: below 2.0 by systemd-analyze security`, async t => {
    if (!requireAll(t, { programs: ['systemd-analyze'] })) return;
    const { stdout, stderr } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
    const exposure = Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
    t.true(exposure < 2, `${exposure}: ${stderr}`);
  });

  test(`systemd understands every line of ${name}`, async t => {
    if (!requireAll(t, { programs: ['systemd-analyze'] })) return;
    const { stderr } = await run('systemd-analyze', ['verify', unit]);
    // The programs and their manual pages are there once the package is installed.
    const missing = /(musterd|radvd) is not executable|'man (muster|radvd)/;
    const words = stderr.split('\n').filter(line => line !== '' && !missing.test(line));
    t.deepEqual(words, []);
  });
}

test('a warning of Node itself is a line of the log', async t => {
  const warn = 'setInterval(()=>process.emitWarning(String(4711)),100).unref()';
  const service = await startService(t, { NODE_OPTIONS: `--import=data:text/javascript,${warn}` });
  const line = /\{"level":"warn",.*"name":"Warning","msg":"4711"\}/;
  await service.heard(line);
  t.regex(service.said(), line);
});
