// Real clients: libiscsi's tools and QEMU read what the file has, with CHAP and with digests.
import { createHash } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run, runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { TARGET } from './support/one-target.ts';
import { startServe } from './support/process.ts';
import { pattern } from './support/served.ts';

const CHAP = { ISCSI_USER: 'node', ISCSI_SECRET: 'a-secret-of-it' };
const MUTUAL = { ...CHAP, ISCSI_MUTUAL_USER: 'target', ISCSI_MUTUAL_SECRET: 'another-secret' };

/** A file of known bytes, served by a process of its own. */
async function served(t: ExecutionContext, env: Record<string, string> = {}, overlay = false) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-interop-'));
  const file = join(folder, 'disk.img');
  await writeFile(file, pattern(8 << 20));
  const target = await startServe([file, ...(overlay ? ['--overlay', join(folder, 'overlay')] : [])], env);
  t.teardown(async () => {
    const status = await target.stop();
    if (status !== 0) throw new Error(`the target ended with ${status}`);
    await rm(folder, { recursive: true });
  });
  const host = `127.0.0.1:${target.port}`;
  const account = env['ISCSI_USER'] ? `${env['ISCSI_USER']}%${env['ISCSI_SECRET']}@` : '';
  return { folder, file, host, url: `iscsi://${account}${host}/${TARGET}/0`, portal: `iscsi://${account}${host}` };
}

test('iscsi-ls, iscsi-inq, iscsi-readcapacity16', async t => {
  if (!requireAll(t, { programs: ['iscsi-ls', 'iscsi-inq', 'iscsi-readcapacity16'] })) return;
  const { url, portal, host } = await served(t);
  const listed = await runOk('iscsi-ls', ['-s', portal]);
  t.true(listed.includes(`Target:${TARGET} Portal:${host},1`));
  t.true(listed.includes('Lun:0    Type:DIRECT_ACCESS (Size:7M)'), listed);
  t.regex(await runOk('iscsi-inq', [url]), /Vendor:MUSTER/);
  t.regex(await runOk('iscsi-readcapacity16', [url]), /Total size:8388608/);
});

test('libiscsi: CHAP one way and mutual, and each way of failing', async t => {
  if (!requireAll(t, { programs: ['iscsi-inq'] })) return;
  const { url, host } = await served(t, MUTUAL);
  const inquire = async (address: string) => (await run('iscsi-inq', [address])).status;
  t.is(await inquire(url), 0);
  t.is(await inquire(`${url}?target_user=target&target_password=another-secret`), 0);
  t.not(await inquire(`${url}?target_user=target&target_password=guessed`), 0);
  t.not(await inquire(`iscsi://node%guessed@${host}/${TARGET}/0`), 0);
  t.not(await inquire(`iscsi://${host}/${TARGET}/0`), 0);
});

test('qemu-img: the whole disk, with CHAP and header digests, is the file', async t => {
  if (!requireAll(t, { programs: ['qemu-img'] })) return;
  const { file, host, folder } = await served(t, CHAP);
  const secret = join(folder, 'secret');
  await writeFile(secret, CHAP.ISCSI_SECRET, { mode: 0o600 });
  for (const digest of ['none', 'crc32c']) {
    const disk = `driver=iscsi,transport=tcp,portal=${host},target=${TARGET},lun=0,user=node,password-secret=s,header-digest=${digest}`;
    const compared = await runOk('qemu-img', [
      ...['compare', '--object', `secret,id=s,file=${secret}`, '--image-opts'],
      ...[disk, `driver=file,filename=${file}`],
    ]);
    t.regex(compared, /Images are identical/);
  }
});

test('qemu-io: random reads agree byte for byte with the file', async t => {
  if (!requireAll(t, { programs: ['qemu-img', 'qemu-io'] })) return;
  const { file, url, folder } = await served(t);
  const disk = await open(file);
  t.teardown(() => disk.close());
  for (let index = 0; index < 24; index += 1) {
    const at = ((index * 2654435761) % (7 << 20)) & ~511;
    const length = 512 * (1 + ((index * 97) % 1500));
    const piece = join(folder, 'piece');
    await runOk('qemu-img', [
      'dd',
      '-f',
      'raw',
      '-O',
      'raw',
      'bs=512',
      `skip=${at / 512}`,
      `count=${(at + length) / 512}`,
      `if=${url}`,
      `of=${piece}`,
    ]);
    const expected = Buffer.alloc(length);
    const { bytesRead } = await disk.read(expected, 0, length, at);
    const piecefile = await open(piece);
    const found = Buffer.alloc(length);
    await piecefile.read(found, 0, length, 0);
    await piecefile.close();
    const sum = (bytes: Buffer) => createHash('sha256').update(bytes.subarray(0, bytesRead)).digest('hex');
    t.is(sum(found), sum(expected), `${length} bytes at ${at}`);
  }
});

test('qemu-io: what is written to an overlay is read back, also after the target was started again', async t => {
  if (!requireAll(t, { programs: ['qemu-io'] })) return;
  const { url, folder, file } = await served(t, {}, true);
  const io = (address: string, ...commands: string[]) =>
    runOk('qemu-io', ['-f', 'raw', ...commands.flatMap(command => ['-c', command]), address]);
  await io(
    url,
    'write -P 0xa5 1000k 3M',
    'write -P 0x5a 512 512',
    'flush',
    'read -P 0xa5 1000k 3M',
    'read -P 0x5a 512 512',
  );
  const again = await startServe([file, '--overlay', join(folder, 'overlay')]);
  t.teardown(() => again.stop());
  const read = await io(`iscsi://127.0.0.1:${again.port}/${TARGET}/0`, 'read -P 0xa5 1000k 3M', 'read -P 0x5a 512 512');
  t.notRegex(read, /verification failed/);
});

test('iscsi-perf: a load from several sessions runs without an error', async t => {
  if (!requireAll(t, { programs: ['iscsi-perf'] })) return;
  const { url } = await served(t);
  const loads = ['one', 'two', 'three'].map(name => {
    const args = ['-i', `iqn.2026-01.lab.test:${name}`, '-b', '8', '-m', '32', '-t', '2', '-r', url];
    return run('iscsi-perf', args, { timeoutMs: 120_000 });
  });
  for (const load of loads) {
    const { status, stdout, stderr } = await load;
    t.is(status, 0, stderr);
    t.regex(stdout, /iops average/);
  }
});
