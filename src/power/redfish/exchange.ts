// One question to a BMC and its answer over TLS: the certificate is checked before anything is sent, the answer is limited.
import { type IncomingMessage, request } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { MusterError, reasonOf } from '../../errors.ts';
import { BODY_LIMIT, readBody } from './body.ts';
import type { RedfishReply } from './reply.ts';

export interface RedfishHost {
  host: string;
  port: number;
  /** SHA-256 of the certificate, 64 hex digits in lower case; the system's authorities decide when absent. */
  pin?: string;
  timeoutMs: number;
}

export interface Question {
  method: string;
  path: string;
  /** JSON text. */
  payload?: string;
  headers: Record<string, string>;
}

/** A connection that ended without a complete answer: the next one may have one. */
export class BrokenConnection extends MusterError {}

/** Returns an answer of any status. Throws `bmc-silent` without one, `bmc-refused` for a wrong certificate. */
export async function exchange(peer: RedfishHost, question: Question): Promise<RedfishReply> {
  const { host, port, timeoutMs } = peer;
  const signal = AbortSignal.timeout(timeoutMs);
  let isConnected = false;
  try {
    const socket = await checkedConnection(peer, signal);
    isConnected = true;
    return await ask(socket, peer, question, signal);
  } catch (error) {
    if (error instanceof MusterError) throw error;
    if (signal.aborted) throw new MusterError('bmc-silent', `BMC ${host} did not answer in ${timeoutMs / 1000} s`);
    const words = reasonOf(error);
    if (isConnected) throw new BrokenConnection('bmc-silent', `BMC ${host} ended the connection: ${words}`);
    throw new MusterError('bmc-silent', `BMC ${host} cannot be reached on port ${port}: ${words}`);
  }
}

/** BMCs sign their own certificates: a pin names the right one. */
async function checkedConnection({ host, port, pin }: RedfishHost, signal: AbortSignal): Promise<TLSSocket> {
  const name = /[a-z]/i.test(host) && !host.includes(':') ? { servername: host } : {};
  const socket = connect({ host, port, rejectUnauthorized: false, ...name });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
      signal.addEventListener('abort', () => reject(new Error('too late')), { once: true });
    });
    const seen = (socket.getPeerCertificate().fingerprint256 ?? '').replaceAll(':', '').toLowerCase();
    if (pin === undefined ? socket.authorized : seen === pin) return socket;
    throw new MusterError(
      'bmc-refused',
      pin === undefined
        ? `BMC ${host} has a certificate of no known authority. If its SHA-256 fingerprint is right, append it to the URI: ?pin=${seen}`
        : `BMC ${host} has another certificate than ?pin= says, with the SHA-256 fingerprint ${seen}. If it was changed on purpose, correct the pin.`,
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function ask(
  socket: TLSSocket,
  { host, port }: RedfishHost,
  { method, path, payload, headers }: Question,
  signal: AbortSignal,
): Promise<RedfishReply> {
  const name = host.includes(':') ? `[${host}]` : host;
  const all = {
    Host: port === 443 ? name : `${name}:${port}`,
    'OData-Version': '4.0',
    // BMCs close kept connections at any time.
    Connection: 'close',
    ...(payload !== undefined && { 'Content-Length': String(Buffer.byteLength(payload)) }),
    ...headers,
  };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({
        method,
        path,
        headers: all,
        createConnection: () => socket,
        signal,
        // The peer is authenticated, and its connection serves one answer: contradictory headers can smuggle nothing.
        insecureHTTPParser: true,
      });
      sent.once('response', resolve);
      sent.once('error', reject);
      sent.end(payload);
    });
    const bytes = await collect(response);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: readBody(bytes, response.headers['content-encoding']),
    };
  } finally {
    socket.destroy();
  }
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > BODY_LIMIT) break;
      chunks.push(bytes);
    }
  } catch (error) {
    // Shorter than its Content-Length: its JSON shows whether it is complete.
    if (size === 0) throw error;
  }
  if (size > BODY_LIMIT) throw new Error(`its answer is longer than ${BODY_LIMIT} bytes`);
  return Buffer.concat(chunks);
}
