// A small TFTP client for the tests, with options and windows; its packets are built here by hand, not by the server's code.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Receiver } from './receiver.ts';

export interface FetchOptions {
  address: string;
  port: number;
  file: string;
  mode?: string;
  options?: Record<string, string | number>;
  /** The client's own address; any when absent. */
  local?: string;
  /** Ends the fetch after so many milliseconds; 20 s when absent. */
  timeoutMs?: number;
}

export interface Fetched {
  content: Buffer;
  /** What the server accepted. */
  oack: Record<string, string>;
}

/** The server's ERROR. */
export class TftpRefusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Fetches a file as a client does that knows RFC 2347 and RFC 7440. */
export async function fetchFile(options: FetchOptions): Promise<Fetched> {
  const socket = await openClient(options.local);
  const timer = setInterval(() => again(), 500);
  let again = (): void => {};
  let limit: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      limit = setTimeout(
        () => reject(new Error(`no end after ${options.timeoutMs ?? 20_000} ms`)),
        options.timeoutMs ?? 20_000,
      );
      again = receive(socket, options, resolve, reject);
      again();
    });
  } finally {
    clearTimeout(limit);
    clearInterval(timer);
    socket.close();
  }
}

/** Answers the function that says again what was said last. */
function receive(
  socket: Socket,
  { address, port, file, mode, options = {} }: FetchOptions,
  resolve: (fetched: Fetched) => void,
  reject: (error: Error) => void,
): () => void {
  let last = { bytes: requestBytes(1, file, mode, options), port };
  let oack: Record<string, string> = {};
  let receiver: Receiver | undefined;
  let peer: number | undefined;
  const say = (bytes: Buffer, to: number): void => {
    last = { bytes, port: to };
    socket.send(bytes, to, address);
  };
  socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
    const opcode = bytes.readUInt16BE(0);
    // RFC 1350 §4: what comes from elsewhere is of another transfer, such as one to whoever had this port before.
    if (from.port !== (peer ?? from.port) || (peer === undefined && opcode === 5 && from.port !== port)) return;
    if (opcode !== 5) peer = from.port;
    if (opcode === 5) reject(new TftpRefusal(bytes.readUInt16BE(2), bytes.toString('latin1', 4, bytes.length - 1)));
    if (opcode === 6 && !receiver) {
      const words = bytes.toString('latin1', 2).split('\0');
      oack = Object.fromEntries(
        words.flatMap((word, at) => (at % 2 === 0 && word ? [[word, words[at + 1] ?? '']] : [])),
      );
      receiver = new Receiver(Number(oack['blksize'] ?? 512), Number(oack['windowsize'] ?? 1));
      say(ackBytes(0), from.port);
    }
    if (opcode !== 3) return;
    receiver ??= new Receiver(512, 1);
    const reaction = receiver.block(bytes.readUInt16BE(2), bytes.subarray(4));
    if (reaction.ack !== undefined) say(ackBytes(reaction.ack), from.port);
    if (reaction.done) resolve({ content: receiver.content, oack });
  });
  return () => socket.send(last.bytes, last.port, address);
}

/** A UDP socket of the client, bound so that its port is known. */
export async function openClient(local?: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(0, local);
  await once(socket, 'listening');
  return socket;
}

export function requestBytes(
  opcode: number,
  file: string,
  mode = 'octet',
  options: Record<string, string | number> = {},
): Buffer {
  const words = [file, mode, ...Object.entries(options).flat().map(String)];
  return Buffer.from(`\0${String.fromCharCode(opcode)}${words.map(word => `${word}\0`).join('')}`, 'latin1');
}

export function ackBytes(block: number): Buffer {
  return Buffer.from([0, 4, block >> 8, block & 0xff]);
}

export function errorBytes(code: number, message: string): Buffer {
  return Buffer.from(`\0\x05\0${String.fromCharCode(code)}${message}\0`, 'latin1');
}

/** The next packet that arrives, or undefined after `milliseconds` without one. */
export async function nextPacket(
  socket: Socket,
  milliseconds = 30_000,
): Promise<{ bytes: Buffer; from: RemoteInfo } | undefined> {
  try {
    const [bytes, from] = await once(socket, 'message', { signal: AbortSignal.timeout(milliseconds) });
    return { bytes, from };
  } catch {
    return undefined;
  }
}
