// A secret file on a real node: what the network saw of it in the whole boot, and what an ordinary user of the node can get.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HEAD } from '../../../lab/network.ts';
import { labTest } from '../../support/lab.ts';
import { until } from '../../support/until.ts';
import { runInside } from '../console.ts';

/** Text that no program contains, as many contain an alphabet. */
const KEY = ['one', 'other'].map(half => createHash('sha512').update(half).digest('base64url')).join('');
const PATH = '/etc/lab/munge.key';
/** Bytes of each piece: wherever packets cut the key, a whole piece is in one of them. */
const PIECE = 24;

/** Each piece as it may be on the wire: as it is, in base64 at each of its three places, and in hex. */
function forms(key: string): Buffer[] {
  const bytes = Buffer.from(key);
  const pieces = Array.from({ length: Math.floor(bytes.length / PIECE) }, (_, at) =>
    bytes.subarray(at * PIECE, (at + 1) * PIECE),
  );
  return pieces.flatMap(piece => {
    const hex = piece.toString('hex');
    // Without the signs at both ends, which depend on the neighbours
    const base64 = [0, 1, 2].map(before =>
      Buffer.concat([Buffer.alloc(before), piece])
        .toString('base64')
        .slice(4, -4),
    );
    return [piece, ...[hex, hex.toUpperCase(), ...base64].map(text => Buffer.from(text))];
  });
}

function leaks(text: Buffer): boolean {
  return forms(KEY).some(form => text.includes(form));
}

/**
 * What a user of the node can ask with what they know: every URL for nodes, plain and over TLS, with and without a body, and TFTP. Prints
 * one status per question, and what came.
 */
const ASKING = [
  `zero=${'0'.repeat(32)}`,
  'for place in http://HEAD:8080 https://HEAD:8443; do',
  'for path in boot/v1/$zero/session.cpio boot/v1/$zero/files node/v1/files node/v1/heartbeat; do',
  'curl -sk -m 20 -w "status %{http_code}\\n" $place/$path',
  'curl -sk -m 20 -w "status %{http_code}\\n" -d token=$zero -d claim=$zero $place/$path',
  'done; done',
  'for file in boot/v1/tftp/grub.cfg session.cpio etc/lab/munge.key; do curl -s -m 20 tftp://HEAD/$file; done',
]
  .join('\n')
  .replaceAll('do\n', 'do ')
  .replaceAll('\n', '; ')
  .replaceAll('HEAD', HEAD.address);

/** In its first minutes the head gives a script to a node's address: a user can begin a boot, and ask first for its secrets. */
const BEGINNING = [
  'boot=$(curl -s http://HEAD:8080/boot/v1/script | grep -om1 "/boot/v1/[0-9a-f]\\{32\\}" | head -n 1)',
  'curl -s http://HEAD:8080$boot/session.cpio >/tmp/session',
  'curl -sk -d claim=$(head -c 16 /dev/zero | od -An -tx1 | tr -d " ") -w "status %{http_code}\\n" https://HEAD:8443$boot/files',
]
  .join('; ')
  .replaceAll('HEAD', HEAD.address);

test('a piece of the key is found in each of its forms, wherever it is cut', t => {
  const around = (middle: string) => Buffer.from(`xx${middle}yy`);
  for (const start of [0, 5, 23]) {
    const cut = Buffer.from(KEY).subarray(start, start + 2 * PIECE);
    for (const form of [cut.toString('latin1'), cut.toString('hex'), cut.toString('hex').toUpperCase()])
      t.true(leaks(around(form)), form);
  }
  for (const before of ['', 'a', 'ab']) t.true(leaks(around(Buffer.from(before + KEY).toString('base64'))), before);
  t.false(leaks(around(KEY.slice(0, PIECE - 1))));
});

labTest(
  test,
  'bios, rwram: a secret file is on the node for root alone, and the wire and every port have nothing of it',
  { firmware: 'bios', style: 'rwram', captured: true, attributes: { _status_secs: '2' } },
  async (t, lab) => {
    const folder = await mkdtemp(join(tmpdir(), 'muster-set-'));
    t.teardown(async () => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, '.fileset'));
    await mkdir(join(folder, 'etc/lab'), { recursive: true });
    await writeFile(join(folder, PATH), KEY);
    await writeFile(
      join(folder, '.fileset/set.toml'),
      `[files."${PATH}"]\nsecret = true\nowner = "mail"\nmode = "0400"\n`,
    );
    for (const words of [
      ['files', 'create', 'keys', '--from', folder],
      ['node', '-i', 'n0', 'set', '_file_sets=keys'],
    ]) {
      const { status, stderr } = await lab.muster(...words);
      t.is(status, 0, stderr);
    }
    await lab.bootUp();
    const node = lab.node();
    const inside = async (command: string) => (await runInside(node, command)).output.trim();
    const digest = createHash('sha256').update(KEY).digest('hex');
    const asRoot = `echo "${digest}  ${PATH}" | sha256sum -c --status && echo whole; stat -c "%U %a" ${PATH}`;
    t.is(await inside(asRoot), 'whole\nmail 400', 'root has it');
    await until('n0 is in step', async () =>
      /^n0: in-step/.test((await lab.muster('node', '-i', 'n0', 'files')).stdout),
    );

    const asUser = async (command: string) =>
      inside(`setpriv --reuid 1000 --regid 1000 --clear-groups sh -c '${command}'`);
    t.regex(await asUser(`id -u; cat ${PATH}`), /^1000\r?\n.*Permission denied$/);
    const known = await asUser('cat /proc/cmdline /run/muster/etc/attributes.ini; cat /run/muster/private/session');
    t.regex(known, /Permission denied$/);
    // The UID of the node is no secret
    t.notRegex(known.replace(/^UID = .*$/m, ''), /[0-9a-f]{32}/, 'no session, token or pin is known to a user');
    // Written so that the search does not find itself
    const pattern = `[${KEY.slice(0, 1)}]${KEY.slice(1, PIECE)}`;
    const everywhere = `grep -rls "${pattern}" /etc /run /var /tmp /root /home /opt`;
    const processes = `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -ac "${pattern}"`;
    t.is(await asUser(`${everywhere}; ${processes}`), '0', 'no file and no process has it for a user');
    const asked = await asUser(ASKING);
    t.is(asked.match(/^.*status [45]\d\d\r?$|^status 000\r?$/gm)?.length, 16, asked);
    t.false(leaks(Buffer.from(asked)));
    const began = await asUser(BEGINNING);
    t.regex(began, /status (?:403|404|503)$/, 'no secrets while the system runs');
    t.false(leaks(Buffer.from(began)));

    await node.powerOff();
    const capture = await readFile(node.captureFile);
    t.true(capture.includes('MUSTER_HEAD_PIN'), 'the capture has the boot: its session archive');
    t.false(leaks(capture));
    t.log(`${capture.length} bytes were captured`);
  },
);
