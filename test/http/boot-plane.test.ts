import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import { tokenOf } from '../../src/boot/boot.ts';
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import type { FailureLog } from '../../src/boot/evidence.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { BootPlane } from '../../src/boot/plane/plane.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { why } from '../../src/boot/why.ts';
import { BootFileHeads } from '../../src/daemon/boot-file-heads.ts';
import { attributesIni } from '../../src/http/attributes-ini.ts';
import { startBootPlane } from '../../src/http/boot-plane.ts';
import type { BootPlanePorts } from '../../src/http/ports.ts';
import { silentLog } from '../../src/log.ts';
import { effectiveAttributes } from '../../src/model/attributes.ts';
import { DIGEST, FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { fakeEnrolment } from '../fakes/plane.ts';
import { until } from '../support/until.ts';

interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** One request from an address of its own: all of 127.0.0.0/8 is this machine. */
async function ask(
  port: number,
  method: string,
  path: string,
  options: { from?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        localAddress: options.from ?? '127.0.0.100',
        headers: options.headers ?? {},
        agent: false,
      },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

const GRUB_TEMPLATES: Record<string, string> = {
  'refused.grub': 'echo @NODE@ @REASON@\n',
  'netboot.grub': 'set head=(@DEVICE@)@PATH@\nlinux (@DEVICE@)/boot/v1/kernel @CMDLINE@\n',
};

async function plane(
  t: ExecutionContext,
  options: {
    withoutConfig?: boolean;
    bounds?: BootPlanePorts['bounds'];
    logged?: string[];
    /** Lines of level info. */
    informed?: string[];
    takeOnce?: () => Promise<void>;
    graceMs?: number;
    /** Boots install from the repo R9, whose image has so many bytes by its record. */
    isoSize?: number;
    loaderSize?: number;
    failures?: FailureLog;
    /** Of the threads that send files. */
    program?: URL;
  } = {},
) {
  const fake = new FakeCluster();
  const { node, config, image } = fake.bootable();
  fake.change(node, { ip: '127.0.0.100' });
  if (options.withoutConfig) fake.change(config, { kernel: null });
  const folder = mkdtempSync(join(tmpdir(), 'muster-http-'));
  const blobs = {
    [DIGEST.kernel]: Buffer.alloc(1000, 'k'),
    [DIGEST.initramfs]: Buffer.alloc(2000, 'i'),
    [DIGEST.image]: Buffer.alloc(3 << 20),
  };
  const root = blobs[DIGEST.image]?.subarray(1 << 20, 2 << 20) ?? Buffer.alloc(0);
  for (let at = 0; at < root.length; at += 4) root.writeUInt32BE(at, at);
  for (const [name, bytes] of Object.entries(blobs)) writeFileSync(join(folder, name), bytes);
  const loader = join(folder, 'ipxe.efi');
  writeFileSync(loader, 'loader');
  const kernels = new BootFileHeads(sha256 => join(folder, sha256));
  const registry = fakeBoots(fake);
  const saved: Boot[] = [];
  const port = await freePort();
  const attributes = (uid: string) =>
    effectiveAttributes(fake.cluster, fake.cluster.get('node', uid)?.value ?? node.value);
  const ports: BootPlanePorts = {
    ...registry,
    enrolment: fakeEnrolment(fake),
    addresses: ['127.0.0.1', '127.0.0.2'],
    head: () => ({ address: '127.0.0.1', port, prefix: 24, router: '', dns: [], domain: '', failureSeconds: 60 }),
    directory: clusterDirectory(fake.cluster),
    log: {
      ...silentLog(),
      info: (_more: object, said: string) => options.informed?.push(said),
      error: (_more: object, said: string) => options.logged?.push(said),
    } as never,
    plan: uid => {
      const answer = planBoot(fake.cluster, fake.cluster.get('node', uid) ?? node);
      if (options.isoSize === undefined || 'refused' in answer) return answer;
      const install = { repo: { name: 'R9', iso: { blob: DIGEST.image, size: options.isoSize } } };
      return { ...answer, plan: { ...answer.plan, install: install as never } };
    },
    template: async name =>
      name.endsWith('.grub')
        ? (GRUB_TEMPLATES[name] ?? '')
        : name === 'refused.ipxe'
          ? '#!ipxe\necho @NODE@ @REASON@\n'
          : '#!ipxe\nkernel @URL@/kernel @CMDLINE@\n',
    blobPath: sha256 => join(folder, sha256),
    bootFileHead: async kernel => kernels.of(kernel),
    loaderFile: name =>
      name === 'ipxe.efi'
        ? { path: loader, offset: 0, size: options.loaderSize ?? 6, etag: 'x', modified: Date.UTC(2026, 0, 1) }
        : undefined,
    save: async boot => void saved.push(boot),
    attributesIni: uid => attributesIni({ uid, name: 'n0' }, attributes(uid)),
    statusSeconds: () => 10,
    kickstart: async () => '',
    iso: async () => {
      const size = options.isoSize;
      const file = { path: join(folder, DIGEST.image), offset: 0, etag: 'x', type: 'application/octet-stream' };
      return size === undefined ? undefined : { file: { ...file, size } };
    },
    takeOnce: options.takeOnce ?? (async () => {}),
    ...(options.failures && { failures: options.failures }),
    ...(options.bounds && { bounds: options.bounds }),
    ...(options.graceMs !== undefined && { graceMs: options.graceMs }),
  };
  const boot = new BootPlane(ports);
  const server = await startBootPlane(ports, boot, options.program);
  t.teardown(async () => server.close());
  const script = async () => (await ask(port, 'GET', '/boot/v1/script')).body.toString();
  const session = async () => /boot\/v1\/([0-9a-f]{32})\/kernel/.exec(await script())?.[1] ?? '';
  return { fake, node, config, image, folder, root, port, saved, session, script, server, boot, ...registry };
}

test('a GRUB that has only TFTP gets script, kernel, session and initramfs, but no image; names reveal nothing', async t => {
  const { boot, node, boots, session } = await plane(t);
  const get = async (path: string, ip = '127.0.0.100') => boot.fileByTftp(path, ip);
  t.like(await get('/boot/v1/kernel'), {
    name: 'kernel',
    refused: `no boot of 127.0.0.100 is under way that has a kernel`,
  });
  const script = await get('/boot/v1/tftp/grub.cfg');
  if (!script || !('content' in script)) return t.fail(JSON.stringify(script));
  t.like(script, { name: 'grub.cfg', stage: 'script' });
  const [, id = ''] = /\(tftp,127\.0\.0\.1\)\/boot\/v1\/([0-9a-f]{32})\n/.exec(script.content.toString()) ?? [];
  t.regex(script.content.toString(), /linux \(tftp,127\.0\.0\.1\)\/boot\/v1\/kernel /);
  t.is(boots.current(node.uid)?.plan?.kernel?.size, 1000);
  t.like(await get('/boot/v1/kernel'), { name: 'kernel', stage: 'kernel', file: { offset: 0, size: 1000 } });
  t.like(await get(`/boot/v1/${id}/initramfs`), { name: 'initramfs', stage: 'kernel', file: { size: 2000 } });
  const archive = await get(`/boot/v1/${id}/session.cpio`);
  t.true(archive && 'content' in archive && archive.content.includes(`MUSTER_TOKEN='${tokenOf(id)}'`));
  // A name is no URL: nothing in it is decoded, joined or cut off
  const urls = [
    '/boot/v1/kerne%6c',
    '/boot/v1/kernel?x',
    '/boot/v1/kernel#x',
    '//boot/v1/kernel',
    'http://h/boot/v1/kernel',
  ];
  for (const path of ['/boot/v1/script', `/boot/v1/${id}/image`, `/boot/v1/${id}/report`, '/snponly.efi', '/', ...urls])
    t.is(await get(path), undefined, path);
  // Another machine's address, no node's address, and a session that a later one took the place of
  t.like(await get(`/boot/v1/${id}/initramfs`, '127.0.0.9'), { name: 'initramfs' });
  t.true('refused' in ((await get(`/boot/v1/${id}/session.cpio`, '127.0.0.9')) ?? {}));
  t.like(await get('/boot/v1/tftp/grub.cfg', '127.0.0.9'), { refused: "127.0.0.9 is no node's address" });
  await session();
  t.true('refused' in ((await get(`/boot/v1/${id}/initramfs`)) ?? {}));
});

test('a report that breaks off leaves a line in the log, and no failure of the head', async t => {
  const failures: object[] = [];
  const [informed, logged]: string[][] = [[], []];
  const { port, session } = await plane(t, { failures: { failed: one => failures.push(one) }, informed, logged });
  const id = await session();
  const cutOff = async (length: string): Promise<void> => {
    const before = informed?.length ?? 0;
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' });
    socket.on('error', () => {});
    socket.write(`POST /boot/v1/${id}/report HTTP/1.1\r\nHost: 127.0.0.1\r\n${length}\r\n\r\n`);
    await once(socket, 'connect');
    socket.end();
    await until('the head reports it', () => (informed?.length ?? 0) > before);
  };
  await cutOff('Content-Length: 500');
  t.is(informed?.at(-1), 'http: the client left before the end of its POST body of 500 bytes');
  t.deepEqual([failures, logged], [[], []]);
  t.is((await ask(port, 'POST', `/boot/v1/${id}/report`, { body: 'stage=root\n' })).status, 200);
});

test('a thread that sends files and crashes is a failure of the head', async t => {
  const failures: Parameters<FailureLog['failed']>[0][] = [];
  const program = new URL('data:text/javascript,throw new Error("it crashed")');
  const logged: string[] = [];
  const log = { failed: (failure: (typeof failures)[number]) => void failures.push(failure) };
  const { port, session } = await plane(t, { failures: log, program, logged });
  const id = await session();
  await t.throwsAsync(ask(port, 'GET', `/boot/v1/${id}/image`), undefined, 'the transfer is cut off');
  t.like(failures, [{ kind: 'crashed', what: 'keep a thread that sends files running' }]);
  t.regex(logged[0] ?? '', /^http: a thread that sends files failed/);
});

test('the whole journey over HTTP: script, kernel, initramfs, session, image, reports, heartbeat', async t => {
  const { port, session, boots, node, saved, root, statuses } = await plane(t);
  const id = await session();
  t.regex(id, /^[0-9a-f]{32}$/);
  t.is(saved.length, 1);
  t.is((await ask(port, 'GET', `/boot/v1/${id}/kernel`)).body.length, 1000);
  t.is((await ask(port, 'GET', `/boot/v1/${id}/initramfs`)).body.length, 2000);
  const archive = (await ask(port, 'GET', `/boot/v1/${id}/session.cpio`)).body.toString('latin1');
  t.true(archive.includes(`MUSTER_TOKEN='${tokenOf(id)}'`));
  t.is(
    (await ask(port, 'POST', `/boot/v1/${id}/report`, { body: 'stage=initramfs\nuptime=2.5\n' })).body.toString(),
    'ok\n',
  );
  const image = await ask(port, 'GET', `/boot/v1/${id}/image`);
  t.is(createHash('sha256').update(image.body).digest('hex'), createHash('sha256').update(root).digest('hex'));
  await ask(port, 'POST', `/boot/v1/${id}/report`, { body: 'stage=root\n' });
  const beat = await ask(port, 'POST', '/node/v1/heartbeat', {
    body: `token=${tokenOf(id)}\nhardware.cpus=2\nstatus.ram_free=5\n`,
  });
  t.is(beat.status, 200);
  t.regex(beat.body.toString(), /\[Node\]\nUID = [0-9a-f]{32}\n[\s\S]*\[Attributes\]\n_boot_config = DefaultBoot\n/);
  const boot = boots.current(node.uid);
  t.is(boot?.outcome, 'up');
  t.deepEqual(
    boot &&
      timelineOf(boot)
        .rows.filter(row => row.at !== undefined)
        .map(row => row.stage),
    ['script', 'kernel', 'initramfs', 'image', 'root', 'up'],
  );
  t.like(statuses.of(node.uid), { state: 'up', hardware: { cpus: '2' }, facts: { ram_free: '5' } });
  t.is((await ask(port, 'GET', `/boot/v1/${id}/image`)).status, 410);
});

test('HEAD, Range, ETag, If-Range: a download is resumed where it stopped', async t => {
  const { port, session, root } = await plane(t);
  const url = `/boot/v1/${await session()}/image`;
  const head = await ask(port, 'HEAD', url);
  t.like(head, { status: 200, headers: { 'content-length': `${1 << 20}`, 'accept-ranges': 'bytes' } });
  const etag = String(head.headers['etag']);
  const part = await ask(port, 'GET', url, { headers: { range: 'bytes=1000-', 'if-range': etag } });
  t.like(part, { status: 206, headers: { 'content-range': `bytes 1000-${(1 << 20) - 1}/${1 << 20}` } });
  t.true(part.body.equals(root.subarray(1000)));
  t.is((await ask(port, 'GET', url, { headers: { range: 'bytes=0-0' } })).body.length, 1);
  t.is((await ask(port, 'GET', url, { headers: { range: 'bytes=-16' } })).body.length, 16);
  t.is((await ask(port, 'GET', url, { headers: { range: 'bytes=1000-', 'if-range': '"other"' } })).status, 200);
  // More digits than a number of the language has, too
  for (const start of [`${1 << 20}`, '9'.repeat(40), '9'.repeat(400)])
    t.like(await ask(port, 'GET', url, { headers: { range: `bytes=${start}-` } }), {
      status: 416,
      headers: { 'content-range': `bytes */${1 << 20}` },
    });
  t.is((await ask(port, 'GET', url, { headers: { range: `bytes=16-${'9'.repeat(40)}` } })).body.length, (1 << 20) - 16);
  t.is((await ask(port, 'GET', url, { headers: { 'if-none-match': etag } })).status, 304);
});

test('double slashes are kept, and nothing is redirected', async t => {
  const { port, session } = await plane(t);
  t.is((await ask(port, 'GET', `//boot//v1/${await session()}//kernel`)).status, 200);
  t.is((await ask(port, 'GET', '//boot/v1//loader/ipxe.efi')).body.toString(), 'loader');
});

test('another address gets neither script nor session, and no path reaches another file', async t => {
  const { port, session, folder } = await plane(t);
  const id = await session();
  const paths = [`/boot/v1/${id}/kernel`, `/boot/v1/${id}/session.cpio`, `/boot/v1/${id}/image`, '/boot/v1/script'];
  for (const path of paths) t.is((await ask(port, 'GET', path, { from: '127.0.0.7' })).status, 403, path);
  const tricks = [
    '/boot/v1/loader/..%2f..%2f..%2fetc%2fpasswd',
    `/boot/v1/loader/%2e%2e/${DIGEST.kernel}`,
    `/boot/v1/../../../..${folder}/ipxe.efi`,
    '/boot/v1/loader/ipxe.efi%00',
    `/boot/v1/${'0'.repeat(32)}/kernel`,
    `/boot/v1/${id.toUpperCase()}/kernel`,
    `/boot/v1/${id}x/kernel`,
    `/boot/v1/${id}/..%2f${id}%2fkernel`,
    `/boot/v1/%ff%fe/kernel`,
    '/etc/passwd',
    `/${'a/'.repeat(2000)}`,
  ];
  for (const path of tricks) {
    const { status, body } = await ask(port, 'GET', path);
    t.true([400, 403, 404, 410, 414].includes(status), `${path}: ${status}`);
    t.true(body.length < 400, path);
    t.false(body.includes('root:'), path);
  }
});

test('a node without a plan gets a script that says why, and the reason is on its timeline', async t => {
  const { script, boots, node } = await plane(t, { withoutConfig: true });
  t.regex(await script(), /echo n0 the boot config DefaultBoot has no kernel/);
  const boot = boots.current(node.uid);
  t.regex((boot && timelineOf(boot).reason) ?? '', /script: the boot config DefaultBoot has no kernel/);
});

test('a kernel for another processor is refused before anything is fetched, on the screen and on the timeline', async t => {
  const { script, boots, node, folder } = await plane(t);
  const arm = Buffer.alloc(1000);
  arm.write('ARM\x64', 56, 'latin1');
  writeFileSync(join(folder, DIGEST.kernel), arm);
  boots.note({ stage: 'ipxe', node: node.uid, arch: 'efi64' });
  t.regex(
    await script(),
    /echo n0 the kernel of the boot config DefaultBoot is for 64-bit ARM, and the node's firmware for x86$/m,
  );
  const boot = boots.current(node.uid);
  t.regex(
    (boot && timelineOf(boot).reason) ?? '',
    /script: the kernel of the boot config DefaultBoot is for 64-bit ARM/,
  );
  boots.note({ stage: 'ipxe', node: node.uid, arch: 'efi-arm64' });
  t.regex(await script(), /^kernel /m);
});

test('a running system cannot get a session', async t => {
  const { port, clock } = await plane(t);
  clock.now += 10 * 60_000;
  t.is((await ask(port, 'GET', '/boot/v1/script')).status, 403);
});

test('wrong reports and heartbeats change nothing', async t => {
  const { port, session, boots, node } = await plane(t);
  const id = await session();
  t.is((await ask(port, 'POST', `/boot/v1/${id}/report`, { body: 'stage=up\n' })).status, 400);
  t.is((await ask(port, 'POST', `/boot/v1/${id}/report`, { body: '\0\xff' })).status, 400);
  for (const method of ['POST', 'PUT'])
    t.is((await ask(port, method, `/boot/v1/${id}/report`, { body: 'x'.repeat(65 * 1024) })).status, 413, method);
  t.is((await ask(port, 'POST', '/node/v1/heartbeat', { body: `token=${'0'.repeat(32)}\n` })).status, 403);
  t.is(
    (await ask(port, 'POST', '/node/v1/heartbeat', { from: '127.0.0.9', body: `token=${tokenOf(id)}\n` })).status,
    403,
  );
  t.is(boots.current(node.uid)?.outcome, undefined);
  await ask(port, 'POST', `/boot/v1/${id}/report`, { body: `stage=image\nerror=${'long'.repeat(1000)}\u001b[31m\n` });
  const boot = boots.current(node.uid);
  const error = (boot && timelineOf(boot).rows[7]?.error) ?? '';
  t.true(error.length <= 1024 && !error.includes('\u001b'));
});

test('a report names its fault from a closed list; an older initramfs sends text alone', async t => {
  const { port, session, boots, node } = await plane(t);
  const id = await session();
  const last = async (body: string) => {
    t.is((await ask(port, 'POST', `/boot/v1/${id}/report`, { body: `stage=image\n${body}\n` })).status, 200);
    return boots.current(node.uid)?.events.at(-1);
  };
  t.like(await last('error=it is small\nfault=too-little-memory\nhave=400\nwant=900\nname=x'), {
    error: 'it is small',
    fault: 'too-little-memory',
    about: { name: 'x', have: 400, want: 900 },
    by: 'node',
  });
  t.like(await last('error=it is small\nfault=short-file'), { fault: 'node-failed', about: undefined });
  t.like(await last('error=anything\nfault=constructor'), { fault: 'node-failed' });
  t.like(await last('error=there is no LABEL=root (_disk_root)'), {
    fault: 'wrong-disk',
    about: { name: '_disk_root' },
  });
  t.like(await last("error=the head's stored image has 1 of 2 bytes"), { fault: 'node-failed' });
  t.like(await last('fault=no-link'), { fault: undefined, error: undefined });
});

test('the heartbeat of a replaced boot is refused after a silence', async t => {
  const { port, session, boots, clock } = await plane(t);
  const first = await session();
  await ask(port, 'POST', '/node/v1/heartbeat', { body: `token=${tokenOf(first)}\n` });
  const second = await session();
  boots.note({ stage: 'initramfs', session: second });
  t.is((await ask(port, 'POST', '/node/v1/heartbeat', { body: `token=${tokenOf(first)}\n` })).status, 200);
  clock.now += 30_001;
  t.is((await ask(port, 'POST', '/node/v1/heartbeat', { body: `token=${tokenOf(first)}\n` })).status, 410);
});

test('a script request of a client that left ends no session: the node has sent another one', async t => {
  const { port, session, boots, node, saved } = await plane(t);
  const id = await session();
  const late = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.100' });
  late.end('GET /boot/v1/script HTTP/1.1\r\nHost: head\r\n\r\n');
  late.resume();
  await once(late, 'close');
  t.is((await ask(port, 'GET', `/boot/v1/${id}/kernel`)).status, 200);
  t.is(saved.length, 1);
  t.is(boots.of(node.uid).length, 1);
});

test('a truncated stored file is a 500, and timeline and log blame the head', async t => {
  const logged: string[] = [];
  const { port, session, folder, boots, node } = await plane(t, { logged });
  const id = await session();
  const reason = () => {
    const boot = boots.current(node.uid);
    return boot && timelineOf(boot).reason;
  };
  for (const [size, name, blob, wanted] of [
    [600, 'kernel', DIGEST.kernel, 1000],
    [0, 'initramfs', DIGEST.initramfs, 2000],
  ] as const) {
    truncateSync(join(folder, blob), size);
    const { status, body } = await ask(port, 'GET', `/boot/v1/${id}/${name}`);
    t.deepEqual([status, body.length], [500, 0]);
    const problem = `the head's stored ${name} has ${size} of ${wanted} bytes`;
    t.is(reason(), `kernel: ${problem}`);
    t.is(logged.at(-1), problem);
  }
  t.is((await ask(port, 'GET', `/boot/v1/${id}/failed/0x0`)).status, 200);
  t.regex(reason() ?? '', /^kernel: iPXE could not get .*: the head's stored initramfs has 0 of 2000 bytes$/);
  truncateSync(join(folder, DIGEST.image), (1 << 20) + 5000);
  const part = await ask(port, 'GET', `/boot/v1/${id}/image`, { headers: { range: 'bytes=0-9' } });
  t.is(part.status, 500, 'also of a part that is there');
  t.is(logged.at(-1), `the head's stored image has 5000 of ${1 << 20} bytes`);
});

test('a truncated file of an ISO image is on the timeline', async t => {
  const logged: string[] = [];
  const { port, session, boots, node } = await plane(t, { logged, isoSize: 9 << 20 });
  await session();
  const reason = () => {
    const boot = boots.current(node.uid);
    return boot && timelineOf(boot).reason;
  };
  for (const [path, stage] of [
    ['images/install.img', 'image'],
    ['Packages/a.rpm', 'initramfs'],
  ]) {
    t.is((await ask(port, 'GET', `/isomount/R9/${path}`)).status, 500);
    const problem = `the head's stored ISO image of R9 (${path}) has ${3 << 20} of ${9 << 20} bytes`;
    t.is(reason(), `${stage}: ${problem}`);
    t.is(logged.at(-1), problem);
  }
});

test('a truncated loader is on the timeline', async t => {
  const { port, folder, boots, node } = await plane(t);
  truncateSync(join(folder, 'ipxe.efi'), 3);
  t.is((await ask(port, 'GET', '/boot/v1/loader/ipxe.efi')).status, 500);
  const told = boots
    .of(node.uid)
    .flatMap(boot => boot.events.flatMap(({ stage, error }) => (error ? [[stage, error]] : [])));
  t.deepEqual(told, [['loader', "the head's stored loader ipxe.efi has 3 of 6 bytes"]]);
});

test('a loader that is cut off over HTTP is reported, until the firmware gets it', async t => {
  const { port, folder, boots, node, fake, statuses, clock } = await plane(t, { loaderSize: 60_000_000 });
  truncateSync(join(folder, 'ipxe.efi'), 60_000_000);
  for (const stage of ['offered', 'addressed'] as const)
    boots.note({ stage, mac: node.value.mac, arch: 'http-efi64', loader: 'ipxe.efi' });
  const verdict = () => {
    const entry = fake.cluster.get('node', node.uid) ?? node;
    const [plan, status] = [planBoot(fake.cluster, entry), statuses.of(node.uid)];
    return why({ name: 'n0', mac: node.value.mac, boots: boots.of(node.uid), status, plan, now: clock.now });
  };
  const loaderEvents = () => boots.current(node.uid)?.events.filter(({ stage }) => stage === 'loader') ?? [];
  const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' }, () =>
    socket.write('GET /boot/v1/loader/ipxe.efi HTTP/1.1\r\nHost: x\r\n\r\n'),
  );
  socket.once('data', () => socket.destroy());
  while (loaderEvents().length === 0) await new Promise(resolve => setImmediate(resolve));
  clock.now += 300_000;
  t.like(loaderEvents()[0], { fault: 'cut-off', file: 'loader', complete: false });
  t.like(verdict(), { verdict: 'failed', rule: 'loader-cut-off' });
  t.regex(verdict().cause, /^The transfer of its loader failed: ipxe\.efi over HTTP was cut off after \d+ bytes\.$/);
  t.is((await ask(port, 'GET', '/boot/v1/loader/ipxe.efi')).status, 200);
  while (loaderEvents().length === 1) await new Promise(resolve => setImmediate(resolve));
  t.like(loaderEvents()[1], { file: 'loader', complete: true });
  t.is(verdict().rule, 'booting');
});

test('a client that leaves before the first byte is noted as one that leaves in the middle', async t => {
  let asked = (): void => {};
  const reached = new Promise<void>(resolve => {
    asked = resolve;
  });
  let goOn = (): void => {};
  const gone = new Promise<void>(resolve => {
    goOn = resolve;
  });
  const takeOnce = async (): Promise<void> => {
    asked();
    await gone;
  };
  const { port, session, boots, node } = await plane(t, { takeOnce });
  const id = await session();
  const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' }, () => {
    socket.write(`GET /boot/v1/${id}/initramfs HTTP/1.1\r\nHost: x\r\n\r\n`);
  });
  await reached;
  socket.resetAndDestroy();
  // Its end came before these questions, and so is known when they are answered.
  for (const _ of [1, 2, 3]) await ask(port, 'GET', '/nothing');
  goOn();
  const noted = () => boots.current(node.uid)?.events.find(event => event.detail?.startsWith('initramfs'));
  while (!noted()) await new Promise(resolve => setImmediate(resolve));
  t.regex(noted()?.detail ?? '', /^initramfs in [\d.]+ s, cut off after 0 bytes$/);
});

