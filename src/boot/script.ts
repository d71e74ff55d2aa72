// The script of one boot, for iPXE or for GRUB: a file of boot-scripts/ with its placeholders filled in.

import { MusterError } from '../errors.ts';
import { isOperator } from '../model/values.ts';
import { printable } from '../printable.ts';
import type { BootPlan } from './boot-plan.ts';
import { type Handing, kernelLine } from './command-line.ts';
import type { IscsiAccess } from './iscsi-access.ts';

/** Fills `@NAME@` placeholders; one without a value is our own error, found by the tests over all scripts. */
export function fillTemplate(template: string, values: Record<string, string>): string {
  return template.replace(/@([A-Z_0-9]+)@/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new MusterError('internal', `a boot script has the unknown placeholder ${whole}`);
    return value;
  });
}

/** Returns the script that boots a plan; `url` is the session's own, without a trailing slash; `random` is from 0 to 1. */
export function renderScript(
  template: string,
  plan: BootPlan,
  url: string,
  more: ScriptValues = {},
  random: () => number = Math.random,
): string {
  return fillTemplate(template, {
    ...localValues(plan, more),
    URL: url,
    NODE: plan.node.name,
    STYLE: plan.style,
    BOOT_CONFIG: plan.bootConfig.name,
    CMDLINE: wordsOf(plan, { loader: 'ipxe', url }).join(' '),
    ...waits(random),
  });
}

/**
 * The same for GRUB, with quoted words.
 * @param head `address:port` of the boot plane
 * @param path that of the session's URL
 * @param device GRUB's name for the head: `http,ADDRESS:PORT` or `tftp,ADDRESS`
 */
export function renderGrubScript(
  template: string,
  plan: BootPlan,
  head: string,
  path: string,
  device = `http,${head}`,
): string {
  return fillTemplate(template, {
    HEAD: head,
    DEVICE: device,
    PATH: path,
    NODE: plan.node.name,
    STYLE: plan.style,
    BOOT_CONFIG: plan.bootConfig.name,
    CMDLINE: grubQuoted(wordsOf(plan, { loader: 'grub', url: `http://${head}${path}`, device })),
  });
}

/** Returns words for GRUB's script. No word may have a single quote: GRUB has no way to write one inside quotes. */
export function grubQuoted(words: readonly string[]): string {
  return words.map(word => `'${word}'`).join(' ');
}

/** Returns the words of the kernel's command line; a plan with words that the loader cannot pass on never gets here. */
function wordsOf(plan: BootPlan, handing: Handing): readonly string[] {
  if (!plan.kernel) return [];
  const line = kernelLine(plan, handing);
  if ('refused' in line) throw new MusterError('internal', `A script was asked for although ${line.refused}.`);
  return line.words;
}

/** As `renderRefusal`, within GRUB's double quotes: its `echo` shows every sign as it is. */
export function renderGrubRefusal(template: string, name: string, reason: string): string {
  const plain = (text: string): string => printable(text).replace(/["$\\]/g, '\\$&');
  return fillTemplate(template, { NODE: plain(name), REASON: plain(reason) });
}

/** Further values for scripts of styles that boot from a disk. */
export interface ScriptValues {
  /** The address for iPXE's syslog on port 514; empty for none. */
  syslog?: string;
  /** The URL below which loader files are, without a trailing slash. */
  loaders?: string;
  /** What iPXE logs in with over iSCSI. */
  iscsi?: Pick<IscsiAccess, 'portal' | 'target' | 'initiator' | 'user' | 'secret'>;
}

function localValues(
  { sanboot }: BootPlan,
  { loaders = '', syslog = '', iscsi }: ScriptValues,
): Record<string, string> {
  const [address = '', port = ''] = iscsi?.portal.split(':') ?? [];
  // RFC 4173 §5: iscsi:<server>:<protocol>:<port>:<LUN>:<target>
  const ours = iscsi ? `iscsi:${address}::${port}:0:${iscsi.target}` : '';
  return {
    LOADERS: loaders,
    SYSLOG: syslog,
    SANBOOT: sanboot && 'words' in sanboot ? sanboot.words : ours,
    INITIATOR: iscsi?.initiator ?? '',
    USER: iscsi?.user ?? '',
    SECRET: iscsi?.secret ?? '',
  };
}

/** Returns the script for a node that cannot boot now: it shows the reason on its console, waits, and tries again from the start. */
export function renderRefusal(
  template: string,
  name: string,
  reason: string,
  random: () => number = Math.random,
): string {
  return fillTemplate(template, { NODE: forEcho(name), REASON: forEcho(reason), ...waits(random) });
}

/**
 * Seconds to wait before the next tries, longer each time and at random up to twice as long: iPXE has no random numbers, so the
 * head draws them for each script, and a cluster that failed together does not come back together.
 */
function waits(random: () => number): Record<string, string> {
  return Object.fromEntries(
    [2, 4, 8, 15, 30].map((least, index) => [`WAIT_${index + 1}`, String(Math.round(least * (1 + random())))]),
  );
}

/** Returns text for `echo` without anything that iPXE would expand or read as an operator. */
function forEcho(text: string): string {
  return printable(text)
    .replaceAll('${', '$ {')
    .split(' ')
    .map(word => (isOperator(word) ? `'${word}'` : word))
    .join(' ');
}
