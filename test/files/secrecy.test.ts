// A secret file set on the wire, between a real musterd and machines that want its content: one is the node.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { WiredHead, type WiredMachine } from '../support/wired-head.ts';

const MAC = '52:54:00:00:00:01';
const SECRET = 'this-is-the-munge-key-of-the-cluster';
const CLAIM = '0123456789abcdef0123456789abcdef';
const OTHER = 'fedcba9876543210fedcba9876543210';
const curl = findProgram('curl') ?? 'curl';

interface Reply {
  /** As curl reports it; 000 when it trusted nobody or got nothing. */
  status: string;
  body: string;
}

async function ask(machine: WiredMachine, url: string, pin: string, body?: string): Promise<Reply> {
  const config = [
    `url = "${url}"`,
    'silent',
    'max-time = 20',
    'write-out = "\\n%{http_code}"',
    ...(url.startsWith('https:') ? ['insecure', `pinnedpubkey = "${pin}"`] : []),
    ...(body === undefined ? [] : [`data-binary = "${body}"`]),
  ];
  const said = await machine.run(['sh', '-c', `"${curl}" -q -K - || true`], `${config.join('\n')}\n`);
  const at = said.lastIndexOf('\n');
  return { status: said.slice(at + 1), body: said.slice(0, at) };
}

/** What the session archive says, as the initramfs reads it. */
function sessionValue(archive: string, name: string): string {
  return new RegExp(`^${name}='([^']*)'$`, 'm').exec(archive)?.[1] ?? '';
}

async function world(t: ExecutionContext) {
  t.timeout(300_000);
  const programs = ['ip', 'nft', 'curl', 'udhcpc', 'mksquashfs', 'tcpdump', 'openssl'];
  if (!requireAll(t, { root: true, programs })) return undefined;
  const wired = await WiredHead.start({ isUnprivileged: true });
  t.teardown(async () => wired.stop());
  await wired.fill(MAC);
  const folder = join(wired.folder, 'set');
  await mkdir(join(folder, '.fileset'), { recursive: true });
  await mkdir(join(folder, 'etc/munge'), { recursive: true });
  await writeFile(join(folder, 'etc/munge/munge.key'), SECRET, { mode: 0o400 });
  await writeFile(join(folder, '.fileset/set.toml'), '[files."/etc/munge/munge.key"]\nsecret = true\n');
  await wired.muster('files', 'create', 'munge', '--from', folder);
  await wired.muster('node', '-i', 'n0', 'set', '_file_sets=munge');
  const node = await wired.addMachine('n0', MAC, '10.54.0.100/24');
  const capture = join(wired.folder, 'wire.pcap');
  const words = [findProgram('tcpdump') ?? 'tcpdump', '-i', 'eth0', '--immediate-mode', '-U', '-s', '0', '-w', capture];
  const tcpdump = await wired.background(node, words);
  await until('the capture runs', async () => (await readFile(capture).catch(() => Buffer.alloc(0))).length > 0);
  await node.dhcp('ipxe');
  const [, session = ''] = /boot\/v1\/([0-9a-f]{32})\//.exec(await node.get('/boot/v1/script')) ?? [];
  const archive = await node.get(`/boot/v1/${session}/session.cpio`);
  const [url, pin, token] = ['MUSTER_FILES_URL', 'MUSTER_HEAD_PIN', 'MUSTER_TOKEN'].map(name =>
    sessionValue(archive, name),
  );
  t.regex(url ?? '', /^https:\/\/10\.54\.0\.1:8443\/boot\/v1\/[0-9a-f]{32}\/files$/);
  return { wired, node, session, url: url ?? '', pin: pin ?? '', token: token ?? '', archive, capture, tcpdump };
}