test('a HEAD request is no download, and neither is a 304', async t => {
  const { port, session, boots, node } = await plane(t);
  const id = await session();
  t.is((await ask(port, 'HEAD', `/boot/v1/${id}/kernel`)).status, 200);
  t.is(
    (await ask(port, 'GET', `/boot/v1/${id}/kernel`, { headers: { 'if-none-match': `"${DIGEST.kernel}"` } })).status,
    304,
  );
  t.false(boots.current(node.uid)?.events.some(event => event.stage === 'kernel') ?? true);
});

test('a missing stored file gets an answer, and an error on the timeline', async t => {
  const { port, session, boots, node, image, fake } = await plane(t);
  fake.change(image, { content: { ...image.value.content, sha256: 'e'.repeat(64) } as never });
  const id = await session();
  t.is((await ask(port, 'GET', `/boot/v1/${id}/image`)).status, 500);
  const boot = boots.current(node.uid);
  t.regex((boot && timelineOf(boot).reason) ?? '', /cannot read the stored image/);
});

test('a client that stops reading halfway through an image is noted as cut off', async t => {
  const { port, session, boots, node, fake, image, folder } = await plane(t);
  // More than the buffers of both sides take
  const size = 64 << 20;
  truncateSync(join(folder, DIGEST.image), size + (2 << 20));
  fake.change(image, { content: { ...image.value.content, size: size + (2 << 20), root_size: size } as never });
  const id = await session();
  await new Promise<void>(resolve => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' }, () => {
      socket.write(`GET /boot/v1/${id}/image HTTP/1.1\r\nHost: x\r\n\r\n`);
    });
    socket.once('data', () => socket.destroy());
    socket.once('close', () => resolve());
  });
  const noted = () =>
    boots.current(node.uid)?.events.find(({ stage, detail }) => stage === 'image' && detail?.includes('cut off'));
  const { detail = '' } = await until('the image is noted as cut off', noted);
  const [, bytes] = /^image in [\d.]+ s, cut off after (\d+) bytes$/.exec(detail) ?? [];
  t.true(Number(bytes) > 0 && Number(bytes) < size, detail);
});

