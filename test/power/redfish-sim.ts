// A Redfish service of our own, after DSP0266 and the schema of ComputerSystem (none that is not ours is in the registries). The test
// holds it against redfishtool, an independent client.

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
}

interface System {
  power: 'On' | 'Off';
  boot: Record<string, unknown>;
  version: number;
}

export class RedfishSim {
  port = 0;
  readonly resetsSeen: string[] = [];
  readonly systems = new Map<string, System>();
  readonly sessions = new Map<string, string>();
  /** So many questions are answered with 503. */
  busy = 0;
  /** Questions are not answered at all. */
  silent = false;
  private readonly options: RedfishOptions;
  private readonly server;
  private count = 0;

  constructor(options: RedfishOptions) {
    this.options = options;
    for (const name of options.systems) this.systems.set(name, { power: 'Off', boot: { ...BOOT }, version: 1 });
    this.server = createServer({ key: options.key, cert: options.cert }, (request, response) => {
      void this.answer(request, response);
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

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const path = url.replace(/\/$/, '');
    if (this.silent) return;
    const body = await text(request);
    if (this.busy > 0) {
      this.busy -= 1;
      return problem(response, 503, 'ServiceTemporarilyUnavailable', 'The service is temporarily unavailable.');
    }
    const given = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    // DSP0266 §13.3.1: the service root and the login need no authentication.
    if (path === '/redfish') return send(response, 200, { v1: '/redfish/v1/' });
    if (path === '/redfish/v1') return send(response, 200, ROOT);
    if (path === SESSIONS && method === 'POST') return this.logIn(given, response);
    if (!this.isAllowed(request)) return problem(response, 401, 'InsufficientPrivilege', 'No valid session or login.');
    if (method === 'DELETE' && path.startsWith(`${SESSIONS}/`)) {
      this.sessions.delete(path.slice(SESSIONS.length + 1));
      response.writeHead(204).end();
      return;
    }
    if (path === SYSTEMS)
      return send(response, 200, {
        '@odata.id': SYSTEMS,
        '@odata.type': '#ComputerSystemCollection.ComputerSystemCollection',
        Name: 'Systems',
        Members: [...this.systems.keys()].map(name => ({ '@odata.id': `${SYSTEMS}/${name}` })),
        'Members@odata.count': this.systems.size,
      });
    const [, name = '', action] =
      /^\/redfish\/v1\/Systems\/([^/]+)(\/Actions\/ComputerSystem\.Reset)?$/.exec(path) ?? [];
    const system = this.systems.get(name);
    if (!system) return problem(response, 404, 'ResourceMissingAtURI', `There is nothing at ${path}.`);
    if (action && method === 'POST') return this.reset(system, String(given['ResetType']), response);
    if (method === 'GET') return this.show(name, system, response);
    if (method === 'PATCH') return this.change(system, request, given, response);
    problem(response, 405, 'OperationNotAllowed', `${method} is not possible here.`);
  }

  private logIn(given: Record<string, unknown>, response: ServerResponse) {
    if (this.options.sessions === false) return problem(response, 404, 'ResourceMissingAtURI', 'No sessions here.');
    if (given['UserName'] !== this.options.user || given['Password'] !== this.options.password)
      return problem(response, 401, 'InsufficientPrivilege', 'Wrong user name or password.');
    this.count += 1;
    const [id, token] = [String(this.count), `token-${this.count}-${process.pid}`];
    this.sessions.set(id, token);
    const location = `${SESSIONS}/${id}`;
    response.setHeader('X-Auth-Token', token);
    response.setHeader('Location', location);
    send(response, 201, { '@odata.id': location, Id: id, Name: 'Session', UserName: this.options.user });
  }

  private isAllowed(request: IncomingMessage): boolean {
    const token = request.headers['x-auth-token'];
    if (typeof token === 'string') return [...this.sessions.values()].includes(token);
    const basic = Buffer.from(`${this.options.user}:${this.options.password}`).toString('base64');
    return request.headers.authorization === `Basic ${basic}`;
  }

  private get resets(): readonly string[] {
    return this.options.resets ?? ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PowerCycle'];
  }

  private reset(system: System, type: string, response: ServerResponse) {
    if (!this.resets.includes(type))
      return problem(response, 400, 'ActionParameterNotSupported', `ResetType ${type} is not supported.`);
    this.resetsSeen.push(type);
    // A real one takes a moment; meanwhile it says what was.
    setTimeout(() => {
      system.power = type === 'ForceOff' || type === 'GracefulShutdown' ? 'Off' : 'On';
    }, 400);
    response.writeHead(204).end();
  }

  private show(name: string, system: System, response: ServerResponse): void {
    response.setHeader('ETag', `"${system.version}"`);
    const path = `${SYSTEMS}/${name}`;
    send(response, 200, {
      '@odata.id': path,
      '@odata.type': '#ComputerSystem.v1_5_0.ComputerSystem',
      Id: name,
      Name: 'System',
      PowerState: system.power,
      Boot: system.boot,
      Actions: {
        '#ComputerSystem.Reset': {
          target: `${path}/Actions/ComputerSystem.Reset`,
          'ResetType@Redfish.AllowableValues': this.resets,
        },
      },
    });
  }

  private change(system: System, request: IncomingMessage, given: Record<string, unknown>, response: ServerResponse) {
    // DSP0266 §7.9: a stale or missing ETag is refused.
    if (request.headers['if-match'] !== `"${system.version}"`)
      return problem(response, 412, 'PreconditionFailed', 'The ETag is not the present one.');
    system.boot = { ...system.boot, ...(given['Boot'] as Record<string, unknown>) };
    system.version += 1;
    response.writeHead(204).end();
  }
}

const BOOT = {
  BootSourceOverrideEnabled: 'Disabled',
  BootSourceOverrideTarget: 'None',
  'BootSourceOverrideTarget@Redfish.AllowableValues': ['None', 'Pxe', 'Hdd'],
};
const SYSTEMS = '/redfish/v1/Systems';
const SESSIONS = '/redfish/v1/SessionService/Sessions';
const ROOT = {
  '@odata.id': '/redfish/v1/',
  '@odata.type': '#ServiceRoot.v1_3_0.ServiceRoot',
  Id: 'RootService',
  Name: 'Root',
  RedfishVersion: '1.6.0',
  Systems: { '@odata.id': SYSTEMS },
  SessionService: { '@odata.id': '/redfish/v1/SessionService' },
  Links: { Sessions: { '@odata.id': SESSIONS } },
};

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'OData-Version': '4.0' });
  response.end(JSON.stringify(body));
}

/** DSP0266 §8.6. */
function problem(response: ServerResponse, status: number, id: string, message: string): void {
  const info = [{ MessageId: `Base.1.8.${id}`, Message: message, Severity: 'Critical' }];
  send(response, status, {
    error: { code: `Base.1.8.${id}`, message: 'See ExtendedInfo.', '@Message.ExtendedInfo': info },
  });
}
