// Redfish (DSP0266): the ComputerSystem's PowerState, its Reset action, and its boot override.
import { MusterError } from '../../errors.ts';
import type { PowerUri } from '../../model/power-uri.ts';
import type { NextBoot, PowerDriver, PowerReading, PowerTarget } from '../driver.ts';
import { NoCycle } from '../failures.ts';
import { listOf, objectOf, pathOf } from '../redfish/body.ts';
import { type Change, changes, hasOverride, showsNext } from '../redfish/boot-override.ts';
import { RedfishClient } from '../redfish/client.ts';
import { isWrongTag, messageOf, type RedfishReply } from '../redfish/reply.ts';
import { idOf, membersOf, readSystem, resetsIn, type System, spelled, tagsOf } from '../redfish/system.ts';
import type { Tools } from '../tools.ts';

export const redfish: PowerDriver = {
  scheme: 'redfish',
  open: (uri, tools) => new RedfishTarget(uri, tools),
};

/** The possible names of each action, the best first. */
const RESETS = {
  on: ['On', 'ForceOn'],
  off: ['ForceOff'],
  cycle: ['PowerCycle', 'ForceRestart', 'FullPowerCycle'],
  reset: ['ForceRestart', 'PowerCycle'],
} as const;

/** Pages of a collection to read. */
const MOST_PAGES = 16;

class RedfishTarget implements PowerTarget {
  readonly name: string;
  private readonly uri: PowerUri;
  private readonly tools: Tools;
  private readonly client: RedfishClient;
  /** The system's path once known. */
  private path: string | undefined;

  constructor(uri: PowerUri, tools: Tools) {
    const { host = '', port = 443, user = '', password = '', options } = uri;
    const pin = options['pin']?.replaceAll(':', '').toLowerCase();
    this.uri = uri;
    this.tools = tools;
    this.name = `BMC ${host}`;
    this.client = new RedfishClient({ host, port, user, password, timeoutMs: tools.timeoutMs, ...(pin && { pin }) });
  }