test('a download that the shutdown of the head cuts off is noted before the plane closes', async t => {
  const events = new EventEmitter();
  const asked = once(events, 'asked');
  const takeOnce = async () => {
    events.emit('asked');
    await once(events, 'cut');
  };
  const { port, session, boots, node, server } = await plane(t, { takeOnce, graceMs: 1 });
  const id = await session();
  const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' }, () => {
    socket.write(`GET /boot/v1/${id}/initramfs HTTP/1.1\r\nHost: x\r\n\r\n`);
  });
  socket.once('close', () => events.emit('cut'));
  await asked;
  await server.close();
  t.regex(boots.current(node.uid)?.events.at(-1)?.detail ?? '', /initramfs .*cut off after 0 bytes/);
});

test('incomplete requests, garbage and absurd headers end in an error or a closed connection, and the next request works', async t => {
  const { port, session } = await plane(t);
  const junk = [
    'GET',
    'GET / HTTP/9.9\r\n\r\n',
    '\0\0\0\0',
    `GET / HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(100_000)}\r\n\r\n`,
    'POST /node/v1/heartbeat HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
  ];
  for (const bytes of junk) {
    await new Promise<void>(resolve => {
      const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' }, () => socket.end(bytes));
      socket.on('data', () => {});
      socket.on('error', () => {});
      socket.once('close', () => resolve());
    });
  }
  t.regex(await session(), /^[0-9a-f]{32}$/);
});

