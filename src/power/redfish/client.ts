// A Redfish service queried as a user: with a session if possible and Basic otherwise, redirects, and the headers that services
// require.
import { MusterError } from '../../errors.ts';
import { BmcBusy } from '../failures.ts';
import { objectOf, pathOf } from './body.ts';
import { BrokenConnection, exchange, type RedfishHost } from './exchange.ts';
import { isBusy, loginOutcome, messageOf, type RedfishReply, retryAfterMs, type Session } from './reply.ts';

export interface RedfishLogin extends RedfishHost {
  user: string;
  password: string;
}

const ROOT = '/redfish/v1/';
const SESSIONS = '/redfish/v1/SessionService/Sessions';

/** Redirects of one question. */
const MOST_HOPS = 5;

/** Headers that this service turned out to require, by the status that refused others. */
const OTHER_HEADERS: Record<406 | 415, [name: string, values: readonly string[]][]> = {
  406: [
    ['Accept-Encoding', ['identity', 'gzip, deflate']],
    ['Accept', ['application/json', '*/*']],
  ],
  415: [['Content-Type', ['application/json', 'application/json; charset=utf-8']]],
};

export class RedfishClient {
  private readonly login: RedfishLogin;
  private session: Session | 'basic' | undefined;
  /** Whether Basic is the second choice because all sessions are in use. */
  private sessionsAreFull = false;
  private readonly headers: Record<string, string> = {
    // Packed answers change the tags, which the service then does not recognise.
    'Accept-Encoding': 'identity',
    Accept: 'application/json',
    'Content-Type': 'application/json',
  };

  constructor(login: RedfishLogin) {
    this.login = { ...login };
  }

  /**
   * Returns an answer of any status except 401, and 403 to a query, which throw `bmc-refused`, and those of a busy service, which
   * throw `bmc-busy`.
   */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<RedfishReply> {
    const had = this.session;
    let reply = await this.asUser(method, path, body, headers);
    if (reply.status === 401 && typeof had === 'object') {
      // A session ends by itself after a while, or when the BMC restarts.
      this.session = undefined;
      reply = await this.asUser(method, path, body, headers);
    }
    if (isBusy(reply, method)) throw this.busy(reply);
    if (reply.status === 401 && this.sessionsAreFull)
      throw new BmcBusy(`BMC ${this.login.host} has all its sessions in use, and takes no login without one`);
    // 403 to a change concerns the change.
    if (reply.status === 401 || (reply.status === 403 && method === 'GET')) throw this.refused(reply);
    return reply;
  }

  /** Ends the session: a BMC has room for few. */
  async close(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    if (typeof session !== 'object' || !session.location) return;
    await this.send('DELETE', session.location, undefined, { 'X-Auth-Token': session.token }).catch(() => {});
  }

  private async asUser(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<RedfishReply> {
    this.session ??= await this.logIn();
    const { user, password } = this.login;
    const credentials: Record<string, string> =
      typeof this.session === 'object'
        ? { 'X-Auth-Token': this.session.token }
        : { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
    return this.send(method, path, body, { ...credentials, ...headers });
  }

  /** DSP0266 §13.3.4.2: a session if the service has sessions and a free one, HTTP Basic otherwise. */
  private async logIn(): Promise<Session | 'basic'> {
    const { user, password } = this.login;
    const logInAt = async (path: string) => this.send('POST', path, { UserName: user, Password: password }, {});
    let reply = await logInAt(SESSIONS);
    let outcome = loginOutcome(reply);
    if (outcome === 'none') {
      const other = await this.sessionsPath();
      if (other !== undefined && other.replace(/\/$/, '') !== SESSIONS) {
        reply = await logInAt(other);
        outcome = loginOutcome(reply);
      }
    }
    if (outcome === 'refused') throw this.refused(reply);
    this.sessionsAreFull = outcome === 'full';
    return typeof outcome === 'object' ? outcome.session : 'basic';
  }

  /** Where the service root says that sessions are created. */
  private async sessionsPath(): Promise<string | undefined> {
    const { body } = await this.send('GET', ROOT, undefined, {});
    return pathOf(objectOf(objectOf(body['Links'])['Sessions'])['@odata.id']);
  }

  /** Follows redirects on the same BMC, and repeats with the required headers. */
  private async send(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<RedfishReply> {
    const question = { method, path, body };
    for (let hops = 0; ; ) {
      const reply = await this.ask(question, headers);
      const next = hops < MOST_HOPS ? redirect(reply) : undefined;
      if (next) {
        hops += 1;
        // The same question on another port. The host stays: behind address translation a BMC names an unreachable one.
        if (next.path === question.path && next.port !== undefined) this.login.port = next.port;
        question.path = next.path;
        // RFC 9110 §15.4: 303 names the result. With the others some lose the method, but a BMC means the same question.
        if (reply.status === 303) Object.assign(question, { method: 'GET', body: undefined });
      } else if (!this.learn(reply.status)) return reply;
    }
  }

  private async ask(
    { method, path, body }: { method: string; path: string; body: unknown },
    headers: Record<string, string>,
  ): Promise<RedfishReply> {
    const { 'Content-Type': type = '', ...accepted } = this.headers;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const question = {
      method,
      path,
      ...(payload !== undefined && { payload }),
      headers: { ...accepted, ...(payload !== undefined && { 'Content-Type': type }), ...headers },
    };
    try {
      return await exchange(this.login, question);
    } catch (error) {
      // A query changes nothing and may be repeated once; a command may have been executed.
      if (!(error instanceof BrokenConnection) || method !== 'GET') throw error;
      return exchange(this.login, question);
    }
  }

  /** Takes the next value of a header that the service rejects; false when there is none. */
  private learn(status: number): boolean {
    if (status !== 406 && status !== 415) return false;
    for (const [name, values] of OTHER_HEADERS[status]) {
      const next = values[values.indexOf(this.headers[name] ?? '') + 1];
      if (next === undefined) continue;
      this.headers[name] = next;
      return true;
    }
    return false;
  }

  private refused(reply: RedfishReply): MusterError {
    const { host, user } = this.login;
    return new MusterError('bmc-refused', `BMC ${host} refused the user '${user}': ${messageOf(reply)}`);
  }

  private busy(reply: RedfishReply): BmcBusy {
    return new BmcBusy(`BMC ${this.login.host} is busy: ${messageOf(reply)}`, retryAfterMs(reply, Date.now()));
  }
}

/** Returns where the answer redirects; always on the same BMC, whatever host it names, so that no other gets the login. */
function redirect({ status, headers }: RedfishReply): { path: string; port: number | undefined } | undefined {
  const { location = '' } = headers;
  const path = [301, 302, 303, 307, 308].includes(status) ? pathOf(location) : undefined;
  if (path === undefined) return undefined;
  const url = URL.canParse(location) ? new URL(location) : undefined;
  return { path, port: url?.protocol === 'https:' ? Number(url.port || 443) : undefined };
}
