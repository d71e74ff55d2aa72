// A Redfish service of our own, after DSP0266 and the schema of ComputerSystem (none that is not ours is in the registries). A test holds
// it against redfishtool, an independent client. A quirk makes it behave as some real BMC was reported to do.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';

export interface RedfishOptions {
  key: string;
  cert: string;
  user: string;
  password: string;
  /** The names of its systems. */
  systems: readonly string[];
  /** Without sessions only HTTP Basic is left. */
  sessions?: boolean;
  resets?: readonly string[];
  quirk?: Quirk;
}

export interface System {
  power: string;
  boot: Record<string, unknown>;
  version: number;
}

/** A question as it came. */
export interface Call {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  given: Record<string, unknown>;
}

/** An answer before it is sent. `bytes` is sent in the place of `body`; `ends` closes the connection instead, or in mid-body. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body?: unknown;
  bytes?: Buffer;
  ends?: 'without an answer' | 'in the body';
}

/** One way in which real BMCs differ from the specification, or use what it leaves open. */
export interface Quirk {
  name: string;
  /** The public report of it, or the specification that leaves it open or is broken by it. */
  source: string;
  options?: Partial<Pick<RedfishOptions, 'sessions' | 'resets'>>;
  /** Asked first; an answer of its own ends the matter. */
  before?(call: Call, sim: RedfishSim): Answer | undefined;
  /** May change the answer. */
  after?(answer: Answer, call: Call, sim: RedfishSim): void;
}

export class RedfishSim {
  port = 0;
  readonly resetsSeen: string[] = [];
  /** Every question: `GET /path`, and the answer's status. */
  readonly calls: string[] = [];
  readonly systems = new Map<string, System>();
  readonly sessions = new Map<string, string>();
  /** So many questions are answered with 503. */
  busy = 0;
  /** Questions are not answered at all. */
  silent = false;
  /** Questions for a system since its last reset; before the first one infinite. */
  looks = Number.POSITIVE_INFINITY;
  /** How many of those still show what was: a real BMC takes a moment. */
  lag = 2;
  /** How many after those show a cycle as off. */
  dark = 0;
  /** A note of a quirk's own, such as what it has counted. */
  memory = 0;
  readonly options: RedfishOptions;
  private readonly server;
  private count = 0;
  private old = new Map<string, string>();

  constructor(options: RedfishOptions) {
    this.options = { ...options, ...options.quirk?.options };
    for (const name of options.systems)
      this.systems.set(name, { power: 'Off', boot: structuredClone(BOOT), version: 1 });
    this.server = createServer({ key: options.key, cert: options.cert }, (request, response) => {
      void this.take(request, response);
    });
  }

  async start(): Promise<this> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    this.port = typeof address === 'object' && address ? address.port : 0;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  /** Whether the last reset was so short a time ago that a real BMC still stumbles. */
  get isFresh(): boolean {
    return this.looks <= 6;
  }

