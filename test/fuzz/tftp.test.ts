// Hostile packets and floods against a running TFTP server: it answers the next honest client, in bounded memory.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../src/log.ts';
import { startTftpServer, type TftpServer } from '../../src/tftp/start.ts';
import { ackBytes, errorBytes, fetchFile, nextPacket, openClient, requestBytes } from '../tftp/client.ts';
import { randomOf } from '../tftp/simulation.ts';

const HOST = '127.0.0.1';
/** No address of the flood: of a port that it had, a half-open transfer would still be heard. */
const HONEST = '127.9.9.9';
const CONTENT = Buffer.alloc(20_000, 'served');

async function start(t: ExecutionContext): Promise<{ server: TftpServer; notes: () => number }> {
  let notes = 0;
  const server = await startTftpServer({
    address: HOST,
    port: 0,
    files: new Map([['snponly.efi', CONTENT]]),
    journey: { note: () => (notes += 1) },
    directory: {
      nodeByMac: () => undefined,
      nodeByIp: ip => ({ uid: 'f00d', name: 'n0', mac: '52:54:00:12:34:56', ip, hostname: 'n0' }),
    },
    log: silentLog(),
  });
  t.teardown(() => server.close());
  return { server, notes: () => notes };
}

async function stillServes(t: ExecutionContext, server: TftpServer): Promise<void> {
  const options = { blksize: 1468, windowsize: 4 };
  const { content } = await fetchFile({
    address: HOST,
    port: server.port,
    file: 'snponly.efi',
    options,
    local: HONEST,
  });
  t.true(content.equals(CONTENT));
}

const SEEDS = [
  requestBytes(1, 'snponly.efi'),
  requestBytes(1, 'snponly.efi', 'octet', { tsize: 0, blksize: 1468, windowsize: 16, timeout: 2 }),
  requestBytes(1, '../../../etc/shadow', 'netascii'),
  requestBytes(2, 'snponly.efi'),
  ackBytes(1),
  errorBytes(8, 'User aborted the transfer'),
  Buffer.from('\0\x06blksize\x001468\0', 'latin1'),
  Buffer.from('\0\x03\0\x01data', 'latin1'),
];

/** One to four changes: a byte, a piece cut out, a piece doubled, a cut end, bytes put in. */
function mutate(random: () => number, seed: Buffer): Buffer {
  let bytes = Buffer.from(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let change = below(4); change >= 0; change--) {
    const at = below(bytes.length + 1);
    const piece = bytes.subarray(at, at + below(20));
    const changed = [
      () => Buffer.concat([bytes.subarray(0, at), Buffer.from([below(256)]), bytes.subarray(at + 1)]),
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + piece.length)]),
      () => Buffer.concat([bytes.subarray(0, at), piece, piece, bytes.subarray(at + piece.length)]),
      () => bytes.subarray(0, at),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.alloc(below(600), below(256)), bytes.subarray(at)]),
    ][below(5)];
    bytes = Buffer.from(changed?.() ?? bytes);
  }
  return bytes;
}

/** Sends all and lets the server take them in: a full receive buffer would lose the rest. */
async function sendAll(socket: Socket, packets: Iterable<Buffer>, port: number): Promise<void> {
  let count = 0;
  for (const packet of packets) {
    socket.send(packet, port, HOST);
    if (++count % 50 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  await new Promise(resolve => setImmediate(resolve));
}

test('ten thousand mutated packets at the server port crash nothing and read nothing', async t => {
  const { server, notes } = await start(t);
  const random = randomOf(20_261_124);
  const socket = await openClient();
  t.teardown(() => socket.close());
  const foreign: string[] = [];
  socket.on('message', bytes => {
    if (bytes.readUInt16BE(0) === 3 && !CONTENT.includes(bytes.subarray(4))) foreign.push(bytes.toString('latin1'));
  });
  const packets = Array.from({ length: 10_000 }, (_, at) => mutate(random, SEEDS[at % SEEDS.length] ?? ackBytes(0)));
  const before = Date.now();
  await sendAll(socket, packets, server.port);
  await stillServes(t, server);
  t.deepEqual(foreign, []);
  const { refused, ignored } = server.stats();
  // One client asks again before it is answered, so most of its requests are repetitions
  t.true(refused > 100 && ignored > 1000, `${refused} refused, ${ignored} ignored`);
  t.true(notes() <= (Date.now() - before) / 1000 + 20, `${notes()} notes: error notes are bounded for each peer`);
});

test('mutated packets at the port of a transfer do not end it with wrong bytes', async t => {
  const { server } = await start(t);
  const random = randomOf(7);
  for (let round = 0; round < 50; round++) {
    const socket = await openClient();
    socket.send(requestBytes(1, 'snponly.efi', 'octet', { windowsize: 8 }), server.port, HOST);
    const first = await nextPacket(socket);
    const packets = Array.from({ length: 100 }, () =>
      mutate(random, random() < 0.7 ? ackBytes(round) : errorBytes(0, 'x')),
    );
    await sendAll(socket, packets, first?.from.port ?? 0);
    socket.close();
  }
  await stillServes(t, server);
});

test('ten thousand half-open requests from as many ports stay within the bounds, and an honest client gets in', async t => {
  const { server } = await start(t);
  global.gc?.();
  const before = process.memoryUsage.rss();
  let most = 0;
  for (let batch = 0; batch < 100; batch++) {
    const sockets = await Promise.all(Array.from({ length: 100 }, (_, at) => flooder(1 + ((batch * 100 + at) % 200))));
    for (const socket of sockets) {
      socket.send(requestBytes(1, 'snponly.efi', 'octet', { blksize: 65464, windowsize: 64 }), server.port, HOST);
    }
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve));
    most = Math.max(most, server.stats().active);
    for (const socket of sockets) socket.close();
  }
  t.true(most > 500, `${most} at once: the flood got through`);
  t.true(most <= 8192);
  await stillServes(t, server);
  const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
  t.log(`${most} transfers at once, resident memory grew by ${grown.toFixed(0)} MiB`);
  t.true(grown < 200);
});

/** A socket with an address of its own on the loopback network. */
async function flooder(host: number): Promise<Socket> {
  const socket = createSocket('udp4');
  const listening = once(socket, 'listening');
  socket.bind(0, `127.0.1.${host}`);
  await listening;
  return socket;
}