test('answers over HTTP/1.0 have a length', async t => {
  const { port } = await plane(t);
  const text = await new Promise<string>(resolve => {
    let all = '';
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' }, () =>
      socket.write('GET /boot/v1/loader/ipxe.efi HTTP/1.0\r\n\r\n'),
    );
    socket.on('data', chunk => {
      all += chunk;
    });
    socket.once('close', () => resolve(all));
  });
  t.regex(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 6\r\n/i);
});

test('RFC 9110 §13: conditions are checked before the range; an answer without content has neither', async t => {
  const { port, session } = await plane(t);
  const url = `/boot/v1/${await session()}/image`;
  const etag = String((await ask(port, 'HEAD', url)).headers['etag']);
  const far = `bytes=${1 << 20}-`;
  const status = async (headers: Record<string, string>, path = url) =>
    (await ask(port, 'GET', path, { headers })).status;
  t.is(await status({ 'if-match': '"other"', range: 'bytes=0-9' }), 412);
  t.is(await status({ 'if-match': etag, range: 'bytes=0-9' }), 206);
  t.is(await status({ 'if-none-match': `W/${etag}`, range: far }), 304);
  t.is(await status({ 'if-none-match': '*' }), 304);
  t.is(await status({ 'if-range': `W/${etag}`, range: 'bytes=0-9' }), 200);
  const loader = await ask(port, 'GET', '/boot/v1/loader/ipxe.efi');
  t.is(loader.headers['last-modified'], 'Thu, 01 Jan 2026 00:00:00 GMT');
  t.is(await status({ 'if-modified-since': String(loader.headers['last-modified']) }, '/boot/v1/loader/ipxe.efi'), 304);
  t.is(await status({ 'if-unmodified-since': 'Wed, 31 Dec 2025 00:00:00 GMT' }, '/boot/v1/loader/ipxe.efi'), 412);
  const { status: whole, headers } = await ask(port, 'HEAD', url, { headers: { range: 'bytes=0-9' } });
  t.deepEqual(
    [whole, headers['content-length']],
    [200, String(1 << 20)],
    'RFC 9110 §14.2: a range counts with GET alone',
  );
});

