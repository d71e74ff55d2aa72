// A ComputerSystem as its resource describes it (DSP2046), parsed from what BMCs really send.
import type { PowerReading } from '../driver.ts';
import { type Body, listOf, objectOf, pathOf } from './body.ts';
import type { RedfishReply } from './reply.ts';

export interface System {
  path: string;
  tags: readonly string[];
  reading: PowerReading;
  resetPath: string;
  /** The values of ResetType that it names, as it spells them; empty when it names none. */
  resets: readonly string[];
  /** Where they may be named instead. */
  resetInfo: string | undefined;
  boot: Body;
  /** The resource for settings of the next boot (DSP0266 §9.8). */
  settings: string | undefined;
}

/** Returns the paths of a collection's members, each once: some list one with and without a trailing slash. */
export function membersOf(members: readonly unknown[]): string[] {
  const byPlain = new Map<string, string>();
  for (const member of members) {
    const path = pathOf(objectOf(member)['@odata.id']);
    if (path !== undefined && !byPlain.has(plain(path))) byPlain.set(plain(path), path);
  }
  return [...byPlain.values()];
}

/** Returns the last part of a path, by which an administrator knows the resource. */
export function idOf(path: string): string {
  const last = plain(path).split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

function plain(path: string): string {
  return path.replace(/\/+$/, '');
}

export function readSystem(path: string, reply: RedfishReply): System {
  const { body } = reply;
  const reset = objectOf(objectOf(body['Actions'])['#ComputerSystem.Reset']);
  // `@DMTF.AllowableValues` predates the first edition of the specification.
  const allowed = reset['ResetType@Redfish.AllowableValues'] ?? reset['ResetType@DMTF.AllowableValues'];
  const settings = objectOf(body['@Redfish.Settings'])['SettingsObject'];
  return {
    path,
    tags: tagsOf(reply),
    reading: readingOf(body['PowerState']),
    resetPath: pathOf(reset['target']) ?? `${plain(path)}/Actions/ComputerSystem.Reset`,
    resets: listOf(allowed).map(String),
    resetInfo: pathOf(reset['@Redfish.ActionInfo']),
    boot: objectOf(body['Boot']),
    settings: pathOf(objectOf(settings)['@odata.id']) ?? pathOf(settings),
  };
}

/** DSP2046: On, Off, PoweringOn, PoweringOff, Paused. Anything else, including null, means that the BMC does not know it now. */
function readingOf(state: unknown): PowerReading {
  switch (String(state ?? '').toLowerCase()) {
    case 'on':
    case 'paused':
      return 'on';
    case 'off':
      return 'off';
    case 'poweringon':
    case 'poweringoff':
      return 'changing';
    default:
      return 'unknown';
  }
}

/** Returns the values of ResetType in an ActionInfo (DSP0266 §8.4.3). */
export function resetsIn(body: Body): string[] {
  const parameter = listOf(body['Parameters'])
    .map(objectOf)
    .find(({ Name }) => Name === 'ResetType');
  return listOf(parameter?.['AllowableValues']).map(String);
}

/**
 * Returns every value of If-Match that the service may mean, the likeliest first: the tag of the header, without the suffix of a
 * packing web server, the one in the body, each also as a strong tag; then any, and none.
 */
export function tagsOf({ headers, body }: RedfishReply): string[] {
  const inBody = body['@odata.etag'];
  const told = [headers.etag, typeof inBody === 'string' ? inBody : undefined].flatMap(tag => tag?.trim() || []);
  const bare = told.map(tag => tag.replace(/[-;+]{1,2}(gzip|deflate|br)(?="?$)/i, ''));
  const strong = bare.map(tag => tag.replace(/^W\//i, ''));
  const quoted = strong.map(tag => `"${tag.replaceAll('"', '')}"`);
  return [...new Set([...told, ...bare, ...strong, ...quoted, '*'])];
}

/** Returns a name as the service spells it, or undefined when it does not have it. */
export function spelled(names: readonly string[], wanted: string): string | undefined {
  return names.find(name => name.toLowerCase() === wanted.toLowerCase());
}
