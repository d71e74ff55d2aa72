// Simulated nodes that do the whole journey, as many as are asked for in one process: DHCP, loader, script, kernel, initramfs,
// image with resume, reports, first heartbeat. Prints one line of JSON. Their addresses are this network namespace's own.
// node storm-nodes.js HEAD PORT COUNT LOADER LOADER_BYTES ROUGH
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { tokenOf } from '../../src/boot/boot.ts';
import { stormNode } from './storm-node.ts';
import { fetchLoader } from './tftp-fetch.ts';

const [head = '', port = '8080', count = '1', loader = '', loaderBytes = '0', rough = ''] = process.argv.slice(2);
const STAGES = ['addressed', 'loader', 'ipxe', 'script', 'kernel', 'image', 'up'] as const;
/** Everyone presses the button within this time, in milliseconds. */
const SPREAD = 2000;

const times = new Map<string, number[]>(STAGES.map(stage => [stage, []]));
const counts = { up: 0, failed: 0, retries: 0, bytes: 0, waits: 0 };
const waiting = new Map<number, (reply: Buffer) => void>();
let lastXid = 1;

const sender = await bound('10.54.250.1', 68);
sender.setBroadcast(true);
const receiver = await bound('255.255.255.255', 68);
for (const socket of [sender, receiver]) socket.on('message', bytes => waiting.get(bytes.readUInt32BE(4))?.(bytes));

async function bound(address: string, udpPort: number): Promise<Socket> {
  const lookup = (name: string, _options: object, done: (error: null, address: string, family: number) => void) =>
    done(null, name, 4);
  const socket = createSocket({ type: 'udp4', reuseAddr: true, recvBufferSize: 4 << 20, lookup });
  const listening = once(socket, 'listening');
  socket.bind(udpPort, address);
  await listening;
  return socket;
}

/** DISCOVER to ACK, tried again as firmware does, after 4 s, 8 s and so on. */
async function dhcp(mac: string, marks: Buffer): Promise<void> {
  for (let wait = 4000; ; wait = Math.min(32_000, wait * 2)) {
    const offered = await ask(mac, 1, marks, Buffer.alloc(0), wait);
    const taken = offered && Buffer.concat([Buffer.of(54, 4), offered.server, Buffer.of(50, 4), offered.yiaddr]);
    if (taken && (await ask(mac, 3, marks, taken, wait))) return;
    counts.retries += 1;
  }
}

async function ask(mac: string, type: number, marks: Buffer, more: Buffer, wait: number) {
  const xid = lastXid++;
  const message = Buffer.alloc(240);
  message.set([1, 1, 6, 0]);
  message.writeUInt32BE(xid, 4);
  message.writeUInt16BE(0x8000, 10);
  message.write(mac.replaceAll(':', ''), 28, 'hex');
  message.writeUInt32BE(0x63825363, 236);
  const bytes = Buffer.concat([message, Buffer.of(53, 1, type), marks, more, Buffer.of(255)]);
  const stop = new AbortController();
  const answer = new Promise<Buffer>(resolve => waiting.set(xid, resolve));
  sender.send(bytes, 67, '255.255.255.255');
  const reply = await Promise.race([answer, delay(wait, undefined, { signal: stop.signal }).catch(() => undefined)]);
  stop.abort();
  waiting.delete(xid);
  if (!reply) return undefined;
  const at = reply.indexOf(Buffer.of(54, 4), 240);
  return { yiaddr: reply.subarray(16, 20), server: reply.subarray(at + 2, at + 6) };
}

const FIRMWARE = Buffer.concat([Buffer.of(93, 2, 0, 7, 60, 32), Buffer.from('PXEClient:Arch:00007:UNDI:003000')]);
const IPXE = Buffer.concat([Buffer.of(93, 2, 0, 7, 77, 4), Buffer.from('iPXE')]);

interface Node {
  ip: string;
  mac: string;
  /** Reads at some hundred kilobytes a second. */
  slow: boolean;
  /** Loses its power in the middle of its image, once. */
  dies: boolean;
}

