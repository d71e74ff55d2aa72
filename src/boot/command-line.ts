// The kernel's command line: one text for all loaders. A line that a loader would change is refused before anything is sent.
import type { LoaderName } from '../config-values.ts';
import { maskUrls } from '../masking.ts';
import { isOperator } from '../model/values.ts';
import type { Networks } from '../networks.ts';
import type { Refused } from '../refused.ts';
import type { BootPlan } from './boot-plan.ts';
import { commandLine } from './install.ts';

/** Which loader passes the line on, and what it puts before it. */
export interface Handing {
  loader: 'ipxe' | 'grub';
  /** The URL of the session, without a trailing slash. */
  url: string;
  /** GRUB's name of the head: `http,ADDRESS:PORT` or `tftp,ADDRESS`. */
  device?: string;
  /** Whether the firmware is UEFI; assumed when unknown. */
  isEfi?: boolean;
}

/** The boot plane as a node sees it, and the node's firmware when known. */
export interface Plane {
  address: string;
  port: number;
  isEfi?: boolean;
}

/** @param arch of the firmware, as its last boot showed it */
export function planeOf(networks: Networks, port: number, ip: string, arch: LoaderName | undefined): Plane {
  const { head } = networks.of(ip) ?? networks.main;
  return { address: head, port, ...(arch !== undefined && { isEfi: arch !== 'bios' }) };
}

/** The line as the kernel gets it, and its words in the loader's script. */
export interface KernelLine {
  text: string;
  words: readonly string[];
}

/** COMMAND_LINE_SIZE of x86 and arm64 less the terminating zero, in bytes. */
export const MOST_BYTES = 2047;

/** The path by which GRUB fetches the kernel. */
const GRUB_KERNEL = '/boot/v1/kernel';

/** Returns the line as the kernel gets it from this loader, or why the loader cannot pass it on. */
export function kernelLine(
  plan: Pick<BootPlan, 'cmdline' | 'install' | 'ignition' | 'node'>,
  handing: Handing,
): KernelLine | Refused {
  const line = commandLine(plan, handing.url);
  const parameters = parametersOf(line);
  const problem = parameters === undefined ? 'has a double quote that is not closed' : problemOf(line);
  if (parameters === undefined || problem !== undefined) return { refused: `the cmdline ${problem}` };
  const words = handing.loader === 'grub' ? grubWords(parameters) : parameters;
  if ('refused' in words) return words;
  const given = handing.loader === 'grub' ? words.map(asGrubGives) : words;
  const text = [...before(plan, handing), ...given].join(' ');
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_BYTES)
    return {
      refused: `the kernel command line has ${bytes} bytes with what ${NAMES[handing.loader]} puts before it, and the kernel takes ${MOST_BYTES}: shorten the cmdline of the boot config or of the node`,
    };
  return { text, words };
}

const NAMES = { ipxe: 'iPXE', grub: 'GRUB' } as const;

/** How a node with this `_boot_loader` gets its line, in the session of this id. */
export function handingOf(loader: string | undefined, { address, port, isEfi }: Plane, id: string): Handing {
  const url = `http://${address}:${port}/boot/v1/${id}`;
  const efi = isEfi === undefined ? {} : { isEfi };
  if (loader === 'grub') return { loader, url, device: `http,${address}:${port}`, ...efi };
  if (loader === 'shim') return { loader: 'grub', url, device: `tftp,${address}`, ...efi };
  return { loader: 'ipxe', url, ...efi };
}

/** What the loader, or its script, puts before the line. */
function before({ install }: Pick<BootPlan, 'install'>, { loader, device = '', isEfi = true }: Handing): string[] {
  if (loader === 'grub') return [`BOOT_IMAGE=(${device})${GRUB_KERNEL}`];
  // iPXE adds the name of the kernel, on UEFI only
  return [...(isEfi ? ['kernel'] : []), ...(install ? [] : ['initrd=session']), 'initrd=initramfs'];
}

/** Splits a line as the kernel does (lib/cmdline.c): at white space outside double quotes. Undefined when a quote is not closed. */
export function parametersOf(line: string): string[] | undefined {
  if (line.split('"').length % 2 === 0) return undefined;
  return line.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
}

/** What no loader, or only iPXE, passes on unchanged: one line is for all of them. */
function problemOf(line: string): string | undefined {
  const [strange] = /[^\x20-\x7e\t]/.exec(line) ?? [];
  if (strange !== undefined) return `has the character '${strange}', and UEFI hands on ASCII alone`;
  const operator = line.split(/\s+/).find(isOperator);
  if (operator !== undefined) return `has the word '${operator}', which iPXE takes for its own; it cannot be handed on`;
  const wide = line.match(/"[^"]*"/g)?.find(quoted => /\s{2}|\t/.test(quoted));
  return wide === undefined ? undefined : `has several spaces in ${wide}, and iPXE would make one of them`;
}

/**
 * The words of GRUB's `linux` command. GRUB up to 2.12 puts a backslash before each " ' and \ of a word, and double quotes around
 * a word with a space. So a quoted parameter is passed without quotes: the kernel reads `name="a b"` and `"name=a b"` alike.
 */
function grubWords(parameters: readonly string[]): string[] | Refused {
  const words: string[] = [];
  for (const parameter of parameters) {
    if (parameter.includes('${'))
      return {
        refused: `the cmdline has ${maskUrls(parameter)}, and only iPXE puts a setting in its place: boot the node by iPXE`,
      };
    const [, name = '', inner] = /^([^"=]*=)?"([^"]*)"$/.exec(parameter) ?? [];
    const word = inner === undefined ? parameter : name + inner;
    const [sign] = /["'\\]/.exec(word) ?? [];
    if (sign !== undefined || word === '')
      return {
        refused: `the cmdline has ${sign ?? 'nothing'} in ${maskUrls(parameter)}, and GRUB would put a backslash before it: leave it out, or boot the node by iPXE`,
      };
    words.push(word);
  }
  return words;
}

const asGrubGives = (word: string): string => (word.includes(' ') ? `"${word}"` : word);
