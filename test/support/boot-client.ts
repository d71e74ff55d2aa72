// Simulated nodes: the whole journey of a boot on real sockets, as many at a time as are asked for in one process. Their addresses
// are this network namespace's own.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { tokenOf } from '../../src/boot/boot.ts';
import { reasonOf } from '../../src/errors.ts';
import { fetchLoader } from '../bench/tftp-fetch.ts';

export interface BootingNode {
  ip: string;
  mac: string;
  /** Reads at some hundred kilobytes a second. */
  slow?: boolean;
}

/** What a boot passes, in this order. */
export const CLIENT_STAGES = ['addressed', 'loader', 'ipxe', 'script', 'kernel', 'image', 'up'] as const;
export type ClientStage = (typeof CLIENT_STAGES)[number];

/** The head that the nodes boot from. */
export interface HeadAt {
  address: string;
  port: number;
  loader: string;
  loaderBytes: number;
}

const FIRMWARE = Buffer.concat([Buffer.of(93, 2, 0, 7, 60, 32), Buffer.from('PXEClient:Arch:00007:UNDI:003000')]);
const IPXE = Buffer.concat([Buffer.of(93, 2, 0, 7, 77, 4), Buffer.from('iPXE')]);

export class BootClients {
  readonly counts = { retries: 0, bytes: 0, waits: 0 };
  /** How often something was tried again, by what was wrong with it. */
  readonly reasons = new Map<string, number>();
  private readonly head: HeadAt;
  private readonly sockets: readonly Socket[];
  private readonly waiting = new Map<number, (reply: Buffer) => void>();
  private lastXid = 1;

  private constructor(head: HeadAt, sockets: readonly Socket[]) {
    this.head = head;
    this.sockets = sockets;
    for (const socket of sockets) socket.on('message', bytes => this.waiting.get(bytes.readUInt32BE(4))?.(bytes));
  }

