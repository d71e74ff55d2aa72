import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import { DAEMON } from '../../src/api/daemon.ts';
import type { Changed, Shown } from '../../src/api/objects.ts';
import type { Collected, UploadState } from '../../src/api/storage.ts';
import { STORAGE } from '../../src/api/storage.ts';
import { MusterError } from '../../src/errors.ts';
import type { Kind } from '../../src/model/kind-words.ts';
import type { StoredImage } from '../../src/model/values.ts';
import { runOk } from '../../src/process/run.ts';
import { isoFile } from '../cli/files.ts';
import { smallFileSystem, temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { type Answer, ask, fakeKernel, sha256, startWorld } from './world.ts';

async function world(t: ExecutionContext, folder = temporaryFolder(t)) {
  const started = await startWorld(folder);
  const client = new AdminClient({ socket: started.socket, command: 'test' });
  t.teardown(async () => {
    await client.close();
    await started.stop();
  });
  const asking = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(started.socket, method, `/api/v1${path}`, body, headers);
  const upload = async (bytes: Buffer): Promise<string> => {
    const file = join(folder, `file-${randomBytes(6).toString('hex')}`);
    writeFileSync(file, bytes);
    return (await client.upload(file)).id;
  };
  const left = () => readdirSync(join(folder, 'state/uploads'));
  return { ...started, client, ask: asking, upload, left };
}

type World = Awaited<ReturnType<typeof world>>;

async function blobsOf({ blobs }: World): Promise<string[]> {
  return (await blobs.list()).map(blob => blob.sha256);
}

async function download({ client }: World, kind: Kind, id: string, field: string): Promise<Buffer> {
  const { body, size, sha256: digest } = await client.download(STORAGE.download, { kind, params: { id, field } });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (bytes.length !== size || sha256(bytes) !== digest) throw new Error('the download is not what its headers say');
  return bytes;
}

function refused(t: ExecutionContext, answer: Answer, status: number, code: string, reason: string): void {
  t.deepEqual({ status: answer.status, code: answer.json.code, reason: answer.json.reason }, { status, code, reason });
}

test('a kernel sets its release, and a download equals the upload', async t => {
  const all = await world(t);
  const kernel = fakeKernel('3.10.0-862.el7.x86_64', randomBytes(300_000));
  await all.ask('POST', '/bootconfigs', { name: 'DefaultBoot' });
  const answer = await all.ask('PATCH', '/bootconfig/DefaultBoot', { kernel: { upload: await all.upload(kernel) } });
  t.is(answer.status, 200, answer.text);
  const [difference] = (answer.json.data as Changed).differences;
  t.is(difference?.fields['release']?.after, '3.10.0-862.el7.x86_64');
  const { data } = (await all.ask('GET', '/bootconfig/DefaultBoot')).json;
  t.like((data as Shown)['kernel'] as object, { sha256: sha256(kernel), size: kernel.length });
  t.deepEqual(await download(all, 'boot', 'DefaultBoot', 'kernel'), kernel);
  t.deepEqual(all.left(), []);
});

test('a boot config is created with its files in one command', async t => {
  const all = await world(t);
  const answer = await all.ask('POST', '/bootconfigs', {
    name: 'DefaultBoot',
    kernel: { upload: await all.upload(fakeKernel('6.1.0')) },
    initramfs: { upload: await all.upload(Buffer.from('an initramfs')) },
  });
  t.is(answer.status, 201, answer.text);
  t.is((await blobsOf(all)).length, 2);
});

test('a file of more than the body limit of JSON streams through', async t => {
  const all = await world(t);
  const file = join(all.folder, 'large');
  writeFileSync(file, 'begin');
  // Sparse: the bytes cost nothing here and are all sent.
  truncateSync(file, 300 << 20);
  let last = 0;
  const { sha256: digest } = await all.client.upload(file, sent => {
    last = sent;
  });
  t.is(last, 300 << 20);
  t.regex(digest ?? '', /^[0-9a-f]{64}$/);
});

test('an ISO image sets its label; other files are refused', async t => {
  const all = await world(t);
  const answer = await all.ask('POST', '/repos', {
    name: 'centos_7.9_iso',
    iso: { upload: await all.upload(isoFile('CentOS 7 x86_64')) },
  });
  t.is(answer.status, 201, answer.text);
  t.is(all.cluster.byName('repo', 'centos_7.9_iso')?.value.isolabel, 'CentOS 7 x86_64');
  refused(
    t,
    await all.ask('POST', '/repos', { name: 'other', iso: { upload: await all.upload(Buffer.alloc(50_000)) } }),
    400,
    'bad-iso',
    'The file is not an ISO 9660 image: it has no primary volume descriptor.',
  );
});

test('a squashfs becomes cwsquash: the root inside has its own digest, and a cwsquash stays as it is', async t => {
  if (!requireAll(t, { programs: ['mksquashfs', 'unsquashfs'] })) return;
  const all = await world(t);
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'root'));
  writeFileSync(join(folder, 'root/random'), randomBytes(200_000));
  await runOk('mksquashfs', [join(folder, 'root'), join(folder, 'image'), '-quiet', '-no-progress']);
  const { id, sha256: root = '' } = await all.client.upload(join(folder, 'image'));
  t.is((await all.ask('POST', '/images', { name: 'DefaultImage', content: { upload: id } })).status, 201);
  const content = all.cluster.byName('image', 'DefaultImage')?.value.content as StoredImage;
  t.is(content.root_sha256, root);
  t.true(content.unpacked >= 200_000);
  const whole = await download(all, 'image', 'DefaultImage', 'content');
  t.is(sha256(whole.subarray(content.root_offset, content.root_offset + content.root_size)), root);
  const again = await all.ask('POST', '/images', { name: 'copy', content: { upload: await all.upload(whole) } });
  t.is(again.status, 201, again.text);
  t.is(all.cluster.byName('image', 'copy')?.value.content?.sha256, content.sha256);
  t.is((await blobsOf(all)).length, 1, 'the same content is stored once');
});

