// The doctor on a sick machine: a network namespace of its own, with a real dnsmasq, a real nft and a real musterd.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CHECK_NAMES } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { packageRoot } from '../../src/package-root.ts';
import { type RunResult, run, runOk } from '../../src/process/run.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { efiProgram } from '../support/efi.ts';
import { findProgram, requireAll } from '../support/require.ts';

const HEAD = '10.99.0.1';
const STRANGER = '10.99.0.2';

/** Two namespaces and a cable between them: this head, and a stranger. */
class Machine {
  readonly config: string;
  readonly folder: string;
  private readonly t: ExecutionContext;
  private readonly head = `doctor-h-${process.pid}`;
  private readonly stranger = `doctor-s-${process.pid}`;
  private readonly ip = findProgram('ip') ?? 'ip';

  constructor(t: ExecutionContext, folder: string) {
    this.t = t;
    this.folder = folder;
    this.config = join(folder, 'muster.toml');
    this.configure('');
  }

  configure(more: string): void {
    writeFileSync(
      this.config,
      `head.address = "${HEAD}/24"\npaths.state = "${join(this.folder, 'state')}"\npaths.socket = "${join(this.folder, 'admin.sock')}"\niscsi.workers = 0\n${more}`,
    );
  }

  async open(): Promise<void> {
    this.t.teardown(async () => {
      for (const space of [this.head, this.stranger]) await run(this.ip, ['netns', 'delete', space]);
    });
    for (const space of [this.head, this.stranger]) await runOk(this.ip, ['netns', 'add', space]);
    await runOk(this.ip, [
      '-n',
      this.head,
      'link',
      'add',
      'eth1',
      'type',
      'veth',
      'peer',
      'name',
      'eth1',
      'netns',
      this.stranger,
    ]);
    for (const [space, address] of [
      [this.head, HEAD],
      [this.stranger, STRANGER],
    ] as const) {
      await runOk(this.ip, ['-n', space, 'address', 'add', `${address}/24`, 'dev', 'eth1']);
      await runOk(this.ip, ['-n', space, 'link', 'set', 'eth1', 'up']);
    }
  }

  async inHead(program: string, ...args: string[]): Promise<string> {
    return runOk(this.ip, ['netns', 'exec', this.head, findProgram(program) ?? program, ...args]);
  }

