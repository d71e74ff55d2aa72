// A ComputerSystem as its resource describes it (DSP2046), read from what BMCs really send.
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
  /** The resource that takes what is to be so from the next boot on (DSP0266 §9.8). */
  settings: string | undefined;
}

/** The paths of a collection's members, each once: some list one with and without a slash at its end. */
export function membersOf(members: readonly unknown[]): string[] {
  const byPlain = new Map<string, string>();
  for (const member of members) {
    const path = pathOf(objectOf(member)['@odata.id']);
    if (path !== undefined && !byPlain.has(plain(path))) byPlain.set(plain(path), path);
  }
  return [...byPlain.values()];
}

/** The last part of a path, which is what an administrator knows the resource by. */
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
  // `@DMTF.AllowableValues` is from before the first edition of the specification.
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

/** DSP2046: On, Off, PoweringOn, PoweringOff, Paused. Anything else, null among it, is a BMC that does not know it now. */
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

/** The values of ResetType in an ActionInfo (DSP0266 §8.4.3). */
export function resetsIn(body: Body): string[] {
  const parameter = listOf(body['Parameters'])
    .map(objectOf)
    .find(({ Name }) => Name === 'ResetType');
  return listOf(parameter?.['AllowableValues']).map(String);
}

/**
 * Every value of If-Match that the service may mean, the likeliest first: the tag of the header, without what a packing web server put
 * behind it, the one in the body, each also as a strong tag; then any, and none.
 */
export function tagsOf({ headers, body }: RedfishReply): string[] {
  const inBody = body['@odata.etag'];
  const told = [headers.etag, typeof inBody === 'string' ? inBody : undefined].flatMap(tag => tag?.trim() || []);
  const bare = told.map(tag => tag.replace(/[-;+]{1,2}(gzip|deflate|br)(?="?$)/i, ''));
  const strong = bare.map(tag => tag.replace(/^W\//i, ''));
  const quoted = strong.map(tag => `"${tag.replaceAll('"', '')}"`);
  return [...new Set([...told, ...bare, ...strong, ...quoted, '*'])];
}

/** A name as the service spells it, or undefined when it does not have it. */
export function spelled(names: readonly string[], wanted: string): string | undefined {
  return names.find(name => name.toLowerCase() === wanted.toLowerCase());
}