test('files that are not kernels or images are refused with the reason, and leave nothing', async t => {
  const all = await world(t);
  await all.ask('POST', '/bootconfigs', { name: 'DefaultBoot' });
  const patch = async (field: string, bytes: Buffer) =>
    all.ask('PATCH', '/bootconfig/DefaultBoot', { [field]: { upload: await all.upload(bytes) } });
  refused(
    t,
    await patch('kernel', randomBytes(5000)),
    400,
    'bad-kernel',
    'The file is not a Linux kernel: it has no x86 boot header and no arm64 or EFI header.',
  );
  refused(t, await patch('initramfs', Buffer.alloc(0)), 400, 'bad-value', 'The file for initramfs is empty.');
  refused(
    t,
    await patch('initramfs', Buffer.from('hsqs and what follows')),
    400,
    'bad-value',
    'The file for initramfs is a squashfs, which can only be the content of an image.',
  );
  const image = await all.ask('POST', '/images', {
    name: 'x',
    content: { upload: await all.upload(Buffer.alloc(9000)) },
  });
  refused(
    t,
    image,
    400,
    'bad-image',
    'The file is not an image that nodes can boot: it does not begin with a squashfs or a GPT.',
  );
  t.deepEqual([await blobsOf(all), all.left()], [[], []]);
  t.is(all.cluster.byName('boot', 'DefaultBoot')?.value.kernel, null);
});

