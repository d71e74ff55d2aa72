// Turns an HTTP request into a question, and an answer into a response.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { BootPlane, Ready } from '../boot/plane/plane.ts';
import type { FileAnswer, Question, Sent, TextAnswer } from '../boot/plane/question.ts';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { LogLimiter } from '../log.ts';
import { judge } from './conditions.ts';
import { hostProblem } from './connections.ts';
import type { Admission, Applicant, Governor } from './governor.ts';
import type { BootPlanePorts } from './ports.ts';
import { readRange } from './range.ts';
import { sendFile } from './send-file.ts';
import type { Senders } from './senders.ts';

/** No report or heartbeat is larger, in bytes. */
const BODY_LIMIT = 64 * 1024;
const PLAIN = 'text/plain; charset=utf-8';

/** Any method may have a body (RFC 9110 §6.4), and each has the same limit. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

export class Requests {
  private readonly ports: BootPlanePorts;
  private readonly plane: BootPlane;
  private readonly senders: Senders;
  private readonly limiter = new LogLimiter();

  constructor(ports: BootPlanePorts, plane: BootPlane, senders: Senders) {
    this.ports = ports;
    this.plane = plane;
    this.senders = senders;
  }

  /** Answers a request. Never throws. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ip = request.socket.remoteAddress ?? '';
    try {
      const problem = hostProblem(request);
      if (problem !== undefined) return this.refuse(response, ip, 400, problem, { Connection: 'close' });
      const body = hasBody(request) ? await bodyOf(request) : '';
      if (body === undefined)
        return this.refuse(response, ip, 413, `the body has more than ${BODY_LIMIT} bytes`, { Connection: 'close' });
      await this.send(request, response, await this.plane.ask(questionOf(request, ip, body)));
    } catch (error) {
      // A client that leaves with half a body is not a failure of the head
      if (request.destroyed && !request.complete) this.cutOff(request, ip);
      else this.failed(response, ip, error);
    }
  }

  private async send(request: IncomingMessage, response: ServerResponse, answer: Ready): Promise<void> {
    switch (answer.say) {
      case 'text':
        return sendWhole(request, response, answer);
      case 'refused': {
        const { retryAfter } = answer;
        const more = retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
        return sendText(request, response, { ...answer, say: 'text', text: `${answer.reason}\n` }, more);
      }
      case 'nothing':
        request.socket.destroy();
        return;
      case 'file':
        return this.inTurn(request, response, answer);
    }
  }

  /** Sends a file, when it is the boot's turn; else 503 with the time to come back. */
  private async inTurn(request: IncomingMessage, response: ServerResponse, answer: FileAnswer): Promise<void> {
    const { governor } = this.ports;
    const { turn, file } = answer;
    const start = turn && governor && request.method === 'GET' ? firstByte(request, file) : undefined;
    if (!turn || !governor || start === undefined) return this.sendFile(request, response, answer);
    const admission = await admitted(governor, { ...turn, start, size: file.size }, request.socket);
    if ('slot' in admission) {
      admission.slot.onReplaced(() => response.destroy());
      try {
        return await this.sendFile(request, response, answer, bytes => admission.slot.sent(bytes));
      } finally {
        admission.slot.end();
      }
    }
    const { retryAfter, place } = admission;
    const text = `the image waits its turn: place ${place} in the queue, come back in ${retryAfter} s\n`;
    sendText(request, response, { say: 'text', status: 503, text }, { 'Retry-After': retryAfter });
  }

  private async sendFile(
    request: IncomingMessage,
    response: ServerResponse,
    answer: FileAnswer,
    progress?: (bytes: number) => void,
  ): Promise<void> {
    const ip = request.socket.remoteAddress ?? '';
    const begun = monotonicNow();
    let sent: Sent;
    try {
      sent = await sendFile(request, response, answer.file, {
        ...{ senders: this.senders, progress },
        reset: () => this.ports.connections?.reset(request.socket, ip),
      });
    } catch (error) {
      // A broken answer must not look complete.
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'Content-Length': 0 }).end();
      return this.plane.carryOut(ip, answer.failed(error));
    }
    await this.plane.carryOut(ip, answer.sent(sent, (monotonicNow() - begun) / 1000));
  }

  private refuse(
    response: ServerResponse,
    ip: string,
    status: number,
    reason: string,
    more: OutgoingHttpHeaders,
  ): void {
    this.plane.refused(ip, status, reason);
    sendText(response.req, response, { say: 'text', status, text: `${reason}\n` }, more);
  }

  private cutOff({ method, headers }: IncomingMessage, ip: string): void {
    const dropped = this.limiter.allow(`cut off ${ip}`);
    if (dropped === undefined) return;
    const of = headers['content-length'] === undefined ? '' : ` of ${headers['content-length']} bytes`;
    this.ports.log.info({ peer: ip, dropped }, `http: the client left before the end of its ${method} body${of}`);
  }

  private failed(response: ServerResponse, ip: string, error: unknown): void {
    const { failures, directory, log } = this.ports;
    const node = directory.nodeByIp(ip)?.uid;
    failures?.failed({ deed: 'answer', what: 'answer its request', error, node });
    const dropped = this.limiter.allow(ip);
    if (dropped !== undefined) log.error({ error: reasonOf(error), peer: ip, dropped }, 'http: a request failed');
    if (response.headersSent) response.destroy();
    else this.refuse(response, ip, 500, 'the head failed to answer', {});
  }
}

