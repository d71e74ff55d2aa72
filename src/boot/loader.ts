// What a client loads next: a loader file by TFTP or HTTP, or (iPXE) its script; or nothing, with the reason.
// Asked by the DHCP server for every OFFER and ACK.
import { basename } from 'node:path';
import type { LoaderName } from '../config.ts';
import type { Identity } from './identify.ts';
import { type Loaders, type SpareLoaders, wireName } from './loaders.ts';

/** Where the head's boot plane listens. */
export interface BootPlane {
  /** The head's address on the boot network. */
  address: string;
  httpPort: number;
}

export type BootTarget =
  /** `instead` is the loader that the node failed with. */
  | { kind: 'tftp'; file: string; instead?: string }
  | { kind: 'http'; url: string; instead?: string }
  | { kind: 'script'; url: string }
  /** A running system: it boots nothing. */
  | { kind: 'none' }
  | { kind: 'refused'; refusal: string };

/** Which of several loaders a node gets, by what it did with them before: see `boot/loader-history`. */
export type LoaderChoice = (files: readonly string[]) => string | undefined;

export function targetFor(
  client: Identity,
  loaders: Loaders,
  plane: BootPlane,
  spares: SpareLoaders = {},
  choose: LoaderChoice = ([first]) => first,
): BootTarget {
  if (client.kind === 'system') return { kind: 'none' };
  const base = `http://${plane.address}:${plane.httpPort}/boot/v1`;
  if (client.kind === 'ipxe') return { kind: 'script', url: `${base}/script` };
  if (!client.arch) return { kind: 'refused', refusal: `there is no loader for this firmware: ${client.label}` };
  const path = loaders[client.arch];
  if (path === undefined) return { kind: 'refused', refusal: missing(client.arch, client.label) };
  const best = wireName(loaders, client.arch) ?? basename(path);
  const file = choose([best, ...(spares[client.arch] ?? []).map(spare => basename(spare))]) ?? best;
  const instead = file === best ? {} : { instead: best };
  return client.via === 'tftp'
    ? { kind: 'tftp', file, ...instead }
    : { kind: 'http', url: `${base}/loader/${encodeURIComponent(file)}`, ...instead };
}

function missing(arch: LoaderName, label: string): string {
  const remedy = PACKAGED.has(arch) ? "install the distribution's iPXE package, or " : '';
  return `there is no loader for this firmware: ${label}; ${remedy}name a file in the configuration, loaders.${arch}`;
}

/** Those that a distribution's package has: Debian `ipxe`, RHEL `ipxe-bootimgs-x86` and `ipxe-bootimgs-aarch64`. */
const PACKAGED: ReadonlySet<LoaderName> = new Set(['bios', 'efi64', 'efi-arm64', 'http-efi64', 'http-efi-arm64']);
