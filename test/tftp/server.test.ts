import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BootFiles } from '../../src/boot/boot-file.ts';
import type { StageNote } from '../../src/boot/journey.ts';
import { createLog } from '../../src/log.ts';
import { startTftpServer, type TftpOptions, type TftpServer } from '../../src/tftp/start.ts';
import { until } from '../support/until.ts';
import { ackBytes, errorBytes, fetchFile, nextPacket, openClient, requestBytes, TftpRefusal } from './client.ts';
import { linesOf } from './lines.ts';

const HOST = '127.0.0.1';
const NODE = { uid: 'f00d', name: 'n0', mac: '52:54:00:12:34:56', ip: HOST, hostname: 'n0' };
const LOADER = Buffer.from(Array.from({ length: 187_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));

interface Lab {
  server: TftpServer;
  notes: StageNote[];
  log: Record<string, unknown>[];
  files: Map<string, string | Buffer>;
}

async function startLab(t: ExecutionContext, change: Partial<TftpOptions> = {}): Promise<Lab> {
  const notes: StageNote[] = [];
  const { lines: log, sink } = linesOf();
  const files = new Map<string, string | Buffer>([
    ['snponly.efi', LOADER],
    ['autoexec.ipxe', Buffer.from('#!ipxe\nshell\n')],
    ['text', Buffer.from('one\ntwo\r\n')],
    ['missing.efi', '/nonexistent/missing.efi'],
  ]);
  const server = await startTftpServer({
    address: HOST,
    port: 0,
    files,
    journey: { note: note => notes.push(note) },
    directory: { nodeByMac: () => undefined, nodeByIp: ip => (ip === HOST ? NODE : undefined) },
    log: createLog('info', sink),
    ...change,
  });
  t.teardown(() => server.close());
  return { server, notes, log, files };
}

test('a loader is served, and the timeline of the node shows it', async t => {
  const { server, notes, log } = await startLab(t);
  const options = { tsize: 0, blksize: 1468 };
  const { content, oack } = await fetchFile({ address: HOST, port: server.port, file: '/snponly.efi', options });
  t.true(content.equals(LOADER));
  t.deepEqual(oack, { tsize: '187000', blksize: '1468' });
  await until('the state of the server', () => notes.length === 1 && log.length === 1);
  t.like(notes, [{ stage: 'loader', node: 'f00d', bytes: 187_000, error: undefined }]);
  t.regex(notes[0]?.detail ?? '', /^snponly\.efi, 187 kB in \d+\.\d s, blksize 1468$/);
  t.regex(notes[0]?.peer ?? '', /^127\.0\.0\.1:\d+$/);
  t.like(log, [{ level: 'info', msg: 'TFTP sent', file: 'snponly.efi' }]);
  t.like(server.stats(), { active: 0, failed: 0, bytes: 187_000 });
});

for (const blksize of [8, 512, 1024, 1428, 1468, 8192, 65464]) {
  test(`windows 1 to 64 at block size ${blksize}`, async t => {
    const { server } = await startLab(t);
    for (const windowsize of [1, 4, 16, 64]) {
      const fetched = await fetchFile({
        address: HOST,
        port: server.port,
        file: 'snponly.efi',
        options: { blksize, windowsize },
      });
      t.true(fetched.content.equals(LOADER), `window ${windowsize}`);
      t.is(fetched.oack['windowsize'], String(windowsize));
    }
  });
}

test('newer iPXE gets autoexec.ipxe from memory; its absence is no failed boot', async t => {
  const { server, notes, files } = await startLab(t);
  const ask = { address: HOST, port: server.port, file: 'autoexec.ipxe' };
  t.is((await fetchFile(ask)).content.toString(), '#!ipxe\nshell\n');
  await until('the state of the server', () => notes.length === 1);
  files.delete('autoexec.ipxe');
  t.is((await t.throwsAsync(fetchFile(ask), { instanceOf: TftpRefusal }))?.code, 1);
  t.is(notes.length, 1);
});

// RFC 1123 §4.2.4
test('netascii is translated, mail is refused', async t => {
  const { server } = await startLab(t);
  const ask = { address: HOST, port: server.port, file: 'text', options: { tsize: 0 } };
  const { content, oack } = await fetchFile({ ...ask, mode: 'NetASCII' });
  t.is(content.toString(), 'one\r\ntwo\r\0\r\n');
  t.is(oack['tsize'], String(content.length));
  t.is((await t.throwsAsync(fetchFile({ ...ask, mode: 'mail' }), { instanceOf: TftpRefusal }))?.code, 4);
});

test('unknown names, paths outside, and unreadable files get an error and a reason', async t => {
  const { server, notes, log } = await startLab(t);
  const before = Date.now();
  const refusal = async (file: string) =>
    t.throwsAsync(fetchFile({ address: HOST, port: server.port, file }), { instanceOf: TftpRefusal });
  t.like(await refusal('pxelinux.0'), { code: 1, message: "No file 'pxelinux.0' is served." });
  t.like(await refusal('../../etc/shadow'), { code: 2 });
  t.like(await refusal('missing.efi'), { code: 0, message: "The file 'missing.efi' cannot be read now." });
  await until('the state of the server', () => notes.length > 0 && log.length > 0);
  t.like(notes[0], { stage: 'loader', node: 'f00d', error: "TFTP: No file 'pxelinux.0' is served." });
  t.like(log[0], { msg: 'TFTP refused', file: 'pxelinux.0' });
  // The client asks again when an answer takes long.
  t.true(server.stats().refused >= 3);
  t.true(log.length <= 1 + (Date.now() - before) / 1000, 'one line for a peer and second');
});

// RFC 1350 §4 and appendix: access violation
test('a write request is refused with error 2', async t => {
  const { server } = await startLab(t);
  const socket = await openClient();
  t.teardown(() => socket.close());
  socket.send(requestBytes(2, 'snponly.efi'), server.port, HOST);
  const answer = await nextPacket(socket);
  t.is(answer?.bytes.toString('latin1'), '\0\x05\0\x02Files can only be read here.\0');
});

test('firmware that asks for the size and aborts leaves no error on the timeline', async t => {
  const { server, notes, log } = await startLab(t);
  const socket = await openClient();
  t.teardown(() => socket.close());
  socket.send(requestBytes(1, 'snponly.efi', 'octet', { tsize: 0 }), server.port, HOST);
  const answer = await nextPacket(socket);
  t.is(answer?.bytes.toString('latin1'), '\0\x06tsize\x00187000\0');
  socket.send(errorBytes(8, 'User aborted the transfer'), answer?.from.port ?? 0, HOST);
  await until('the state of the server', () => server.stats().failed === 1);
  const { content } = await fetchFile({ address: HOST, port: server.port, file: 'snponly.efi' });
  t.true(content.equals(LOADER));
  await until('the state of the server', () => notes.length === 1);
  t.is(notes[0]?.error, undefined);
  t.deepEqual(
    log.map(line => line['msg']),
    ['TFTP sent'],
  );
});

test('a client that aborts is on the timeline with its error text', async t => {
  const { server, notes } = await startLab(t);
  const socket = await openClient();
  t.teardown(() => socket.close());
  socket.send(requestBytes(1, 'snponly.efi'), server.port, HOST);
  const first = await nextPacket(socket);
  socket.send(ackBytes(1), first?.from.port ?? 0, HOST);
  await nextPacket(socket);
  socket.send(errorBytes(3, 'Disk full'), first?.from.port ?? 0, HOST);
  await until('the state of the server', () => notes.length === 1);
  t.is(notes[0]?.error, 'TFTP snponly.efi: the client stopped it with error 3: Disk full');
});

// RFC 1350 §4
test('a packet with a wrong transfer identifier gets error 5 and does not disturb the transfer', async t => {
  const { server } = await startLab(t);
  const client = await openClient();
  const stranger = await openClient();
  t.teardown(() => client.close());
  t.teardown(() => stranger.close());
  client.send(requestBytes(1, 'text'), server.port, HOST);
  const first = await nextPacket(client);
  const port = first?.from.port ?? 0;
  t.not(port, server.port, 'each transfer has a port of its own');
  stranger.send(ackBytes(1), port, HOST);
  t.is((await nextPacket(stranger))?.bytes.toString('latin1'), '\0\x05\0\x05Unknown transfer ID.\0');
  stranger.send(errorBytes(0, 'an error is not answered'), port, HOST);
  stranger.send(ackBytes(1), port, HOST);
  t.is((await nextPacket(stranger))?.bytes.readUInt16BE(2), 5);
  t.is(server.stats().active, 1);
  client.send(ackBytes(1), port, HOST);
  await until('the transfer ends', () => server.stats().finished === 1);
  t.is(server.stats().failed, 0);
});

// RFC 1350 §4: one transfer for one pair of identifiers
test('a repeated request starts no second transfer; another request from the same port replaces it', async t => {
  const { server } = await startLab(t);
  const client = await openClient();
  t.teardown(() => client.close());
  const heard: number[] = [];
  client.on('message', (_bytes, from) => heard.push(from.port));
  for (let copy = 0; copy < 5; copy++) client.send(requestBytes(1, 'text'), server.port, HOST);
  await until('the state of the server', () => server.stats().ignored === 4 && heard.length > 0);
  t.is(server.stats().active, 1);
  t.is(new Set(heard).size, 1);
  client.send(requestBytes(1, 'snponly.efi'), server.port, HOST);
  await until('the state of the server', () => server.stats().failed === 1 && new Set(heard).size === 2);
  t.is(server.stats().active, 1);
});

test('a late copy of a request is no failed transfer and no error on the timeline', async t => {
  const { server, notes, log } = await startLab(t);
  const socket = await openClient();
  t.teardown(() => socket.close());
  const request = requestBytes(1, 'autoexec.ipxe');
  socket.send(request, server.port, HOST);
  const first = await nextPacket(socket);
  socket.send(ackBytes(1), first?.from.port ?? 0, HOST);
  await until('the state of the server', () => server.stats().finished === 1);
  socket.send(request, server.port, HOST);
  // Its answer comes, and nobody is there who would acknowledge it: it is given up long before a silent client would be.
  t.truthy(await nextPacket(socket));
  await until('the state of the server', () => server.stats().active === 0);
  t.like(server.stats(), { finished: 1, failed: 0, ignored: 1, active: 0 });
  t.deepEqual(
    notes.filter(note => note.error),
    [],
  );
  t.false(log.some(line => line['msg'] === 'TFTP not sent'));
});

test('a late copy of a request for a script makes no second script', async t => {
  let made = 0;
  const bootFiles: BootFiles = async () => {
    made += 1;
    return { name: 'grub.cfg', kind: 'script', stage: 'script', content: Buffer.from(`script ${made}`) };
  };
  const { server } = await startLab(t, { bootFiles });
  const socket = await openClient();
  t.teardown(() => socket.close());
  const request = requestBytes(1, '/boot/v1/tftp/grub.cfg');
  socket.send(request, server.port, HOST);
  const first = await nextPacket(socket);
  t.is(first?.bytes.toString('latin1', 4), 'script 1');
  socket.send(ackBytes(1), first?.from.port ?? 0, HOST);
  await until('the state of the server', () => server.stats().finished === 1);
  socket.send(request, server.port, HOST);
  await until('the state of the server', () => server.stats().ignored === 1);
  t.is(server.stats().active, 0);
  const again = await fetchFile({ address: HOST, port: server.port, file: '/boot/v1/tftp/grub.cfg' });
  t.is(again.content.toString(), 'script 2');
  // GRUB numbers its ports from the same start at each boot: a node that restarts at once asks from the same port with the same bytes
  await fetchFile({ address: HOST, port: server.port, file: 'snponly.efi' });
  socket.send(request, server.port, HOST);
  const next = await nextPacket(socket);
  t.is(next?.bytes.toString('latin1', 4), 'script 3');
});

test('transfers are limited for each peer and in total, and a silent half-open one makes room', async t => {
  const { server } = await startLab(t, { limits: { transfers: 3, perPeer: 2 } });
  const clients = await Promise.all([1, 2, 3, 4].map(async () => openClient()));
  for (const client of clients) t.teardown(() => client.close());
  const [first, second, third, fourth] = clients;
  if (!first || !second || !third || !fourth) return t.fail();
  for (const client of [first, second]) {
    client.send(requestBytes(1, 'snponly.efi'), server.port, HOST);
    const answer = await nextPacket(client);
    client.send(ackBytes(1), answer?.from.port ?? 0, HOST);
    await nextPacket(client);
  }
  third.send(requestBytes(1, 'text'), server.port, HOST);
  await until('the state of the server', () => server.stats().ignored === 1);
  t.is(server.stats().active, 2, 'both were answered, so the third must wait');
  first.send(errorBytes(0, 'stop'), (await nextPacket(first))?.from.port ?? 0, HOST);
  await until('the state of the server', () => server.stats().active === 1);
  third.send(requestBytes(1, 'text'), server.port, HOST);
  t.is((await nextPacket(third))?.bytes.readUInt16BE(0), 3);
  fourth.send(requestBytes(1, 'text'), server.port, HOST);
  t.is((await nextPacket(fourth))?.bytes.readUInt16BE(0), 3, 'the third never answered');
  t.is(server.stats().active, 2);
});

test('an unknown peer is served too, and is in the log', async t => {
  const { server, notes, log } = await startLab(t, {
    directory: { nodeByMac: () => undefined, nodeByIp: () => undefined },
  });
  await fetchFile({ address: HOST, port: server.port, file: 'text' });
  await until('the state of the server', () => log.length === 1);
  t.deepEqual(notes, []);
  t.like(log, [{ level: 'info', msg: 'TFTP sent' }]);
});

test('a replaced file is served with its new content, and transfers in progress keep the old content', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tftp-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'loader');
  await writeFile(path, Buffer.alloc(600, 1));
  const { server, files } = await startLab(t);
  files.set('loader', path);
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'loader'), server.port, HOST);
  const first = await nextPacket(client);
  await writeFile(path, 'new');
  t.is((await fetchFile({ address: HOST, port: server.port, file: 'loader' })).content.toString(), 'new');
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  // On a slow machine the first block may have been sent again meanwhile
  let next = await nextPacket(client);
  while (next?.bytes.readUInt16BE(2) === 1) next = await nextPacket(client);
  t.deepEqual(next?.bytes.subarray(4), Buffer.alloc(88, 1));
});

