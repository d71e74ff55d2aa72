// A head of a few lines for the node's scripts: serves an image with ranges, takes reports and heartbeats, and misbehaves on order.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bundle } from './bundles.ts';

export type Fields = Record<string, string>;

/** What the head does with one request for the image, instead of serving it. */
export type Trick =
  | { cutAfter: number }
  | { silentAfter: number }
  | { status: number; headers?: Record<string, string> }
  | { wholeFile: true };

export interface FakeHead {
  url: string;
  port: number;
  reports: Fields[];
  heartbeats: Fields[];
  /** The bodies of requests for files. */
  filesAsked: string[];
  /** The `Range` header of each request for the image, empty when there was none. */
  ranges: string[];
  /** Resolves when the condition holds; asked after each request. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export interface FakeHeadOptions {
  image?: Buffer;
  /** One per request for the image, in order; when they are used up the head behaves. */
  tricks?: Trick[];
  attributes?: string | (() => string);
  heartbeatStatus?: () => number;
  /** The node's files; without them, there is no such URL. */
  files?: () => Bundle;
}

export async function startHead(options: FakeHeadOptions = {}): Promise<FakeHead> {
  const tricks = [...(options.tricks ?? [])];
  const waiting = new Set<() => void>();
  const head: Omit<FakeHead, 'url' | 'port'> = {
    reports: [],
    heartbeats: [],
    filesAsked: [],
    ranges: [],
    until: condition =>
      new Promise(resolve => {
        const check = () => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    stop: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer(async (request, response) => {
    if (request.url === '/boot/v1/s1/image') {
      head.ranges.push(request.headers.range ?? '');
      sendImage(request, response, options.image ?? Buffer.alloc(0), tricks.shift());
    } else if (request.url === '/boot/v1/s1/report') {
      head.reports.push(fields(await text(request)));
      response.end('ok\n');
    } else if (options.files && request.url === '/boot/v1/s1/files') {
      sendImage(request, response, options.files().bytes(), undefined);
    } else if (options.files && request.url === '/node/v1/files') {
      const body = await text(request);
      head.filesAsked.push(body);
      const has = new Set(Array.from(body.matchAll(/^have=(\w+)$/gm), ([, digest = '']) => digest));
      const sent = options.files().bytes(has);
      response.writeHead(200, { 'content-length': sent.length }).end(sent);
    } else if (request.url === '/node/v1/heartbeat') {
      head.heartbeats.push(fields(await text(request)));
      const { attributes = '[Node]\n\n[Attributes]\n' } = options;
      const status = options.heartbeatStatus?.() ?? 200;
      const answer = status === 200 ? (typeof attributes === 'string' ? attributes : attributes()) : 'no\n';
      response.writeHead(status, { 'content-length': Buffer.byteLength(answer) }).end(answer);
    } else {
      response.writeHead(404, { 'content-length': 0 }).end();
    }
    for (const check of [...waiting]) check();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(head, { url: `http://127.0.0.1:${port}`, port });
}

function sendImage(request: IncomingMessage, response: ServerResponse, image: Buffer, trick: Trick | undefined): void {
  if (trick && 'status' in trick) {
    response.writeHead(trick.status, { 'content-length': 0, ...trick.headers }).end();
    return;
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const whole = from === 0 || (trick && 'wholeFile' in trick);
  const body = whole ? image : image.subarray(from);
  const range = whole ? {} : { 'content-range': `bytes ${from}-${image.length - 1}/${image.length}` };
  response.writeHead(whole ? 200 : 206, { 'content-length': body.length, ...range });
  if (trick && 'cutAfter' in trick)
    response.write(body.subarray(0, trick.cutAfter), () => response.socket?.resetAndDestroy());
  else if (trick && 'silentAfter' in trick) response.write(body.subarray(0, trick.silentAfter));
  else response.end(body);
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function fields(body: string): Fields {
  const lines = body.split('\n').filter(Boolean);
  return Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
