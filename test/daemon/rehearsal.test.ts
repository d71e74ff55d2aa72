// `muster boot explain` against what real clients of a running daemon get: captured packets of firmware on a wire, TFTP and HTTP by curl.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import type { Rehearsal, RehearsedPacket, RehearsedStage } from '../../src/api/rehearsal.ts';
import { findLoaders } from '../../src/boot/loaders.ts';
import { run, runOk } from '../../src/process/run.ts';
import { freePort, TestDaemon } from '../cli/daemon.ts';
import { kernelFile } from '../cli/files.ts';
import { captured } from '../dhcp/build.ts';
import { requireAll } from '../support/require.ts';
import { within as inTime } from '../support/until.ts';

/** Longer than any busy machine takes; milliseconds. */
const REPLY_MS = 60_000;
const SHIM = ['/usr/lib/shim/shimx64.efi.signed', '/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed'];
const NEEDS = { root: true, programs: ['ip', 'curl', 'mksquashfs', 'logger'], files: SHIM };

interface Room {
  daemon: TestDaemon;
  /** One captured message sent as it is, and the reply. */
  dhcp(name: string): Promise<Buffer>;
  /** What a program inside the client's namespace prints. */
  client(...words: string[]): Promise<string>;
}

/** A daemon at one end of a cable, and a client at the other. */
async function room(t: ExecutionContext, more: readonly string[] = []): Promise<Room> {
  const [head, client] = [`mrh${process.pid}`, `mrc${process.pid}`];
  const ip = async (words: string): Promise<unknown> => runOk('ip', words.split(' '));
  for (const name of [head, client]) await ip(`netns add ${name}`);
  t.teardown(async () => {
    for (const name of [head, client]) await run('ip', ['netns', 'del', name]);
  });
  await ip(`link add eth0 netns ${client} type veth peer name eth1 netns ${head}`);
  await ip(`-n ${head} addr add 10.54.0.1/24 dev eth1`);
  for (const words of [`-n ${head} link set eth1 up`, `-n ${client} link set eth0 up`, `-n ${head} link set lo up`])
    await ip(words);
  await ip(`-n ${client} route add default dev eth0`);
  const lines = [
    'dhcp.mode = "authoritative"',
    'dhcp.router_advertisements = false',
    'tftp.enabled = true',
    'iscsi.enabled = true',
  ];
  const within = (words: readonly string[]): string[] => ['ip', 'netns', 'exec', head, ...words];
  const daemon = await TestDaemon.start(['head.address = "10.54.0.1/24"', ...lines, ...more], within);
  t.teardown(async () => daemon.stop());
  const wire = spawn('ip', ['netns', 'exec', client, process.execPath, join(import.meta.dirname, 'wire-client.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => wire.kill());
  const replies = createInterface({ input: wire.stdout })[Symbol.asyncIterator]();
  t.is((await replies.next()).value, 'ready');
  t.teardown(() => t.passed || t.log(daemon.log));
  return {
    daemon,
    async dhcp(name) {
      wire.stdin.write(`${captured(name).toString('hex')}\n`);
      const { value, done } = await inTime(`a reply to ${name}`, replies.next(), REPLY_MS);
      if (done) throw new Error(`no reply to ${name}`);
      return Buffer.from(String(value), 'hex');
    },
    client: async (...words) => (await runOk('ip', ['netns', 'exec', client, ...words])).toString(),
  };
}

/** Kernel, initramfs and image of a boot config, and the nodes of the captured packets. */
async function objects(t: ExecutionContext, daemon: TestDaemon, network = '10.54.0'): Promise<void> {
  writeFileSync(join(daemon.folder, 'vmlinuz'), kernelFile('6.1.0-28-amd64'));
  writeFileSync(join(daemon.folder, 'initrd'), Buffer.alloc(3000, 7));
  for (const line of [
    'mkdir root && echo x > root/x && mksquashfs root image.squashfs -quiet -no-progress',
    'muster image create name=Rocky content=@image.squashfs',
    'muster boot create name=Compute kernel=@vmlinuz initramfs=@initrd image=Rocky cmdline="console=ttyS0 quiet" boot_style=rwram',
    'muster attrib set _boot_config=Compute',
    'muster node create name=n1 mac=52:54:00:54:00:01 ip=NET.121',
    'muster node create name=n2 mac=52:54:00:54:00:02 ip=NET.122 power_uri=ipmi:///admin:hunter2@10.54.1.2',
    'muster node create name=n3 mac=52:54:00:54:00:03 ip=NET.123',
    "muster node -i n2 set _dhcp_options='ntp-servers=10.54.0.9; 224=0x0102' bmc_password=geheim",
  ]) {
    const { status, stderr } = await daemon.shell(line.replace('NET', network));
    t.is(status, 0, `${line}: ${stderr}`);
  }
}

async function explained(t: ExecutionContext, daemon: TestDaemon, ...words: string[]): Promise<Rehearsal> {
  const { stdout, stderr } = await daemon.run('muster', 'boot', 'explain', ...words, '--json');
  t.is(stderr, '');
  t.false(/hunter2|geheim/.test(stdout), 'no secret is told');
  const [found] = JSON.parse(stdout) as Rehearsal[];
  if (!found) throw new Error('nothing was explained');
  return found;
}

const at = (found: Rehearsal, name: string): RehearsedStage => {
  const stage = (found.after ?? found.stages).find(one => one.stage === name);
  if (!stage) throw new Error(`no stage ${name}`);
  return stage;
};

/** A reply read byte by byte, sharing no code with muster's own reader (RFC 2131 §2). */
function read(reply: Buffer): Omit<RehearsedPacket, 'kind' | 'options'> & { options: string[] } {
  const options: string[] = [];
  for (let from = 240; reply[from] !== 255; from += 2 + (reply[from + 1] ?? 0)) {
    if (reply[from] === 0) throw new Error('a pad between options');
    options.push(`${reply[from]}=${reply.toString('hex', from + 2, from + 2 + (reply[from + 1] ?? 0))}`);
  }
  const dotted = (from: number): string => [...reply.subarray(from, from + 4)].join('.');
  const file = reply.toString('latin1', 108, 236).replace(/\0.*$/s, '');
  return { yiaddr: dotted(16), siaddr: dotted(20), file, options };
}

function sameAsWire(t: ExecutionContext, packet: RehearsedPacket | undefined, reply: Buffer, what: string): void {
  if (!packet) throw new Error(`${what}: no packet was explained`);
  const { yiaddr, siaddr, file, options } = packet;
  t.deepEqual({ yiaddr, siaddr, file, options: options.map(({ code, hex }) => `${code}=${hex}`) }, read(reply), what);
}

/** A script without what is minted, and what is drawn by chance. */
const plain = (script: string): string =>
  script.replace(/[0-9a-f]{32}/g, 'SESSION').replace(/(pause |in |sleep )\d+/g, '$1N');

test('explain says to the byte what firmware, iPXE and GRUB then get, and leaves no trace', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { daemon, dhcp, client } = await room(t, [
    'dhcp.range = "10.54.0.200-10.54.0.203"',
    'networks = [{ name = "rack2", subnet = "10.56.0.0/24", router = "10.56.0.254", range = "10.56.0.50-10.56.0.60" }]',
  ]);
  await objects(t, daemon);
  const before = await daemon.run('muster', 'log', '--json');
  const found = await explained(t, daemon, 'n2', '--arch', 'efi64');
  const overHttp = await explained(t, daemon, 'n3', '--arch', 'http');
  const bios = await explained(t, daemon, 'n1', '--arch', 'bios');
  const grub = await explained(t, daemon, 'n2', '--arch', 'efi64', '--update', '_boot_loader=grub');
  const shim = await explained(t, daemon, 'n2', '--arch', 'efi64', '--update', '_boot_loader=shim');
  t.regex(
    at(shim, 'script').lines.join('\n') + JSON.stringify(at(shim, 'script')),
    /tftp:\/\/10\.54\.0\.1\/boot\/v1\/tftp\/grub\.cfg/,
  );
  t.regex(at(shim, 'script').text ?? '', /linux \(tftp,10\.54\.0\.1\)\/boot\/v1\/kernel /);
  const strangers: Rehearsal[] = [];
  for (const last of ['97', '98', '97']) strangers.push(await explained(t, daemon, `52:54:00:00:00:${last}`));
  for (const stranger of strangers) {
    t.regex(stranger.remarks.join(), /belongs to no node: it gets 10\.54\.0\.200 from the range .*boots nothing/);
    t.deepEqual(
      stranger.stages.map(({ result, packets = [] }) => [result, ...packets.map(({ kind }) => kind)]).slice(0, 3),
      [['answered', 'OFFER'], ['answered', 'ACK'], ['skipped']],
    );
    t.is(at(stranger, 'addressed').packets?.[0]?.yiaddr, '10.54.0.200');
  }
  t.regex(strangers[0]?.remarks.join() ?? '', /come from the network boot; --network chooses another \(rack2\)/);
  const far = await explained(t, daemon, '52:54:00:00:00:99', '--network', 'rack2');
  t.is(at(far, 'addressed').packets?.[0]?.yiaddr, '10.56.0.50');
  t.regex(at(far, 'offered').lines[0] ?? '', /to the relay agent 10\.56\.0\.254$/);
  const wrong = await daemon.run('muster', 'boot', 'explain', 'n1', '--network', 'rack3');
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /no network 'rack3'; did you mean 'rack2'/);
  const moved = await daemon.run('muster', 'boot', 'explain', 'n1', '--network', 'rack2');
  t.is(moved.status, 1);
  t.regex(moved.stdout, /asks from the network rack2 .* plug it there, or change its ip/);
  t.is((await daemon.run('muster', 'boot', 'explain', '52:54:00:00:00:97')).status, 0);
  t.is((await daemon.run('muster', 'lease', 'ls')).stdout, 'No addresses are lent.\n');
  // A head may well have a loader for it
  const hasArm = findLoaders({}, existsSync)['http-efi-arm64'] ?? ['/usr/lib/grub/arm64-efi'].find(existsSync);
  if (hasArm === undefined) {
    const none = await daemon.run('muster', 'boot', 'explain', 'n1', '--arch', 'http-arm64', '--json');
    t.is(none.status, 1);
    const [without] = JSON.parse(none.stdout) as Rehearsal[];
    t.deepEqual(
      without?.stages.slice(0, 3).map(({ result, summary }) => [result, result === 'skipped' ? summary : '']),
      [
        ['refused', ''],
        ['skipped', 'the boot ends before'],
        ['skipped', 'the boot ends before'],
      ],
    );
  }
  // Nothing of it was remembered: no boot, no line of the audit trail, no right to a script.
  t.is((await daemon.run('muster', 'log', '--json')).stdout, before.stdout);
  t.regex((await daemon.run('muster', 'node', '-i', 'n[1-3]', 'timeline')).stdout, /n2 .*\n {2}No boots seen/);

  sameAsWire(t, at(found, 'offered').packets?.[0], await dhcp('ovmf-pxe-discover'), 'the offer to firmware');
  sameAsWire(t, at(found, 'addressed').packets?.[0], await dhcp('ovmf-pxe-request'), 'the ACK to firmware');
  sameAsWire(t, at(found, 'ipxe').packets?.[0], await dhcp('snponly-discover'), 'the offer to iPXE');
  sameAsWire(t, at(found, 'ipxe').packets?.[1], await dhcp('snponly-request'), 'the ACK to iPXE');
  sameAsWire(t, at(overHttp, 'offered').packets?.[0], await dhcp('ovmf-http-discover'), 'the offer for HTTP boot');
  sameAsWire(t, at(overHttp, 'addressed').packets?.[0], await dhcp('ovmf-http-request'), 'the ACK for HTTP boot');
  sameAsWire(t, at(bios, 'ipxe').packets?.[1], await dhcp('bios-ipxe-request'), 'the ACK to iPXE on BIOS');
  t.true(at(found, 'addressed').lines.includes('  option 42 ntp-servers: 10.54.0.9'));

  const get = async (url: string): Promise<Buffer> =>
    Buffer.from(await client('sh', '-c', 'curl --silent --show-error --fail "$0" | base64', url), 'base64');
  for (const [one, name, url] of [
    [found, 'n2', `tftp://10.54.0.1/${at(found, 'loader').files?.[0]?.name ?? ''}`],
    [overHttp, 'n3', at(overHttp, 'loader').summary],
  ] as const) {
    const file = at(one, 'loader').files?.[0];
    await client('ip', 'addr', 'add', `10.54.0.12${name.slice(1)}/24`, 'dev', 'eth0');
    const content = await get(url);
    t.deepEqual(
      { size: content.length, sha256: createHash('sha256').update(content).digest('hex') },
      { size: file?.size, sha256: file?.sha256 },
    );
    const script = (await get(`http://10.54.0.1:${daemon.port}/boot/v1/script`)).toString();
    t.is(plain(at(one, 'script').text ?? ''), plain(script));
    t.true(script.includes(at(one, 'kernel').cmdline ?? 'none'));
    const kernel = await get(String(/kernel --name kernel (\S+)/.exec(script)?.[1] ?? ''));
    t.is(createHash('sha256').update(kernel).digest('hex'), at(one, 'kernel').files?.[0]?.sha256 ?? '');
    // What iPXE is told of by option 7, real: a line of the node's kernel comes onto its timeline.
    if (name === 'n2')
      await client(
        'logger',
        '-n',
        '10.54.0.1',
        '-P',
        '514',
        '-d',
        '--rfc3164',
        '-t',
        'kernel',
        '-p',
        'user.err',
        'no link on eth0',
      );
    await client('ip', 'addr', 'del', `10.54.0.12${name.slice(1)}/24`, 'dev', 'eth0');
  }
  t.true(at(found, 'ipxe').lines.includes('  option 7 log server: 10.54.0.1'));
  t.regex(
    (await daemon.run('muster', 'node', '-i', 'n2', 'timeline')).stdout,
    /^ +kernel +[\d.]+ s {2}no link on eth0$/m,
  );
  await client('ip', 'addr', 'add', '10.54.0.122/24', 'dev', 'eth0');
  // It went with the last address.
  await client('ip', 'route', 'replace', 'default', 'dev', 'eth0');
  t.is((await daemon.run('muster', 'node', '-i', 'n2', 'set', '_boot_loader=grub')).status, 0);
  t.is(
    plain(at(grub, 'script').text ?? ''),
    plain((await get(`http://10.54.0.1:${daemon.port}/boot/v1/grub.cfg`)).toString()),
  );
  sameAsWire(t, at(grub, 'addressed').packets?.[0], await dhcp('ovmf-pxe-request'), 'the ACK that names GRUB');
});

test('a rehearsed update shows its changes; unknown and refused nodes are reported', async t => {
  const port = await freePort();
  const daemon = await TestDaemon.start(['iscsi.enabled = true', `iscsi.port = ${port}`]);
  t.teardown(async () => daemon.stop());
  await objects(t, daemon, '127.0.0');
  const found = await explained(t, daemon, 'n1', '--update', '_boot_style=iscsi', '_boot_once=next');
  t.deepEqual(found.update, { _boot_style: 'iscsi', _boot_once: 'next' });
  t.is(at(found, 'script').result, 'answered');
  t.regex(at(found, 'script').lines.join('\n'), /_boot_once=next: for this boot only; it is cleared with this script/);
  const iscsi = await explained(t, daemon, 'n1', '--update', '_boot_style=iscsi', 'cmdline=quiet single');
  const kernel = iscsi.differences?.find(({ stage }) => stage === 'kernel')?.lines ?? [];
  t.true(
    kernel.includes('- command line: kernel initrd=session initrd=initramfs console=ttyS0 quiet'),
    kernel.join('\n'),
  );
  t.true(kernel.includes('+ command line: kernel initrd=session initrd=initramfs quiet single'));
  t.true(kernel.includes('+   MUSTER_ISCSI_SECRET=***'));
  const long = [`cmdline=${'x'.repeat(1900)}`, `node.cmdline=${'y'.repeat(200)}`];
  const tooLong = await explained(t, daemon, 'n1', '--arch', 'bios', '--update', ...long);
  t.regex(
    at(tooLong, 'script').summary,
    /the kernel command line has 2133 bytes with what iPXE puts before it, and the kernel takes 2047/,
  );
  t.regex(at(iscsi, 'image').summary, new RegExp(`^iSCSI: 127\\.0\\.0\\.1:${port}, target iqn\\.`));
  t.deepEqual((await explained(t, daemon, 'n1', '--update', 'boot_style=rwram')).differences, []);
  const missing = await daemon.run('muster', 'boot', 'explain', 'n1', '--update', 'kernel=@initrd2');
  t.regex(missing.stderr, /initrd2: cannot be read/);
  writeFileSync(join(daemon.folder, 'new'), kernelFile('6.6.1'));
  const release = await explained(t, daemon, 'n1', '--update', 'kernel=@new', '%DefaultAttribs._status_secs=5');
  t.regex(at(release, 'kernel').summary, /release 6\.6\.1$/);
  t.regex(at(release, 'up').summary, /every 5 s/);
  // Nothing was stored by it.
  const shown = await daemon.run('muster', 'boot', 'ls', '-l', 'Compute', '--json');
  t.is(JSON.parse(shown.stdout)[0].release, '6.1.0-28-amd64');

  const wrong = await daemon.run('muster', 'boot', 'explain', 'n1', '--update', 'cmdlin=x');
  t.regex(wrong.stderr, /Neither a boot config nor a node has a field 'cmdlin'; did you mean 'cmdline'\?/);
  for (const name of ['_nosuch', '%DefaultAttribs._nosuch']) {
    const nosuch = await daemon.run('muster', 'boot', 'explain', 'n1', '--clear', name);
    t.is(nosuch.status === 0, false);
    t.regex(nosuch.stderr, /attribute '_nosuch': names with '_' are reserved/);
  }
  t.is((await daemon.run('muster', 'boot', 'explain', 'n1', '--clear', '_boot_loader')).status, 0);
  t.regex((await daemon.run('muster', 'boot', 'explain')).stderr, /needs a node, or a MAC address/);
  t.regex(
    (await daemon.run('muster', 'boot', 'explain', 'n1', '--arch', 'efi46')).stderr,
    /arch='efi46' must be one of .*efi64/,
  );
  const refusal = await daemon.run('scyld-bootctl', 'explain', 'n1', '--clear', '_boot_style', '--update', 'image=');
  t.is(refusal.status, 1);
  t.regex(refusal.stdout, /refused: .*the boot config Compute has no image/);
  const arm = await daemon.run('muster', 'boot', 'explain', 'n1', '--arch', 'arm64');
  t.is(arm.status, 1);
  t.regex(arm.stdout, /the kernel of the boot config Compute is for x86, and the node's firmware for 64-bit ARM/);
  const stranger = await daemon.run('muster', 'boot', 'explain', '52:54:00:00:00:99');
  t.regex(stranger.stdout, /52:54:00:00:00:99 belongs to no node: it gets no answer/);
  t.is((await daemon.run('muster', 'cluster', 'update', 'accept_new_nodes=true')).status, 0);
  t.regex(
    (await daemon.run('muster', 'boot', 'explain', '52:54:00:00:00:99')).stdout,
    /makes it the node \w+ with 127\.0\.0\.\d+ and gets no answer; its next one does/,
  );
});