test('closing notifies the clients and frees the port', async t => {
  const { server, notes } = await startLab(t);
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'text'), server.port, HOST);
  await nextPacket(client);
  const told = nextPacket(client);
  await server.close();
  t.is((await told)?.bytes.toString('latin1'), '\0\x05\0\0The server is stopping.\0');
  t.deepEqual(notes, []);
  const again = await startLab(t, { port: server.port });
  t.is(again.server.port, server.port);
});

test('a port or address that is not available is an error that names it and the remedy', async t => {
  const { server } = await startLab(t);
  await t.throwsAsync(startLab(t, { port: server.port }), {
    code: 'bad-config',
    message: new RegExp(`${HOST} port ${server.port}: another program has this port .* change tftp\\.port`),
  });
  // RFC 5737: no machine has this address
  await t.throwsAsync(startLab(t, { address: '192.0.2.1' }), {
    code: 'bad-config',
    message: /192\.0\.2\.1 port 0: no interface has that address; set head\.address/,
  });
});

interface Tftp2Client {
  read(file: string, push: (data: Buffer) => void, done: () => void): Promise<void>;
  close(): void;
}

test('the client of the package tftp2 reads a file', async t => {
  const { server } = await startLab(t);
  const connect = createRequire(import.meta.url)('tftp2') as (host: string, port: number) => Tftp2Client;
  const client = connect(HOST, server.port);
  t.teardown(() => client.close());
  const parts: Buffer[] = [];
  await client.read(
    'snponly.efi',
    data => parts.push(data),
    () => {},
  );
  t.true(Buffer.concat(parts).equals(LOADER));
});

test('in single-port mode all transfers use that port, and each client gets its whole file', async t => {
  const { server } = await startLab(t, { singlePort: true });
  const socket = await openClient();
  t.teardown(() => socket.close());
  socket.send(requestBytes(1, 'text'), server.port, HOST);
  t.is((await nextPacket(socket))?.from.port, server.port);
  const fetches = Array.from({ length: 40 }, async (_, index) => {
    const options = { blksize: 512 + index, windowsize: 1 + (index % 8) };
    return fetchFile({ address: HOST, port: server.port, file: 'snponly.efi', options });
  });
  for (const { content } of await Promise.all(fetches)) t.true(content.equals(LOADER));
  await until('the state of the server', () => server.stats().finished === 40);
});