  /** The first system. */
  get system(): System {
    const [system] = this.systems.values();
    if (!system) throw new Error('a service without systems');
    return system;
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await text(request);
    if (this.silent) return;
    const call = {
      method,
      path: url,
      headers,
      given: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>),
    };
    const { quirk } = this.options;
    if (method === 'GET' && /\/Systems\/[^/]+\/?$/.test(url)) this.looks += 1;
    const own = quirk?.before?.(call, this);
    const answer = own ?? this.answer({ ...call, path: url.replace(/\/$/, '') });
    if (!own) quirk?.after?.(answer, call, this);
    this.calls.push(`${method} ${url} ${answer.ends ? 'closed' : answer.status}`);
    send(response, answer);
  }

  private answer(call: Call): Answer {
    const { method, path, given } = call;
    if (this.busy > 0) {
      this.busy -= 1;
      return problem(503, 'ServiceTemporarilyUnavailable', 'The service is temporarily unavailable.');
    }
    // DSP0266 §13.3.1: the service root and the login need no authentication.
    if (path === '/redfish') return json(200, { v1: '/redfish/v1/' });
    if (path === '/redfish/v1') return json(200, ROOT);
    if (path === SESSIONS && method === 'POST') return this.logIn(given);
    if (!this.isAllowed(call)) return problem(401, 'InsufficientPrivilege', 'No valid session or login.');
    if (method === 'DELETE' && path.startsWith(`${SESSIONS}/`)) {
      this.sessions.delete(path.slice(SESSIONS.length + 1));
      return { status: 204, headers: {} };
    }
    if (path === SYSTEMS) return json(200, this.collection());
    const [, name = '', more = ''] = /^\/redfish\/v1\/Systems\/([^/]+)(\/.*)?$/.exec(path) ?? [];
    const system = this.systems.get(name);
    if (!system) return problem(404, 'ResourceMissingAtURI', `There is nothing at ${path}.`);
    if (more === RESET && method === 'POST') return this.reset(name, system, String(given['ResetType']));
    if (more !== '') return problem(404, 'ResourceMissingAtURI', `There is nothing at ${path}.`);
    if (method === 'GET') return this.show(name, system);
    if (method === 'PATCH') return this.change(system, call);
    return problem(405, 'OperationNotAllowed', `${method} is not possible here.`);
  }

  private collection() {
    return {
      '@odata.id': SYSTEMS,
      '@odata.type': '#ComputerSystemCollection.ComputerSystemCollection',
      Name: 'Systems',
      Members: [...this.systems.keys()].map(name => ({ '@odata.id': `${SYSTEMS}/${name}` })),
      'Members@odata.count': this.systems.size,
    };
  }

  /** A session for the right name and password. */
  logIn(given: Record<string, unknown>): Answer {
    if (this.options.sessions === false) return problem(404, 'ResourceMissingAtURI', 'No sessions here.');
    if (given['UserName'] !== this.options.user || given['Password'] !== this.options.password)
      return problem(401, 'InsufficientPrivilege', 'Wrong user name or password.');
    this.count += 1;
    const [id, token] = [String(this.count), `token-${this.count}-${process.pid}`];
    this.sessions.set(id, token);
    const location = `${SESSIONS}/${id}`;
    const body = { '@odata.id': location, Id: id, Name: 'Session', UserName: this.options.user };
    return json(201, body, { 'X-Auth-Token': token, Location: location });
  }

  isAllowed({ headers }: Call): boolean {
    const token = headers['x-auth-token'];
    if (typeof token === 'string') return [...this.sessions.values()].includes(token);
    const basic = Buffer.from(`${this.options.user}:${this.options.password}`).toString('base64');
    return headers.authorization === `Basic ${basic}`;
  }

  private get resets(): readonly string[] {
    return this.options.resets ?? ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PowerCycle'];
  }

  private reset(name: string, system: System, type: string): Answer {
    if (!this.resets.includes(type))
      return problem(400, 'ActionParameterNotSupported', `ResetType ${type} is not supported.`);
    this.resetsSeen.push(type);
    this.looks = 0;
    this.old.set(name, system.power);
    if (type === 'PowerCycle') this.dark = 2;
    if (type === 'On' || type === 'ForceOff') this.dark = 0;
    system.power = type === 'ForceOff' || type === 'GracefulShutdown' ? 'Off' : 'On';
    return { status: 204, headers: {} };
  }

  private show(name: string, system: System): Answer {
    const path = `${SYSTEMS}/${name}`;
    const tag = `"${system.version}"`;
    const body = {
      '@odata.id': path,
      '@odata.type': '#ComputerSystem.v1_5_0.ComputerSystem',
      '@odata.etag': tag,
      Id: name,
      Name: 'System',
      PowerState: this.shownPower(name, system),
      Boot: system.boot,
      Actions: {
        '#ComputerSystem.Reset': { target: `${path}${RESET}`, 'ResetType@Redfish.AllowableValues': this.resets },
      },
    };
    return json(200, body, { ETag: tag });
  }

  private shownPower(name: string, system: System): string | undefined {
    if (this.looks <= this.lag) return this.old.get(name);
    return this.looks <= this.lag + this.dark ? 'Off' : system.power;
  }

  /** DSP0266 §7.9: a stale or missing ETag is refused. */
  private change(system: System, { headers, given }: Call): Answer {
    if (headers['if-match'] !== `"${system.version}"`)
      return problem(412, 'PreconditionFailed', 'The ETag is not the present one.');
    this.setBoot(given);
    return { status: 204, headers: {} };
  }

  setBoot(given: Record<string, unknown>): void {
    const { system } = this;
    system.boot = { ...system.boot, ...(given['Boot'] as Record<string, unknown>) };
    system.version += 1;
  }
}

export const BOOT = {
  BootSourceOverrideEnabled: 'Disabled',
  BootSourceOverrideTarget: 'None',
  BootSourceOverrideMode: 'UEFI',
  'BootSourceOverrideTarget@Redfish.AllowableValues': ['None', 'Pxe', 'Hdd'],
};
const RESET = '/Actions/ComputerSystem.Reset';
export const SYSTEMS = '/redfish/v1/Systems';
export const SESSIONS = '/redfish/v1/SessionService/Sessions';
export const ROOT = {
  '@odata.id': '/redfish/v1/',
  '@odata.type': '#ServiceRoot.v1_3_0.ServiceRoot',
  Id: 'RootService',
  Name: 'Root',
  RedfishVersion: '1.6.0',
  Systems: { '@odata.id': SYSTEMS },
  SessionService: { '@odata.id': '/redfish/v1/SessionService' },
  Links: { Sessions: { '@odata.id': SESSIONS } },
};

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json', 'OData-Version': '4.0', ...headers }, body };
}

/** DSP0266 §8.6. */
export function problem(status: number, id: string, message: string): Answer {
  const info = [{ MessageId: `Base.1.8.${id}`, Message: message, Severity: 'Critical' }];
  return json(status, {
    error: { code: `Base.1.8.${id}`, message: 'See ExtendedInfo.', '@Message.ExtendedInfo': info },
  });
}

function send(response: ServerResponse, { status, headers, body, bytes, ends }: Answer): void {
  const payload = bytes ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
  if (ends === 'without an answer') {
    response.socket?.destroy();
    return;
  }
  if (ends === 'in the body') {
    response.writeHead(status, { ...headers, 'Content-Length': '100000' });
    response.write(payload ?? '', () => response.socket?.destroy());
    return;
  }
  response.writeHead(status, headers);
  response.end(payload);
}