  /** @param from an address of this namespace; broadcasts leave by it */
  static async open(head: HeadAt, from: string): Promise<BootClients> {
    const sender = await bound(from, 68);
    sender.setBroadcast(true);
    return new BootClients(head, [sender, await bound('255.255.255.255', 68)]);
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  /** DISCOVER to ACK as firmware or iPXE, tried again as firmware does, after 4 s, 8 s and so on. */
  async dhcp(mac: string, who: 'firmware' | 'ipxe'): Promise<void> {
    const marks = who === 'firmware' ? FIRMWARE : IPXE;
    for (let wait = 4000; ; wait = Math.min(32_000, wait * 2)) {
      const offered = await this.ask(mac, 1, marks, Buffer.alloc(0), wait);
      const taken = offered && Buffer.concat([Buffer.of(54, 4), offered.server, Buffer.of(50, 4), offered.yiaddr]);
      if (taken && (await this.ask(mac, 3, marks, taken, wait))) return;
      this.again(`${who}: no ${taken ? 'ACK' : 'OFFER'}`);
    }
  }

  /** One DISCOVER whose answer nobody waits for. */
  discover(mac: string): void {
    this.sockets[0]?.send(dhcpMessage(mac, this.lastXid++, 1, FIRMWARE), 67, '255.255.255.255');
  }

  /** The whole answer, tried again with growing waits as the scripts do. */
  async get(node: BootingNode, path: string, body?: string): Promise<Buffer> {
    for (let tries = 0; ; tries += 1) {
      try {
        const { status, whole } = await this.once(node, path, body);
        if (status === 200) return whole;
        throw new Error(`HTTP ${status}: ${whole.toString('latin1', 0, 120).trim()}`);
      } catch (error) {
        const reason = `${path.replace(/[0-9a-f]{32}/, 'SESSION')}: ${reasonOf(error)}`;
        if (tries > 8) throw new Error(reason);
        this.again(reason);
      }
      await delay(1000 * 2 ** Math.min(tries, 4) * (1 + Math.random()));
    }
  }

  /** One question and its answer, whatever it is. */
  async once(node: BootingNode, path: string, body?: string): Promise<{ status: number; whole: Buffer }> {
    const answer = await this.request(node, path, {}, body);
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    const whole = Buffer.concat(parts);
    this.counts.bytes += whole.length;
    return { status: answer.statusCode ?? 0, whole };
  }

  /**
   * The whole journey. Answers the heartbeat token; none when the node lost its power half way through its image, as `dies` says.
   * `done` hears of each stage with its seconds.
   */
  async boot(
    node: BootingNode,
    options: { dies?: boolean; done?: (stage: ClientStage, seconds: number) => void } = {},
  ): Promise<string | undefined> {
    const { address, port, loader, loaderBytes } = this.head;
    let since = performance.now();
    const done = (stage: ClientStage): void => {
      const now = performance.now();
      options.done?.(stage, (now - since) / 1000);
      since = now;
    };
    await this.dhcp(node.mac, 'firmware');
    done('addressed');
    await fetchLoader({ address, port: 69, file: loader, size: loaderBytes, local: node.ip });
    this.counts.bytes += loaderBytes;
    done('loader');
    await this.dhcp(node.mac, 'ipxe');
    done('ipxe');
    const script = (await this.get(node, '/boot/v1/script')).toString();
    const session = /boot\/v1\/([0-9a-f]{32})\/kernel/.exec(script)?.[1] ?? '';
    if (session === '') throw new Error(`no session from port ${port}: ${script.slice(0, 200)}`);
    done('script');
    for (const name of ['kernel', 'session.cpio', 'initramfs']) await this.get(node, `/boot/v1/${session}/${name}`);
    done('kernel');
    await this.get(node, `/boot/v1/${session}/report`, 'stage=initramfs\n');
    if (!(await this.image(node, session, options.dies === true))) return undefined;
    done('image');
    await this.get(node, `/boot/v1/${session}/report`, 'stage=root\n');
    await this.get(node, '/node/v1/heartbeat', `token=${tokenOf(session)}\n`);
    done('up');
    return tokenOf(session);
  }

  /** As the initramfs does it: resumes, and comes back when it is told to. Answers false when the node lost its power. */
  private async image(node: BootingNode, session: string, dies: boolean): Promise<boolean> {
    let [have, size] = [0, -1];
    for (let tries = 0; have !== size; ) {
      try {
        const range: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
        const answer = await this.request(node, `/boot/v1/${session}/image`, range);
        if (answer.statusCode === 503) {
          answer.resume();
          this.counts.waits += 1;
          const seconds = Number(answer.headers['retry-after']);
          await delay(1000 * seconds * (1 + Math.random() / 4));
          continue;
        }
        if (answer.statusCode !== 200 && answer.statusCode !== 206) throw new Error(`HTTP ${answer.statusCode}`);
        size = have + Number(answer.headers['content-length']);
        for await (const part of answer) {
          have += (part as Buffer).length;
          this.counts.bytes += (part as Buffer).length;
          tries = 0;
          if (dies && have > size / 2) {
            answer.destroy();
            return false;
          }
          if (node.slow) await delay(((part as Buffer).length / 300_000) * 1000);
        }
      } catch (error) {
        if (++tries > 12) throw error;
        this.again(`image: ${reasonOf(error)}`);
      }
      if (have !== size) {
        await delay(1000 * (0.5 + Math.random()) * 2 ** Math.min(tries, 5));
      }
    }
    return true;
  }

  private again(reason: string): void {
    this.counts.retries += 1;
    const plain = reason.replace(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS');
    this.reasons.set(plain, (this.reasons.get(plain) ?? 0) + 1);
  }

  private async request(
    node: BootingNode,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<IncomingMessage> {
    const { address: host, port } = this.head;
    const method = body === undefined ? 'GET' : 'POST';
    const asked = request({ host, port, path, headers, method, localAddress: node.ip, agent: false, timeout: 60_000 });
    asked.once('timeout', () => asked.destroy(new Error('silence')));
    // What breaks off an answer under way is said by the answer as well
    asked.on('error', () => {});
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return answer;
  }

  private async ask(mac: string, type: number, marks: Buffer, more: Buffer, wait: number) {
    const xid = this.lastXid++;
    const stop = new AbortController();
    const answer = new Promise<Buffer>(resolve => this.waiting.set(xid, resolve));
    this.sockets[0]?.send(dhcpMessage(mac, xid, type, marks, more), 67, '255.255.255.255');
    const reply = await Promise.race([answer, delay(wait, undefined, { signal: stop.signal }).catch(() => undefined)]);
    stop.abort();
    this.waiting.delete(xid);
    if (!reply) return undefined;
    const at = reply.indexOf(Buffer.of(54, 4), 240);
    return { yiaddr: reply.subarray(16, 20), server: reply.subarray(at + 2, at + 6) };
  }
}

async function bound(address: string, udpPort: number): Promise<Socket> {
  const lookup = (name: string, _options: object, done: (error: null, address: string, family: number) => void) =>
    done(null, name, 4);
  const socket = createSocket({ type: 'udp4', reuseAddr: true, recvBufferSize: 4 << 20, lookup });
  const listening = once(socket, 'listening');
  socket.bind(udpPort, address);
  await listening;
  return socket;
}

function dhcpMessage(mac: string, xid: number, type: number, marks: Buffer, more: Buffer = Buffer.alloc(0)): Buffer {
  const message = Buffer.alloc(240);
  message.set([1, 1, 6, 0]);
  message.writeUInt32BE(xid, 4);
  message.writeUInt16BE(0x8000, 10);
  message.write(mac.replaceAll(':', ''), 28, 'hex');
  message.writeUInt32BE(0x63825363, 236);
  return Buffer.concat([message, Buffer.of(53, 1, type), marks, more, Buffer.of(255)]);
}
