// HTTPS to a BMC: the certificate is checked before a password is sent, a session instead of Basic where there is one, bounded answers.
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { MusterError, reasonOf } from '../errors.ts';

export interface RedfishLogin {
  host: string;
  port: number;
  user: string;
  password: string;
  /** SHA-256 of the certificate, 64 hex digits in lower case; the system's authorities decide when absent. */
  pin?: string;
  timeoutMs: number;
}

export interface RedfishReply {
  status: number;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

/** No resource that is read here is larger, in bytes. */
const BODY_LIMIT = 1 << 20;

export class RedfishClient {
  private readonly login: RedfishLogin;
  private session: { token: string; location: string | undefined } | 'basic' | undefined;

  constructor(login: RedfishLogin) {
    this.login = login;
  }

  /** An answer of any status but 401 and 403, which are `bmc-refused`, and 429 and 503, which are `bmc-busy` (DSP0266 §7.12). */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<RedfishReply> {
    this.session ??= await this.logIn();
    const reply = await this.send(method, path, body, { ...this.credentials(), ...headers });
    const { host, user } = this.login;
    if (reply.status === 401 || reply.status === 403)
      throw new MusterError('bmc-refused', `BMC ${host} refused the user '${user}': ${messageOf(reply)}`);
    if (reply.status === 429 || reply.status === 503)
      throw new MusterError('bmc-busy', `BMC ${host} is busy: ${messageOf(reply)}`);
    return reply;
  }

  /** Ends the session: a BMC has room for few. */
  async close(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    if (typeof session !== 'object' || !session.location) return;
    await this.send('DELETE', session.location, undefined, { 'X-Auth-Token': session.token }).catch(() => {});
  }

  /** DSP0266 §13.3.4.2: a session where the service has them, HTTP Basic else. */
  private async logIn(): Promise<NonNullable<RedfishClient['session']>> {
    const { host, user, password } = this.login;
    const reply = await this.send(
      'POST',
      '/redfish/v1/SessionService/Sessions',
      { UserName: user, Password: password },
      {},
    );
    const token = reply.headers['x-auth-token'];
    if (reply.status < 300 && typeof token === 'string') return { token, location: pathOf(reply.headers.location) };
    if (reply.status === 400 || reply.status === 401 || reply.status === 403)
      throw new MusterError('bmc-refused', `BMC ${host} refused the user '${user}': ${messageOf(reply)}`);
    if (reply.status === 503 || reply.status === 429)
      throw new MusterError('bmc-busy', `BMC ${host} is busy: ${messageOf(reply)}`);
    return 'basic';
  }

  private credentials(): Record<string, string> {
    const { user, password } = this.login;
    if (typeof this.session === 'object') return { 'X-Auth-Token': this.session.token };
    return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }

  private async send(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<RedfishReply> {
    const { host, port, timeoutMs } = this.login;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const socket = await this.connect(signal);
      return await ask(socket, host, { method, path, body, headers, signal });
    } catch (error) {
      if (error instanceof MusterError) throw error;
      if (signal.aborted) throw new MusterError('bmc-silent', `BMC ${host} did not answer in ${timeoutMs / 1000} s`);
      throw new MusterError('bmc-silent', `BMC ${host} cannot be reached on port ${port}: ${reasonOf(error)}`);
    }
  }

  /** A checked TLS connection. BMCs sign their certificates themselves: a pin says which one is meant. */
  private async connect(signal: AbortSignal): Promise<TLSSocket> {
    const { host, port, pin } = this.login;
    const name = /[a-z]/i.test(host) && !host.includes(':') ? { servername: host } : {};
    const socket = connect({ host, port, rejectUnauthorized: false, ...name });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
        signal.addEventListener('abort', () => reject(new Error('too late')), { once: true });
      });
      const seen = (socket.getPeerCertificate().fingerprint256 ?? '').replaceAll(':', '').toLowerCase();
      if (pin === undefined ? socket.authorized : seen === pin) return socket;
      throw new MusterError(
        'bmc-refused',
        pin === undefined
          ? `BMC ${host} has a certificate of no known authority. If its SHA-256 fingerprint is right, write it behind the URI: ?pin=${seen}`
          : `BMC ${host} has another certificate than ?pin= says, with the SHA-256 fingerprint ${seen}. If it was changed on purpose, correct the pin.`,
      );
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

interface Question {
  method: string;
  path: string;
  body: unknown;
  headers: Record<string, string>;
  signal: AbortSignal;
}

async function ask(socket: TLSSocket, host: string, question: Question): Promise<RedfishReply> {
  const { method, path, signal } = question;
  const payload = question.body === undefined ? undefined : JSON.stringify(question.body);
  const headers = {
    Host: host.includes(':') ? `[${host}]` : host,
    Accept: 'application/json',
    'OData-Version': '4.0',
    Connection: 'close',
    ...(payload !== undefined && {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(payload)),
    }),
    ...question.headers,
  };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ method, path, headers, createConnection: () => socket, signal });
      sent.once('response', resolve);
      sent.once('error', reject);
      sent.end(payload);
    });
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_LIMIT) response.destroy(new Error('the answer is too large'));
    });
    const said = await text(response);
    return { status: response.statusCode ?? 0, headers: response.headers, body: parse(said) };
  } finally {
    socket.destroy();
  }
}

function parse(said: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(said);
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function pathOf(location: string | undefined): string | undefined {
  if (location === undefined) return undefined;
  return URL.canParse(location) ? new URL(location).pathname : location;
}

/** The message of an error (DSP0266 §8.6), else the status. */
export function messageOf({ status, body }: RedfishReply): string {
  const error = body['error'] as { message?: unknown; '@Message.ExtendedInfo'?: { Message?: unknown }[] } | undefined;
  const words = error?.['@Message.ExtendedInfo']?.[0]?.Message ?? error?.message;
  return typeof words === 'string' ? words.slice(0, 300) : `HTTP status ${status}`;
}
