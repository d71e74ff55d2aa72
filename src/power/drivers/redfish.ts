// Redfish (DSP0266): the ComputerSystem's PowerState, its Reset action, and its boot override.
import { MusterError } from '../../errors.ts';
import type { PowerUri } from '../../model/power-uri.ts';
import type { NextBoot, PowerDriver, PowerState, PowerTarget } from '../driver.ts';
import { messageOf, RedfishClient, type RedfishReply } from '../redfish-client.ts';
import type { Tools } from '../tools.ts';

export const redfish: PowerDriver = {
  scheme: 'redfish',
  open: (uri, tools) => new RedfishTarget(uri, tools),
};

interface System {
  path: string;
  etag: string | undefined;
  state: string;
  resetPath: string;
  /** The values of ResetType that it takes; empty when it does not say. */
  resets: string[];
}

/** What each action may be called, the first one that the system takes. */
const RESETS = {
  on: ['On', 'ForceOn'],
  off: ['ForceOff'],
  cycle: ['PowerCycle', 'ForceRestart'],
  reset: ['ForceRestart', 'PowerCycle'],
} as const;

class RedfishTarget implements PowerTarget {
  readonly name: string;
  private readonly uri: PowerUri;
  private readonly tools: Tools;
  private readonly client: RedfishClient;

  constructor(uri: PowerUri, tools: Tools) {
    const { host = '', port = 443, user = '', password = '', options } = uri;
    const pin = options['pin']?.replaceAll(':', '').toLowerCase();
    this.uri = uri;
    this.tools = tools;
    this.name = `BMC ${host}`;
    this.client = new RedfishClient({ host, port, user, password, timeoutMs: tools.timeoutMs, ...(pin && { pin }) });
  }

  async status(): Promise<PowerState> {
    const { state } = await this.tools.limited(async () => this.system());
    // DSP2046: On, Off, PoweringOn, PoweringOff, Paused. What is on its way to off still has power.
    if (/^(On|Off|PoweringOn|PoweringOff|Paused)$/.test(state))
      return state === 'Off' || state === 'PoweringOn' ? 'off' : 'on';
    throw new MusterError('power-failed', `${this.name} said neither on nor off but '${state}'`);
  }

  async on(): Promise<void> {
    await this.doReset('on');
  }

  async off(): Promise<void> {
    await this.doReset('off');
  }

  async cycle(): Promise<void> {
    await this.doReset('cycle');
  }

  async reset(): Promise<void> {
    await this.doReset('reset');
  }

  async bootNext(device: NextBoot): Promise<void> {
    await this.tools.limited(async () => {
      const { path, etag } = await this.system();
      const target = device === 'pxe' ? 'Pxe' : 'Hdd';
      const body = { Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: target } };
      this.check(await this.client.call('PATCH', path, body, etag ? { 'If-Match': etag } : {}), 'set the boot device');
    });
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async doReset(action: keyof typeof RESETS): Promise<void> {
    await this.tools.limited(async () => {
      const { resetPath, resets } = await this.system();
      const type = RESETS[action].find(name => resets.length === 0 || resets.includes(name));
      if (type === undefined)
        throw new MusterError('power-failed', `${this.name} knows no ${action}; it knows ${resets.join(', ')}`);
      this.check(await this.client.call('POST', resetPath, { ResetType: type }), action);
    });
  }

  /** The one system, or the one of the URI's name. */
  private async system(): Promise<System> {
    const list = this.check(await this.client.call('GET', '/redfish/v1/Systems'), 'list its systems');
    const paths = (Array.isArray(list.body['Members']) ? list.body['Members'] : []).flatMap((member: unknown) => {
      const path = (member as { '@odata.id'?: unknown } | null)?.['@odata.id'];
      return typeof path === 'string' && path.startsWith('/') ? [path] : [];
    });
    const wanted = this.uri.name;
    const fitting = wanted === undefined ? paths : paths.filter(path => idOf(path) === wanted);
    const [path] = fitting;
    if (path === undefined || fitting.length > 1) {
      const ids = paths.map(idOf).join(', ') || 'none';
      throw new MusterError(
        'power-failed',
        `${this.name} has the systems ${ids}; ${wanted === undefined ? 'name one behind the host: redfish://…/SYSTEM' : `'${wanted}' is none of them`}`,
      );
    }
    const reply = this.check(await this.client.call('GET', path), `show the system ${idOf(path)}`);
    return this.read(path, reply);
  }

  private read(path: string, { body, headers }: RedfishReply): System {
    const actions = (body['Actions'] ?? {}) as Record<string, Record<string, unknown> | undefined>;
    const reset = actions['#ComputerSystem.Reset'] ?? {};
    const allowed = reset['ResetType@Redfish.AllowableValues'];
    const target = reset['target'];
    return {
      path,
      etag: headers.etag,
      state: String(body['PowerState'] ?? ''),
      resetPath: typeof target === 'string' && target.startsWith('/') ? target : `${path}/Actions/ComputerSystem.Reset`,
      resets: Array.isArray(allowed) ? allowed.map(String) : [],
    };
  }

  private check(reply: RedfishReply, what: string): RedfishReply {
    if (reply.status < 300) return reply;
    throw new MusterError('power-failed', `${this.name} would not ${what}: ${messageOf(reply)}`);
  }
}

function idOf(path: string): string {
  return decodeURIComponent(path.replace(/\/$/, '').split('/').at(-1) ?? '');
}