/** What comes back for these bytes until the server closes the connection. */
async function raw(port: number, bytes: string, host = '127.0.0.1'): Promise<string> {
  return new Promise(resolve => {
    let all = '';
    const socket = connect({ host, port, localAddress: '127.0.0.100' }, () => socket.write(bytes));
    socket.on('data', chunk => {
      all += chunk;
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(all));
  });
}

test('RFC 9112 §3.2: HTTP/1.1 without a Host header, or with two, gets 400 and the reason, at each address', async t => {
  const { port } = await plane(t);
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    const without = await raw(port, 'GET /boot/v1/loader/ipxe.efi HTTP/1.1\r\n\r\n', host);
    t.regex(without, /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Content-Length: \d+[\s\S]*needs a Host header\n$/);
    const two = await raw(port, 'GET /boot/v1/script HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n', host);
    t.regex(two, /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*has 2 Host headers\n$/);
  }
});

test('header names are spelled as GRUB reads them, in every answer', async t => {
  const { port, session } = await plane(t);
  const id = await session();
  const paths = [`${id}/kernel`, `${id}/session.cpio`, 'loader/ipxe.efi', 'loader/none', 'grub.cfg', `${id}/image`];
  for (const path of paths) {
    const request = `GET /boot/v1/${path} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\nConnection: close\r\n\r\n`;
    const [head = ''] = (await raw(port, request)).split('\r\n\r\n');
    const names = head
      .split('\r\n')
      .slice(1)
      .map(line => line.split(':')[0] ?? '');
    t.true(names.includes('Content-Length'), head);
    for (const name of names) t.true(name === 'ETag' || /^[A-Z][a-z]+(-[A-Z][a-z]+)*$/.test(name), `${path}: ${name}`);
  }
});