function questionOf(request: IncomingMessage, ip: string, body: string): Question {
  const { remotePort } = request.socket;
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    ip,
    peer: remotePort === undefined ? ip : `${ip}:${remotePort}`,
    body,
    isPrivate: request.socket instanceof TLSSocket,
    header(name) {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    hasLeft: async () => hasLeft(request.socket),
  };
}

/** Returns whether the client has closed its connection, even if that is still unread after the request. */
async function hasLeft(socket: Socket): Promise<boolean> {
  // The loop reads a connection once per turn, before the immediates
  for (let turn = 0; turn < 2; turn += 1) await nextTurn();
  return socket.destroyed || socket.writableEnded;
}

/** Returns the whole body; undefined when it is too large. Throws when the client leaves before its end. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= BODY_LIMIT) return void chunks.push(chunk);
      request.off('data', take);
      resolve(undefined);
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.once('error', reject);
  });
}

/**
 * Sends a text. Header names are spelled as in RFC 9110, `Content-Length`. Case means nothing (RFC 9110 §5.1), but GRUB 2.06
 * reads no other spelling, and then waits for the connection to close instead of using the length.
 */
function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  { status, text, type = PLAIN, noStore }: TextAnswer,
  more: OutgoingHttpHeaders = {},
): void {
  const length = text === undefined ? undefined : Buffer.byteLength(text);
  response.writeHead(status, {
    'Content-Type': type,
    ...(noStore && { 'Cache-Control': 'no-store' }),
    ...(length !== undefined && { 'Content-Length': length }),
    ...more,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** Sends a text. The turn of a bundle ends with its connection, or when all of it has left. */
function sendWhole(request: IncomingMessage, response: ServerResponse, answer: TextAnswer): void {
  const { turn } = answer;
  if (turn) {
    if (response.destroyed || request.socket.destroyed) {
      turn.end();
      return;
    }
    response.once('close', () => turn.end());
    turn.onReplaced(() => response.destroy());
    if (response.destroyed) return;
  }
  sendText(request, response, answer);
}

/** Returns the first byte that goes out; undefined when none does, which needs no turn. */
function firstByte({ headers }: IncomingMessage, { etag, size }: FileAnswer['file']): number | undefined {
  const condition = judge(headers, { etag: `"${etag}"` });
  const range = readRange(condition.send && condition.ranged ? headers.range : undefined, size);
  if (!condition.send || range.kind === 'unsatisfiable') return undefined;
  return range.kind === 'part' ? range.start : 0;
}

/** Listens to the connection only while the answer is awaited: a connection that is kept alive carries any number of requests. */
async function admitted(governor: Governor, applicant: Applicant, socket: Socket): Promise<Admission> {
  let left = (): void => {};
  try {
    return await governor.admit(applicant, callback => {
      left = callback;
      socket.once('close', left);
    });
  } finally {
    socket.off('close', left);
  }
}
