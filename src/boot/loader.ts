// What a client loads next: a loader file by TFTP or HTTP, or (iPXE) its script; or nothing, with the reason. The DHCP server
// calls this for every OFFER and ACK.

import { basename } from 'node:path';
import type { LoaderName } from '../config-values.ts';
import { own } from '../own.ts';
import type { OtherLoader } from './directory.ts';
import type { Identity } from './identify.ts';
import { grubFile, type Loaders, SHIM_FILES, type SpareLoaders, wireName } from './loaders.ts';

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
  | { kind: 'refused'; refused: string };

/** Chooses one of several loaders for a node by its history: see `boot/loader-history`. */
export type LoaderChoice = (files: readonly string[]) => string | undefined;

/** The other loaders besides the best of each architecture. */
export interface OtherLoaders {
  spares?: SpareLoaders | undefined;
  choose?: LoaderChoice;
  /** The loader to use instead of iPXE. */
  wants?: OtherLoader | undefined;
  /** Returns whether a file is served under this name. */
  has?: (file: string) => boolean;
}

export function targetFor(
  client: Identity,
  loaders: Loaders,
  plane: BootPlane,
  { spares = {}, choose = ([first]) => first, wants, has = () => false }: OtherLoaders = {},
): BootTarget {
  if (client.kind === 'system') return { kind: 'none' };
  if (client.kind === 'firmware' && client.refused !== undefined) return { kind: 'refused', refused: client.refused };
  const base = `http://${plane.address}:${plane.httpPort}/boot/v1`;
  // A running iPXE is known to the firmware, or Secure Boot is off: it gets its script
  if (wants === 'shim' && client.kind === 'firmware') return shimTarget(client, has);
  if (wants === 'grub' && client.arch) return grubTarget(client, client.arch, base, has);
  if (client.kind === 'ipxe') return { kind: 'script', url: `${base}/script` };
  if (!client.arch) return { kind: 'refused', refused: `there is no loader for this firmware: ${client.label}` };
  const grub = grubFile(client.arch);
  // Without iPXE (for 64-bit ARM on Debian 12), GRUB is the loader.
  const files = [
    ...(loaders[client.arch] === undefined ? [] : [wireName(loaders, client.arch) ?? '']),
    ...(spares[client.arch] ?? []).map(spare => basename(spare)),
    ...(grub && has(grub) ? [grub] : []),
  ];
  const [best] = files;
  if (best === undefined) return { kind: 'refused', refused: missing(client.arch, client.label) };
  const file = choose(files) ?? best;
  const instead = file === best ? {} : { instead: best };
  return client.via === 'tftp'
    ? { kind: 'tftp', file, ...instead }
    : { kind: 'http', url: `${base}/loader/${encodeURIComponent(file)}`, ...instead };
}

/** A shim finds the GRUB next to it, and GRUB its configuration, by TFTP. */
function shimTarget(client: Extract<Identity, { kind: 'firmware' }>, has: (file: string) => boolean): BootTarget {
  const file = client.arch && SHIM_FILES[client.arch];
  const refuse = (why: string): BootTarget => ({ kind: 'refused', refused: `_boot_loader=shim, and ${why}` });
  if (client.via === 'http') return refuse('shim is served by TFTP alone: let the firmware boot by PXE');
  if (file === undefined) return refuse(`there is no shim for this firmware: ${client.label}`);
  if (has(file)) return { kind: 'tftp', file };
  return refuse(
    `there is no ${file}; install ${own(SHIM_PACKAGES, file)} (Debian) or name a folder that has a distribution's shim and GRUB, paths.shim; then restart musterd`,
  );
}

const SHIM_PACKAGES: Readonly<Record<string, string>> = {
  'shimx64.efi': 'shim-signed and grub-efi-amd64-signed',
  'shimaa64.efi': 'shim-signed and grub-efi-arm64-signed',
};

/** iPXE in a card's ROM is sent on to GRUB too, as requested. */
function grubTarget(
  client: Exclude<Identity, { kind: 'system' }>,
  arch: LoaderName,
  base: string,
  has: (file: string) => boolean,
): BootTarget {
  const file = grubFile(arch);
  if (file === undefined || !has(file)) {
    return {
      kind: 'refused',
      refused: `_boot_loader=grub, and there is no GRUB for this firmware: ${client.label}; install GRUB's modules (${grubPackages(arch)}) and restart musterd`,
    };
  }
  const overHttp = client.kind === 'ipxe' || client.via === 'http';
  return overHttp ? { kind: 'http', url: `${base}/loader/${file}` } : { kind: 'tftp', file };
}

function missing(arch: LoaderName, label: string): string {
  const packages = PACKAGES[arch];
  const remedy = packages === undefined ? '' : `install ${packages} and restart musterd, or `;
  return `there is no loader for this firmware: ${label}; ${remedy}name a file in the configuration, loaders.${arch}`;
}

const GRUB_PACKAGES: Readonly<Record<string, readonly [string, string]>> = {
  efi32: ['grub-efi-ia32-bin', 'grub2-efi-ia32-modules'],
  efi64: ['grub-efi-amd64-bin', 'grub2-efi-x64-modules'],
  'efi-arm64': ['grub-efi-arm64-bin', 'grub2-efi-aa64-modules'],
};

const IPXE_X86 = 'iPXE (Debian ipxe, RHEL ipxe-bootimgs-x86)';
const IPXE_ARM64 = 'iPXE (Debian ipxe, from Debian 13 on; RHEL ipxe-bootimgs-aarch64)';

/** Packages of distributions that contain them. */
const PACKAGES: Partial<Record<LoaderName, string>> = {
  bios: IPXE_X86,
  efi64: IPXE_X86,
  'http-efi64': IPXE_X86,
  'efi-arm64': `${IPXE_ARM64} or GRUB's modules (${grubPackages('efi-arm64')})`,
  'http-efi-arm64': `${IPXE_ARM64} or GRUB's modules (${grubPackages('efi-arm64')})`,
};

/** Returns Debian's name of a platform's modules, and RHEL's. */
function grubPackages(arch: LoaderName): string {
  const [debian, rhel] = own(GRUB_PACKAGES, arch.replace(/^http-/, '')) ?? ['grub-pc-bin', 'grub2-pc-modules'];
  return `Debian ${debian} and grub-common, RHEL ${rhel} and grub2-tools`;
}