async function open(
  node: Node,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<IncomingMessage> {
  const options = { host: head, port, path, headers, localAddress: node.ip, agent: false, timeout: 60_000 };
  const asked = request({ ...options, method: body === undefined ? 'GET' : 'POST' });
  asked.once('timeout', () => asked.destroy(new Error('silence')));
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return answer;
}

/** The whole answer, tried again with growing waits as the scripts do. */
async function get(node: Node, path: string, body?: string): Promise<Buffer> {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await open(node, path, {}, body);
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      const whole = Buffer.concat(parts);
      counts.bytes += whole.length;
      if (answer.statusCode === 200) return whole;
      if (tries > 8) throw new Error(`HTTP ${answer.statusCode} for ${path.replace(/[0-9a-f]{32}/, 'SESSION')}`);
    } catch (error) {
      if (tries > 8) throw error;
    }
    counts.retries += 1;
    await delay(1000 * 2 ** Math.min(tries, 4) * (1 + Math.random()));
  }
}

/** As the initramfs does it: resumes, and comes back when it is told to. Answers false when the node lost its power. */
async function image(node: Node, session: string, mayDie: boolean): Promise<boolean> {
  let [have, size] = [0, -1];
  for (let tries = 0; have !== size; ) {
    try {
      const answer = await open(node, `/boot/v1/${session}/image`, have > 0 ? { range: `bytes=${have}-` } : {});
      if (answer.statusCode === 503) {
        answer.resume();
        counts.waits += 1;
        const seconds = Number(answer.headers['retry-after']);
        await delay(1000 * seconds * (1 + Math.random() / 4));
        continue;
      }
      if (answer.statusCode !== 200 && answer.statusCode !== 206) throw new Error(`HTTP ${answer.statusCode}`);
      size = have + Number(answer.headers['content-length']);
      for await (const part of answer) {
        have += (part as Buffer).length;
        counts.bytes += (part as Buffer).length;
        tries = 0;
        if (mayDie && have > size / 2) {
          answer.destroy();
          return false;
        }
        if (node.slow) await delay(((part as Buffer).length / 300_000) * 1000);
      }
    } catch (error) {
      if (++tries > 12) throw error;
    }
    if (have !== size) {
      counts.retries += 1;
      await delay(1000 * (0.5 + Math.random()) * 2 ** Math.min(tries, 5));
    }
  }
  return true;
}

async function boot(node: Node, mayDie = node.dies): Promise<void> {
  let since = performance.now();
  const done = (stage: (typeof STAGES)[number]): void => {
    const now = performance.now();
    times.get(stage)?.push((now - since) / 1000);
    since = now;
  };
  await dhcp(node.mac, FIRMWARE);
  done('addressed');
  await fetchLoader({ address: head, port: 69, file: loader, size: Number(loaderBytes), local: node.ip });
  counts.bytes += Number(loaderBytes);
  done('loader');
  await dhcp(node.mac, IPXE);
  done('ipxe');
  const script = (await get(node, '/boot/v1/script')).toString();
  const session = /boot\/v1\/([0-9a-f]{32})\/kernel/.exec(script)?.[1] ?? '';
  if (session === '') throw new Error(`no session: ${script.slice(0, 200)}`);
  done('script');
  for (const name of ['kernel', 'session.cpio', 'initramfs']) await get(node, `/boot/v1/${session}/${name}`);
  done('kernel');
  await get(node, `/boot/v1/${session}/report`, 'stage=initramfs\n');
  if (!(await image(node, session, mayDie))) return boot(node, false);
  done('image');
  await get(node, `/boot/v1/${session}/report`, 'stage=root\n');
  await get(node, '/node/v1/heartbeat', `token=${tokenOf(session)}\n`);
  done('up');
}

const begun = performance.now();
const whys = new Set<string>();
await Promise.all(
  Array.from({ length: Number(count) }, async (_, index) => {
    const chance = (index * 7919) % 100;
    const node = { ...stormNode(index), slow: rough !== '' && chance < 5, dies: rough !== '' && chance >= 95 };
    await delay(Math.random() * SPREAD);
    try {
      await boot(node);
      counts.up += 1;
    } catch (error) {
      counts.failed += 1;
      if (whys.size < 5) whys.add(error instanceof Error ? error.message : String(error));
    }
  }),
);
const seconds = (performance.now() - begun) / 1000;
const stages = Object.fromEntries(
  Array.from(times, ([stage, list]) => {
    const sorted = list.sort((left, right) => left - right);
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return [stage, { p50: at(0.5), p95: at(0.95), p99: at(0.99) }];
  }),
);
process.stdout.write(`${JSON.stringify({ ...counts, seconds, stages, whys: [...whys] })}\n`);
process.exit(0);