test('a command that fails after its files were stored leaves none of them', async t => {
  const all = await world(t);
  await all.ask('POST', '/bootconfigs', { name: 'DefaultBoot' });
  const body = async () => ({
    initramfs: { upload: await all.upload(Buffer.from('good')) },
    kernel: { upload: await all.upload(Buffer.from('no kernel')) },
  });
  t.is((await all.ask('PATCH', '/bootconfig/DefaultBoot', await body())).status, 400);
  const stale = { 'if-match': '"old"' };
  const initramfs = { upload: await all.upload(Buffer.from('good')) };
  t.is((await all.ask('PATCH', '/bootconfig/DefaultBoot', { initramfs }, stale)).json.code, 'conflict');
  await all.ask('PATCH', '/bootconfig/DefaultBoot', { frozen: true });
  const frozen = { upload: await all.upload(Buffer.from('good')) };
  t.is((await all.ask('PATCH', '/bootconfig/DefaultBoot', { initramfs: frozen })).json.code, 'frozen');
  t.deepEqual([await blobsOf(all), all.left()], [[], []]);
});

test('a failed command takes away no file that others use', async t => {
  const all = await world(t);
  const bytes = Buffer.from('an initramfs');
  await all.ask('POST', '/bootconfigs', { name: 'one', initramfs: { upload: await all.upload(bytes) } });
  const failed = await all.ask('POST', '/bootconfigs', [
    { name: 'two', initramfs: { upload: await all.upload(bytes) }, kernel: { upload: await all.upload(bytes) } },
  ]);
  t.is(failed.json.code, 'bad-kernel');
  t.deepEqual(await download(all, 'boot', 'one', 'initramfs'), bytes);
});

test('an upload serves one command only', async t => {
  const all = await world(t);
  await all.ask('POST', '/bootconfigs', [{ name: 'one' }, { name: 'two' }]);
  const id = await all.upload(Buffer.from('an initramfs'));
  const answers = await Promise.all(
    ['one', 'two'].map(async name => all.ask('PATCH', `/bootconfig/${name}`, { initramfs: { upload: id } })),
  );
  t.deepEqual(answers.map(answer => answer.status).sort(), [200, 400]);
});

test('an object without a file, or with a file missing from storage, reports it', async t => {
  const all = await world(t);
  const initramfs = { upload: await all.upload(Buffer.from('x')) };
  await all.ask('POST', '/bootconfigs', { name: 'DefaultBoot', initramfs });
  refused(
    t,
    await all.ask('GET', '/bootconfig/DefaultBoot/kernel'),
    409,
    'not-ready',
    'The boot config DefaultBoot has no kernel.',
  );
  await all.blobs.removeUnless(sha256(Buffer.from('x')), () => false);
  refused(
    t,
    await all.ask('GET', '/bootconfig/DefaultBoot/initramfs'),
    409,
    'not-ready',
    'The initramfs of DefaultBoot is no longer in storage; upload it again.',
  );
  const collected = (await all.ask('POST', '/storage/collect?dry_run=true', {})).json.data as Collected;
  t.deepEqual(
    collected.missing.map(blob => blob.keptBy),
    [['boot config DefaultBoot']],
  );
});

/** Sends a part of an upload and breaks the connection off, as a killed client does. */
async function breakOff(socket: string, id: string, bytes: Buffer, isThere: () => boolean): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const path = `/api/v1/upload/${id}?offset=0`;
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length * 2) };
    const asked = httpRequest({ socketPath: socket, method: 'PATCH', path, headers });
    asked.on('error', () => resolve());
    asked.write(bytes);
    void until('the bytes are there', isThere, { every: 1 }).then(() => {
      asked.destroy();
      resolve();
    }, reject);
  });
}

test('an interrupted upload is resumed where it stopped', async t => {
  const all = await world(t);
  const bytes = randomBytes(400_000);
  const half = bytes.subarray(0, 200_000);
  const { id } = (await all.ask('POST', '/uploads', { size: bytes.length })).json.data as UploadState;
  await breakOff(all.socket, id, half, () => all.uploads.get(id).offset === half.length);
  t.like((await all.ask('GET', `/upload/${id}`)).json.data as object, { size: bytes.length, offset: half.length });
  let answer = await all.ask('PATCH', `/upload/${id}?offset=${half.length}`, bytes.subarray(half.length));
  // The head may not have seen yet that the first connection is gone.
  while (answer.json.code === 'conflict')
    answer = await all.ask('PATCH', `/upload/${id}?offset=${half.length}`, bytes.subarray(half.length));
  t.is((answer.json.data as UploadState).sha256, sha256(bytes));
});

