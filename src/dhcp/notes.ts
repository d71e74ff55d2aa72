// Notes of a DHCP exchange for a node's timeline. Pure.
import type { BootNode } from '../boot/directory.ts';
import type { Stage, StageNote } from '../boot/journey.ts';
import type { BootTarget } from '../boot/loader.ts';
import type { Request } from './request.ts';

/** The stage of the journey that an ACK means, by kind of client. */
export const STAGE_OF_ACK: Readonly<Record<Request['identity']['kind'], Stage | undefined>> = {
  firmware: 'addressed',
  ipxe: 'ipxe',
  system: undefined,
};

/** Returns a note of what the client is, and what it loads. */
export function note(stage: Stage, request: Request, node: BootNode, loading = ''): Omit<StageNote, 'error' | 'fault'> {
  const detail = loading ? `${request.identity.label}: ${loading}` : request.identity.label;
  const { identity, card } = request;
  const arch = identity.kind === 'system' ? undefined : identity.arch;
  return { stage, mac: request.mac, node: node.uid, detail, ...(arch && { arch }), ...(card && { card }) };
}

/** As `note`, with the loader that the node is to load, and why this one. */
export function noteOf(stage: Stage, request: Request, node: BootNode, target: BootTarget): StageNote {
  const noted = note(stage, request, node, fileOf(target));
  if (target.kind === 'script') return { ...noted, about: { name: target.url } };
  if (target.kind !== 'tftp' && target.kind !== 'http') return noted;
  const loader = decodeURIComponent(fileOf(target).split('/').at(-1) ?? '');
  const why = target.instead === undefined ? '' : `, because ${target.instead} was fetched and never spoke`;
  const wanted = node.loader !== undefined;
  return { ...noted, detail: `${noted.detail}${why}`, loader, ...(wanted && { loaderWanted: true }) };
}

/** Returns the file or URL that a node is to load; empty when there is none. */
export function fileOf(target: BootTarget): string {
  if (target.kind === 'tftp') return target.file;
  return target.kind === 'http' || target.kind === 'script' ? target.url : '';
}

/** The same for a line of the log. */
export function then(target: BootTarget): string {
  const file = fileOf(target);
  return file && `, to load ${file}`;
}