test.serial(
  'a node gets its secret over TLS, once for the one client that asked first; the wire has nothing of it',
  async t => {
    const all = await world(t);
    if (!all) return;
    const { wired, node, url, pin, capture, tcpdump, archive } = all;
    t.false(archive.includes(SECRET));
    const plain = `http://10.54.0.1:8080${new URL(url).pathname}`;
    for (const body of [undefined, `claim=${OTHER}`]) {
      const { status, body: said } = await ask(node, plain, pin, body);
      t.is(status, '403');
      t.regex(said, /over TLS only/);
    }
    t.is((await ask(node, url, pin)).status, '400', 'nobody gets it without a claim');
    // As when the connection breaks: the same client may come again
    for (const _time of [1, 2]) {
      const { status, body } = await ask(node, url, pin, `claim=${CLAIM}`);
      t.is(status, '200');
      t.true(body.includes(SECRET));
    }
    const late = await ask(node, url, pin, `claim=${OTHER}`);
    t.is(late.status, '403');
    t.false(late.body.includes(SECRET));
    t.regex(await wired.muster('node', '-i', 'n0', 'timeline'), /another client asked for the secrets of this boot/);
    // The session archive is no secret from a listener; the last thing on the wire is this request
    await node.get('/boot/v1/loader/the-end-of-the-capture');
    const captured = async (): Promise<Buffer> => readFile(capture);
    await until('the capture is complete', async () => (await captured()).includes('the-end-of-the-capture'));
    await tcpdump.stop(5000);
    const bytes = await captured();
    t.true(bytes.includes('MUSTER_TOKEN'));
    t.false(bytes.includes(SECRET));
    t.false(bytes.includes(CLAIM));
  },
);

test.serial('another machine does not get it, even one that listens and forges the address', async t => {
  const all = await world(t);
  if (!all) return;
  const { wired, node, session, url, pin, token, archive } = all;
  t.is((await ask(node, url, pin, `claim=${CLAIM}`)).status, '200');
  const live = `token=${token}\\nindex=${sessionValue(archive, 'MUSTER_FILES')}\\n`;
  const everywhere = async (machine: WiredMachine, who: string, wanted: RegExp): Promise<void> => {
    const asked: [string, string | undefined][] = [
      [url, undefined],
      [url, `claim=${OTHER}`],
      [`https://10.54.0.1:8443/node/v1/files`, live],
      [`https://10.54.0.1:8443/node/v1/files`, `${live}claim=${OTHER}\\n`],
      [`http://10.54.0.1:8080/node/v1/files`, `${live}claim=${CLAIM}\\n`],
      [`https://10.54.0.1:8443/boot/v1/${session}/session.cpio`, undefined],
      [`https://10.54.0.1:8443/boot/v1/script`, undefined],
      [`http://10.54.0.1:8080/boot/v1/${session}/files`, undefined],
    ];
    for (const [place, body] of asked) {
      const reply = await ask(machine, place, pin, body);
      t.regex(reply.status, wanted, `${who}: ${place} ${body}`);
      t.false(reply.body.includes(SECRET), `${who}: ${place} ${body}`);
    }
  };
  const neighbour = await wired.addMachine('n9', '52:54:00:00:00:09', '10.54.0.109/24');
  await everywhere(neighbour, 'a neighbour', /^40\d$/);
  // The node goes; its address, hardware address and everything that it sent in the clear are the forger's
  await node.ip('link set eth0 down');
  await neighbour.ip('link set eth0 down');
  await neighbour.ip(`link set eth0 address ${MAC}`);
  await neighbour.ip('addr flush dev eth0');
  await neighbour.ip('addr add 10.54.0.100/24 dev eth0');
  await neighbour.ip('link set eth0 up');
  await everywhere(neighbour, 'a forger', /^4\d\d$/);
});

test.serial('the head keeps it encrypted, and shows it in no log, listing or explanation', async t => {
  const all = await world(t);
  if (!all) return;
  const { wired, node, url, pin } = all;
  t.is((await ask(node, url, pin, `claim=${CLAIM}`)).status, '200');
  for (const words of [
    ['files', 'show', 'munge', '--json'],
    ['files', 'history', 'munge', '--json'],
    ['boot', 'explain', 'n0', '--json'],
    ['boot', 'explain', 'n0', '--file', '/etc/munge/munge.key'],
    ['node', '-i', 'n0', 'explain', '--json'],
    ['log', '--json'],
    ['files', 'preview', '--json'],
  ])
    t.false((await wired.muster(...words)).includes(SECRET), words.join(' '));
  await wired.head.stop();
  const { stdout } = await run('grep', ['-rlF', '--exclude-dir=set', SECRET, wired.folder]);
  t.is(stdout, '', 'no file below the state folder or the logs has it');
});