test('the client sees it when its file shrinks or is changed while it is sent', async t => {
  const all = await world(t);
  const file = join(all.folder, 'shrinks');
  writeFileSync(file, randomBytes(8 << 20));
  const shrinking = await t.throwsAsync(
    all.client.upload(file, () => truncateSync(file, 4 << 20)),
    { instanceOf: MusterError },
  );
  t.is(shrinking?.code, 'upload-incomplete');
  t.is(shrinking?.message, `${file}: became shorter while it was sent; nothing was stored. Retry.`);
  const changed = join(all.folder, 'grows');
  writeFileSync(changed, randomBytes(100_000));
  const growing = await t.throwsAsync(
    all.client.upload(changed, () => appendFileSync(changed, 'more')),
    { instanceOf: MusterError },
  );
  t.is(growing?.code, 'bad-digest');
  t.is(
    growing?.message,
    `${changed}: the head received other bytes than the file has now, so the file probably changed. Retry.`,
  );
  const missing = await t.throwsAsync(all.client.upload(join(all.folder, 'nothing')), { instanceOf: MusterError });
  t.is(missing?.code, 'bad-value');
  t.regex(missing?.message ?? '', /nothing: cannot be read: ENOENT/);
  t.deepEqual(all.left(), []);
});

test('a disk that fills up during an upload: the client hears it as that, at once, and the disk is free again', async t => {
  if (!requireAll(t, { root: true, programs: ['mount', 'umount'] })) return;
  const folder = await smallFileSystem(t, 8);
  const all = await world(t, folder);
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, randomBytes(5 << 20));
  let filled = false;
  const fill = (): void => {
    if (!filled) writeFileSync(join(folder, 'others'), Buffer.alloc(4 << 20));
    filled = true;
  };
  const error = await t.throwsAsync(all.client.upload(file, fill), { instanceOf: MusterError });
  t.is(error?.code, 'disk-full');
  t.is(error?.message, "The upload: the head's disk is full; nothing was stored. Free some room and repeat.");
  t.deepEqual(all.left(), []);
  t.is((await all.ask('POST', '/nodes', { mac: '52:54:00:00:00:01' })).status, 201, 'the head still works');
  const early = await t.throwsAsync(all.client.upload(file), { instanceOf: MusterError });
  t.regex(early?.message ?? '', /^The upload has 5242880 bytes, and the head's disk has room for \d+; free some/);
});

test('bytes of another type, and invalid sizes, are refused', async t => {
  const all = await world(t);
  const { id } = (await all.ask('POST', '/uploads', { size: 10 })).json.data as UploadState;
  refused(
    t,
    await all.ask('PATCH', `/upload/${id}?offset=0`, { a: 1 }),
    400,
    'bad-usage',
    'The body must be bytes, sent as application/octet-stream.',
  );
  for (const [size, shown] of [
    [-1, '-1'],
    [1.5, '1.5'],
    ['10', "'10'"],
    [2 ** 60, String(2 ** 60)],
  ])
    refused(
      t,
      await all.ask('POST', '/uploads', { size }),
      400,
      'bad-usage',
      `size=${shown} must be the number of bytes.`,
    );
  t.is((await all.ask('DELETE', `/upload/${id}`)).status, 200);
  refused(
    t,
    await all.ask('GET', `/upload/${id}`),
    400,
    'upload-incomplete',
    `There is no upload ${id} any more; begin it again.`,
  );
});

test('a daemon that does not run is reported with the remedy', async t => {
  const client = new AdminClient({ socket: join(temporaryFolder(t), 'none.sock') });
  t.teardown(async () => client.close());
  const error = await t.throwsAsync(client.call(DAEMON.health), { instanceOf: MusterError });
  t.is(error?.code, 'not-running');
  t.regex(
    error?.message ?? '',
    /^musterd is not running: nothing answers on .*none\.sock\. Start it \('systemctl start musterd'/,
  );
});
