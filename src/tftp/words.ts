// Texts about transfers for the log and the timeline.
import { printable } from '../printable.ts';
import type { Terms } from './options.ts';

/** Returns a peer's text without control characters and without a session id, which is a capability. */
export function shown(text: string, most = 80): string {
  const clean = printable(text).replace(/(boot\/v1\/)[\w-]{20,}/g, '$1SESSION');
  return clean.length > most ? `${clean.slice(0, most)}...` : clean;
}

/** Whether a name is one of the boot plane's paths. */
export function isOfBoot(file: string): boolean {
  return /^\/*boot\/v1\//.test(file);
}

/** `snponly.efi, 187 kB in 0.4 s, blksize 1468`. */
export function transferWords(file: string, bytes: number, milliseconds: number, terms: Terms): string {
  const window = terms.windowSize > 1 ? `, windowsize ${terms.windowSize}` : '';
  const seconds = (milliseconds / 1000).toFixed(1);
  return `${shown(file)}, ${sizeWords(bytes)} in ${seconds} s, blksize ${terms.blockSize}${window}`;
}

function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * Files that loaders look for and do without: their absence does not count as a failed boot. iPXE asks for `autoexec.ipxe`, shim for
 * its revocations and certificates, U-Boot for its own script and for a device tree (a folder or a file below `dtb/`), a distribution's GRUB for lists of
 * modules and for a configuration of the node's own.
 */
const OPTIONAL = [
  /^autoexec\.ipxe$/,
  /^revocations.*\.efi$/,
  /^shim_certificate.*\.efi$/,
  /^boot\.scr(\.uimg)?$/,
  /^dtb$|\.dtb$/,
  /^(command|crypto|fs|terminal)\.lst$/,
  /^grub\.cfg-/,
];

export function isOptional(file: string): boolean {
  const base = file.replaceAll('\\', '/').replace(/\/+$/, '').split('/').at(-1) ?? '';
  return OPTIONAL.some(pattern => pattern.test(base));
}