  /** Starts a program that stays, and waits for words of it. */
  async start(where: 'head' | 'stranger', words: string, program: string, ...args: string[]): Promise<ChildProcess> {
    const child = spawn(this.ip, ['netns', 'exec', where === 'head' ? this.head : this.stranger, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.t.teardown(() => child.kill('SIGKILL'));
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
      });
    }
    while (!said.includes(words)) {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`);
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')]);
    }
    return child;
  }

  async dnsmasq(where: 'head' | 'stranger'): Promise<ChildProcess> {
    const options = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--port=0',
      '--log-facility=-',
      '--user=root',
      '--no-ping',
    ];
    const files = [`--dhcp-leasefile=${join(this.folder, `leases-${where}`)}`, '--pid-file='];
    return this.start(
      where,
      'DHCP, IP range',
      findProgram('dnsmasq') ?? 'dnsmasq',
      ...options,
      ...files,
      '--dhcp-range=10.99.0.50,10.99.0.60',
    );
  }

  async musterd(): Promise<ChildProcess> {
    return this.start(
      'head',
      'musterd is ready',
      process.execPath,
      join(packageRoot, 'dist/src/main.js'),
      '--config',
      this.config,
    );
  }

  async doctor(...words: string[]): Promise<RunResult & { of(check: string): Finding[] }> {
    const command = [
      process.execPath,
      join(packageRoot, 'dist/src/cli/bin.js'),
      'doctor',
      '--config',
      this.config,
      '--json',
      ...words,
    ];
    const result = await run(this.ip, ['netns', 'exec', this.head, ...command]);
    const of = (check: string): Finding[] =>
      (JSON.parse(result.stdout) as { findings: Finding[] }).findings.filter(item => item.check === check);
    return { ...result, of };
  }
}

async function machine(t: ExecutionContext, ...programs: string[]): Promise<Machine | undefined> {
  t.timeout(180_000);
  if (!requireAll(t, { root: true, programs: ['ip', ...programs] })) return undefined;
  const made = new Machine(t, await temporaryFolder(t));
  await made.open();
  return made;
}

test.serial('a head that has not started: the daemon is missing, everything else is checked', async t => {
  const sick = await machine(t);
  if (!sick) return;
  const { status, of } = await sick.doctor('--no-probe');
  t.is(status, 1);
  t.like(of('daemon')[0], {
    verdict: 'fail',
    remedy: 'systemctl start musterd; journalctl -u musterd says why it ended.',
  });
  t.like(of('interface')[0], { verdict: 'ok', text: `eth1 has ${HEAD}/24, and a link.` });
  t.is(of('ports')[0]?.verdict, 'ok');
  t.is(of('other DHCP')[0]?.verdict, 'skip');
  t.is(of('stored files')[0]?.verdict, 'skip');
  for (const name of CHECK_NAMES) t.true(of(name).length > 0, name);
});

test.serial('a running head is fine, no other server answers, and the check creates no node', async t => {
  const well = await machine(t);
  if (!well) return;
  const loader = join(well.folder, 'loader.efi');
  writeFileSync(loader, efiProgram(0x8664));
  well.configure(`loaders = { bios = "/bin/sh", efi64 = "${loader}" }\n`);
  const daemon = await well.musterd();
  const socket = join(well.folder, 'admin.sock');
  const muster = async (...words: string[]): Promise<string> =>
    runOk(process.execPath, [join(packageRoot, 'dist/src/cli/bin.js'), ...words, '--socket', socket]);
  await muster('cluster', 'update', 'accept_new_nodes=true');
  const { status, stdout, of } = await well.doctor('--wait', '1');
  t.is(status, 0, stdout);
  t.like(of('other DHCP')[0], { verdict: 'ok', text: 'Nobody else on eth1 answers DHCP.' });
  t.regex(
    of('ports')[0]?.text ?? '',
    /^musterd has its ports: DHCP udp\/67, TFTP udp\/69, HTTP tcp\/8080, iSCSI tcp\/3260\.$/,
  );
  t.is(of('daemon')[0]?.verdict, 'ok');
  t.deepEqual(JSON.parse(await muster('node', 'ls', '--json')), []);
  t.deepEqual(JSON.parse(await muster('node', 'unknown', '--json')), []);
  well.configure('http.port = 8181\n');
  const after = await well.doctor('--no-probe');
  t.true(after.of('daemon').some(({ text }) => text === 'musterd runs with http.port 8080, the file says 8181.'));
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
});

test.serial('another DHCP server on the network is found by its address', async t => {
  const sick = await machine(t, 'dnsmasq');
  if (!sick) return;
  await sick.dnsmasq('stranger');
  const { of } = await sick.doctor('--wait', '2');
  t.like(of('other DHCP')[0], { verdict: 'fail' });
  t.regex(
    of('other DHCP')[0]?.text ?? '',
    /^Another DHCP server answers on eth1: 10\.99\.0\.2 \(it offered 10\.99\.0\.\d+\)/,
  );
  sick.configure('dhcp.mode = "off"\n');
  t.is((await sick.doctor('--wait', '2')).of('other DHCP')[0]?.verdict, 'ok');
});

test.serial('a port that another server holds is named with its process', async t => {
  const sick = await machine(t, 'dnsmasq');
  if (!sick) return;
  await sick.dnsmasq('head');
  await sick.start(
    'head',
    'listening',
    process.execPath,
    '-e',
    `require('net').createServer().listen(8080, '${HEAD}', () => console.log('listening'))`,
  );
  const { status, of } = await sick.doctor('--no-probe');
  t.is(status, 1);
  const texts = of('ports').map(({ text }) => text);
  t.true(
    texts.some(text => /^DHCP: udp port 67 is held by dnsmasq \(pid \d+\) on 0\.0\.0\.0\.$/.test(text)),
    texts.join('\n'),
  );
  t.true(
    texts.some(text => /^HTTP: tcp port 8080 is held by .+ \(pid \d+\) on 10\.99\.0\.1\.$/.test(text)),
    texts.join('\n'),
  );
  t.regex(of('ports')[0]?.remedy ?? '', /systemctl disable --now dnsmasq.*dhcp\.mode = "off"/);
});

test.serial('a packet filter that blocks the ports is found, and one that admits them is not', async t => {
  const sick = await machine(t, 'nft');
  if (!sick) return;
  await sick.inHead(
    'nft',
    'add table inet filter; add chain inet filter input { type filter hook input priority 0; policy drop; }; add rule inet filter input udp dport 67-69 accept',
  );
  const closed = (await sick.doctor('--no-probe')).of('firewall')[0];
  t.like(closed, { verdict: 'warn', text: 'The packet filter seems to drop tcp/8080, tcp/3260 from eth1.' });
  t.regex(closed?.remedy ?? '', /firewall-cmd --permanent --add-port=8080\/tcp --add-port=3260\/tcp/);
  await sick.inHead('nft', 'add rule inet filter input iifname "eth1" accept');
  t.is((await sick.doctor('--no-probe')).of('firewall')[0]?.verdict, 'ok');
});

test.serial(
  'a wrong address, no loader, an open state folder, a file that others can change: each with its remedy',
  async t => {
    const sick = await machine(t);
    if (!sick) return;
    const loader = join(sick.folder, 'loader.efi');
    writeFileSync(loader, efiProgram(0xaa64));
    sick.configure(`loaders = { bios = "/nowhere/undionly.kpxe", efi64 = "${loader}" }\n`);
    await run('mkdir', ['-m', '755', join(sick.folder, 'state')]);
    chmodSync(sick.config, 0o666);
    await sick.inHead('ip', 'address', 'flush', 'dev', 'eth1');
    const { status, of } = await sick.doctor('--no-probe');
    t.is(status, 1);
    t.regex(of('interface')[0]?.text ?? '', /No interface has head\.address 10\.99\.0\.1/);
    t.regex(of('interface')[0]?.remedy ?? '', /^ip address add 10\.99\.0\.1\/24/);
    t.like(of('loaders')[0], { verdict: 'fail', text: 'loaders.bios: /nowhere/undionly.kpxe is not there.' });
    t.like(
      of('loaders').find(({ text }) => text.startsWith('loaders.efi64')),
      {
        verdict: 'fail',
        text: `loaders.efi64: ${loader} is a program for 64-bit ARM, and the firmware is UEFI for x64.`,
      },
    );
    t.deepEqual(
      of('permissions').map(({ verdict, remedy }) => [verdict, remedy]),
      [
        ['fail', `chmod 644 ${sick.config}`],
        ['fail', `chmod 700 ${join(sick.folder, 'state')}`],
      ],
    );
  },
);
