// The loader files: where distributions put them, and under which name they are served.
import { basename } from 'node:path';
import { LOADER_NAMES, type LoaderName } from '../config-values.ts';
import type { OtherLoader } from './directory.ts';

/** Loader files (absolute paths) by client architecture. */
export type Loaders = Partial<Record<LoaderName, string>>;

/**
 * The paths of the packages, best first: Debian and Ubuntu `ipxe`; RHEL and Fedora `ipxe-bootimgs-x86`, `ipxe-bootimgs-aarch64`.
 *
 * For UEFI, snponly precedes ipxe.efi: it drives the one interface it was loaded from, with the firmware's own driver, so
 * it works with every card that could load it and leaves the others alone; it is a sixth of the size, which TFTP feels; and
 * in the lab both reached the node's first report in the same time (13.5 s and 13.7 s).
 */
const PLACES: Readonly<Record<LoaderName, readonly string[]>> = {
  bios: [
    '/usr/lib/ipxe/undionly.kpxe',
    '/usr/share/ipxe/undionly.kpxe',
    '/usr/lib/ipxe/ipxe.pxe',
    '/usr/share/ipxe/ipxe.pxe',
  ],
  efi32: ['/usr/share/ipxe/ipxe-i386.efi'],
  efi64: [
    '/usr/lib/ipxe/snponly.efi',
    '/usr/share/ipxe/ipxe-snponly-x86_64.efi',
    '/usr/lib/ipxe/ipxe.efi',
    '/usr/share/ipxe/ipxe-x86_64.efi',
  ],
  'efi-arm64': [
    '/usr/share/ipxe/arm64-efi/snponly.efi',
    '/usr/lib/ipxe/ipxe-arm64.efi',
    '/usr/share/ipxe/arm64-efi/ipxe.efi',
  ],
  'http-efi32': [],
  'http-efi64': [],
  'http-efi-arm64': [],
};

/** The names under which GRUB is served, by client architecture: as a network loader, and as a finder of local disks. */
export const GRUB_FILES: Partial<Record<LoaderName, string>> = {
  bios: 'grub-i386.pxe',
  efi32: 'grub-i386.efi',
  efi64: 'grub-x86_64.efi',
  'efi-arm64': 'grub-arm64.efi',
};

/** The names under which shims are served, by client architecture; each loads the GRUB next to it. */
export const SHIM_FILES: Partial<Record<LoaderName, string>> = {
  efi64: 'shimx64.efi',
  'efi-arm64': 'shimaa64.efi',
};

/** Returns which of the loaders instead of iPXE has this name. */
export function otherLoaderOf(file: string): OtherLoader | undefined {
  if (Object.values(SHIM_FILES).includes(file)) return 'shim';
  return Object.values(GRUB_FILES).includes(file) ? 'grub' : undefined;
}

/** Named after iPXE's own architectures, since its scripts ask for them by `buildarch`. */
export const LOCAL_FILES: Partial<Record<LoaderName, string>> = {
  efi32: 'local-i386.efi',
  efi64: 'local-x86_64.efi',
  'efi-arm64': 'local-arm64.efi',
};

/** Returns the GRUB for an architecture, also when it is fetched by HTTP. */
export function grubFile(name: LoaderName): string | undefined {
  return GRUB_FILES[SAME_FILE[name] ?? name];
}

/** HTTP boot runs the same file: only the transport differs. */
const SAME_FILE: Partial<Record<LoaderName, LoaderName>> = {
  'http-efi32': 'efi32',
  'http-efi64': 'efi64',
  'http-efi-arm64': 'efi-arm64',
};

/** Returns the available loaders: those of the configuration, then those found where the packages put them. */
export function findLoaders(configured: Loaders, exists: (path: string) => boolean): Loaders {
  const found: Loaders = {};
  for (const name of LOADER_NAMES) {
    const twin = SAME_FILE[name];
    const path = configured[name] ?? PLACES[name].find(exists) ?? (twin && found[twin]);
    if (path !== undefined) found[name] = path;
  }
  return found;
}

/** Further loaders, by client architecture, best first: for a node that failed with its loader. */
export type SpareLoaders = Partial<Record<LoaderName, readonly string[]>>;

/** Returns the other files of the packages. None for a loader that the configuration names: the administrator wants that one. */
export function findSpareLoaders(
  configured: Loaders,
  loaders: Loaders,
  exists: (path: string) => boolean,
): SpareLoaders {
  const found: SpareLoaders = {};
  const used = new Set(Object.values(loaders).map(path => basename(path)));
  for (const name of LOADER_NAMES) {
    const places = PLACES[SAME_FILE[name] ?? name];
    // Each name is served once: a file of the same name elsewhere counts as the same file.
    const others = places.filter((path, index) => {
      const isFirst = places.findIndex(other => basename(other) === basename(path) && exists(other)) === index;
      return exists(path) && isFirst && !used.has(basename(path));
    });
    if (configured[name] === undefined && others.length > 0) found[name] = others;
  }
  return found;
}

/** Returns every loader by its served name, for TFTP and HTTP: `ipxe.efi` to its path. */
export function servedLoaders(loaders: Loaders, spares: SpareLoaders = {}): Map<string, string> {
  const served = new Map<string, string>(
    Object.values(spares).flatMap(paths => paths.map(path => [basename(path), path] as const)),
  );
  for (const name of LOADER_NAMES) {
    const path = loaders[name];
    const file = wireName(loaders, name);
    if (path !== undefined && file !== undefined) served.set(file, path);
  }
  return served;
}

/** Returns the file's own name; with the architecture before it when another loader has the same name but is another file. */
export function wireName(loaders: Loaders, name: LoaderName): string | undefined {
  const path = loaders[name];
  if (path === undefined) return undefined;
  const file = basename(path);
  const clash = LOADER_NAMES.some(other => {
    const otherPath = loaders[other];
    return otherPath !== undefined && otherPath !== path && basename(otherPath) === file;
  });
  return clash ? `${name}-${file}` : file;
}