  async status(): Promise<PowerReading> {
    return (await this.tools.limited(async () => this.system())).reading;
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

  async bootNext(device: NextBoot, efi: boolean): Promise<void> {
    await this.tools.limited(async () => {
      const places = await this.bootPlaces(await this.system());
      let isTaken = false;
      let refusal: RedfishReply | undefined;
      for (const { path, boot } of places) {
        for (const change of changes(boot, device, efi)) {
          const reply = await this.change(path, change);
          if (reply.status < 300) {
            isTaken = true;
            if (await this.shows(places, device)) return;
            break;
          }
          refusal ??= reply;
        }
      }
      // Some show a change only after the next boot.
      if (!isTaken && refusal) this.check(refusal, 'set the boot device');
    });
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  /** Returns where the boot override may be set, the likeliest first: settings that have one, the system itself, other settings. */
  private async bootPlaces({
    path,
    boot,
    settings,
  }: System): Promise<{ path: string; boot: Record<string, unknown> }[]> {
    const own = { path, boot };
    if (settings === undefined) return [own];
    const reply = await this.client.call('GET', settings);
    const theirs = reply.status < 300 ? objectOf(reply.body['Boot']) : {};
    if (!hasOverride(theirs)) return [own, { path: settings, boot }];
    return [{ path: settings, boot: { ...boot, ...theirs } }, own];
  }

  /** Returns whether one of them shows the change. It was accepted: a BMC that does not answer now is believed. */
  private async shows(places: readonly { path: string }[], device: NextBoot): Promise<boolean> {
    try {
      for (const { path } of places) {
        const { status, body } = await this.client.call('GET', path);
        if (status < 300 && showsNext(objectOf(body['Boot']), device)) return true;
      }
      return false;
    } catch (error) {
      if (error instanceof MusterError) return true;
      throw error;
    }
  }

  /** Sends all parts of a change; returns the answer to the last one. */
  private async change(path: string, change: Change): Promise<RedfishReply> {
    let reply: RedfishReply | undefined;
    for (const body of change) {
      reply = await this.patch(path, body);
      if (reply.status >= 300) return reply;
    }
    return reply ?? { status: 200, headers: {}, body: {} };
  }

  /** Sends it with the resource's current tag, in whatever form the BMC wants it, and last without one. */
  private async patch(path: string, body: Record<string, unknown>): Promise<RedfishReply> {
    const shown = await this.client.call('GET', path);
    const isTagged = shown.headers.etag !== undefined || shown.body['@odata.etag'] !== undefined;
    const tags = tagsOf(shown);
    // Without a tag, most want none.
    const tries = isTagged ? [...tags, undefined] : [undefined, ...tags];
    let reply = shown;
    for (const tag of tries) {
      reply = await this.client.call('PATCH', path, body, tag === undefined ? {} : { 'If-Match': tag });
      if (!isWrongTag(reply)) return reply;
    }
    return reply;
  }

  private async doReset(action: keyof typeof RESETS): Promise<void> {
    await this.tools.limited(async () => {
      const system = await this.system();
      const known = system.resets.length > 0 ? system.resets : await this.resetsOf(system);
      const named = RESETS[action].flatMap(name => spelled(known, name) ?? []);
      const isTwoSteps = action === 'cycle' || action === 'reset';
      if (known.length > 0 && named.length === 0 && isTwoSteps)
        throw new NoCycle(`${this.name} knows no ${action}; it knows ${known.join(', ')}`);
      let refusal: RedfishReply | undefined;
      // The list may depend on the current state: missing types are tried anyway.
      for (const type of named.length > 0 ? named : RESETS[action]) {
        const reply = await this.client.call('POST', system.resetPath, { ResetType: type });
        if (reply.status < 300) return;
        refusal ??= reply;
      }
      if (!refusal) return;
      const words = `${this.name} would not ${action}: ${messageOf(refusal)}`;
      if (refusal.status === 403) throw new MusterError('bmc-refused', words);
      throw isTwoSteps ? new NoCycle(words) : new MusterError('power-failed', words);
    });
  }

  private async resetsOf({ resetInfo }: System): Promise<string[]> {
    if (resetInfo === undefined) return [];
    const reply = await this.client.call('GET', resetInfo);
    return reply.status < 300 ? resetsIn(reply.body) : [];
  }

  /** Returns the only system, or the one named in the URI. */
  private async system(): Promise<System> {
    this.path ??= await this.find();
    const reply = await this.client.call('GET', this.path);
    return readSystem(this.path, this.check(reply, `show the system ${idOf(this.path)}`));
  }

  private async find(): Promise<string> {
    const paths = await this.members();
    const wanted = this.uri.name;
    const fitting = wanted === undefined ? paths : paths.filter(path => idOf(path) === wanted);
    const [path] = fitting;
    if (path !== undefined && fitting.length === 1) return path;
    const ids = paths.map(idOf).join(', ') || 'none';
    throw new MusterError(
      'power-failed',
      `${this.name} has the systems ${ids}; ${wanted === undefined ? 'name one behind the host: redfish://…/SYSTEM' : `'${wanted}' is none of them`}`,
    );
  }

  private async members(): Promise<string[]> {
    let page = await this.client.call('GET', '/redfish/v1/Systems');
    if (page.status === 404) {
      const root = this.check(await this.client.call('GET', '/redfish/v1/'), 'show its service root');
      const path = pathOf(objectOf(root.body['Systems'])['@odata.id']);
      if (path !== undefined) page = await this.client.call('GET', path);
    }
    const members: unknown[] = [];
    for (let pages = 1; ; pages += 1) {
      members.push(...listOf(this.check(page, 'list its systems').body['Members']));
      const next = pathOf(page.body['Members@odata.nextLink']);
      if (next === undefined || pages >= MOST_PAGES) return membersOf(members);
      page = await this.client.call('GET', next);
    }
  }

  private check(reply: RedfishReply, what: string): RedfishReply {
    if (reply.status < 300) return reply;
    const code = reply.status === 403 ? 'bmc-refused' : 'power-failed';
    throw new MusterError(code, `${this.name} would not ${what}: ${messageOf(reply)}`);
  }
}