test('an incomplete request and a silent connection get a 408 and are closed in time', async t => {
  const { port, session } = await plane(t, { bounds: { headersMs: 200 } });
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    for (const bytes of ['', 'GET /boot/v1/script HT', 'GET /boot/v1/script HTTP/1.1\r\nHost: x\r\nA: b']) {
      t.regex(await raw(port, bytes, host), /^HTTP\/1\.1 408 Request Timeout\r\n/, JSON.stringify(bytes));
    }
  }
  t.regex(await session(), /^[0-9a-f]{32}$/);
});

test('garbage gets a 400, and endless headers a 431', async t => {
  const { port } = await plane(t);
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    t.regex(await raw(port, 'SSH-2.0-OpenSSH\r\n', host), /^HTTP\/1\.1 400 Bad Request\r\n/);
    t.regex(await raw(port, `GET / HTTP/1.1\r\nA: ${'b'.repeat(100_000)}`, host), /^HTTP\/1\.1 431 /);
  }
});

test('connections are limited for each address; other addresses are served, and places become free again', async t => {
  const { port } = await plane(t, { bounds: { perPeer: 3 } });
  const open = () => connect({ host: '127.0.0.1', port, localAddress: '127.0.0.100' });
  const held = [open(), open(), open()];
  await Promise.all(held.map(async socket => once(socket, 'connect')));
  const path = '/boot/v1/loader/ipxe.efi';
  await t.throwsAsync(ask(port, 'GET', path));
  t.is((await ask(port, 'GET', path, { from: '127.0.0.101' })).status, 200);
  held[0]?.destroy();
  const again = async (): Promise<number> =>
    ask(port, 'GET', path).then(
      ({ status }) => status,
      () => again(),
    );
  t.is(await again(), 200);
  for (const socket of held) socket.destroy();
});
