// What is wrong with a system that runs, by the facts that its agent reports, or the watcher that the initramfs left. Pure.
import type { BootStyle } from '../model/values.ts';
import { numberOf, type SystemFacts, unitNames } from './system-facts.ts';
import { mebibytes } from './why-words.ts';

export interface SystemTrouble {
  rule: 'root-readonly' | 'root-full' | 'memory-short' | 'root-filling' | 'units-failed';
  /** Whether the node cannot do its work; otherwise it is worth a look. */
  isSerious: boolean;
  /** A clause: `its root is full: …`. */
  cause: string;
  remedy: string;
}

export interface SystemOf {
  name: string;
  style?: BootStyle | undefined;
  facts: SystemFacts;
}

/** Less free memory than this share of all is short; where the kernel counts stalls (PSI), only when it stalls. */
const SHORT_MEMORY = 0.02;
const STALLED_PERCENT = 10;
/** A root with less than this share and less than this many kB free is full; with more, it fills. */
const FULL = { share: 0.01, kb: 64 * 1024 };
const FILLING = { share: 0.1, kb: 1024 * 1024 };

/** Returns the worst that the facts say; undefined when nothing is wrong. */
export function systemTrouble(system: SystemOf): SystemTrouble | undefined {
  return rootReadonly(system) ?? rootFull(system) ?? memoryShort(system) ?? rootFilling(system) ?? unitsFailed(system);
}

/** The kernel makes a root read-only when it cannot write to its disk. */
function rootReadonly({ name, facts }: SystemOf): SystemTrouble | undefined {
  if (facts['root_readonly'] !== 'yes') return undefined;
  return {
    rule: 'root-readonly',
    isSerious: true,
    cause: 'its root has become read-only: its kernel could not write to the disk behind it',
    remedy: `Read what its kernel says: muster node -i ${name} exec 'dmesg -T | tail -50'. Replace the disk when it has errors (\`smartctl -a\`), then boot the node again.`,
  };
}

function rootFull(system: SystemOf): SystemTrouble | undefined {
  const { facts } = system;
  const files = numberOf(facts['root_inodes_free']);
  const isOutOfFiles = files === 0;
  if (!isOutOfFiles && !isBelow(facts, FULL)) return undefined;
  const what = isOutOfFiles ? 'it can hold no more files' : room(facts);
  return { rule: 'root-full', isSerious: true, cause: `its root is full: ${what}`, remedy: makeRoom(system) };
}

function rootFilling(system: SystemOf): SystemTrouble | undefined {
  if (!isBelow(system.facts, FILLING)) return undefined;
  const cause = `its root is nearly full: ${room(system.facts)}`;
  return { rule: 'root-filling', isSerious: false, cause, remedy: makeRoom(system) };
}

function memoryShort({ name, facts }: SystemOf): SystemTrouble | undefined {
  const [total, free, stalled] = [facts['ram_total'], facts['ram_free'], facts['memory_pressure']].map(numberOf);
  if (total === undefined || free === undefined || free > total * SHORT_MEMORY) return undefined;
  if (stalled !== undefined && stalled < STALLED_PERCENT) return undefined;
  const kills = numberOf(facts['oom_kills']) ?? 0;
  const waits = stalled === undefined ? '' : `, and it waits for memory ${stalled.toFixed(0)} % of the time`;
  const killed = kills > 0 ? `; the kernel has killed ${kills} of its processes` : '';
  return {
    rule: 'memory-short',
    isSerious: true,
    cause: `its memory is used up: ${kilobytes(free)} of ${kilobytes(total)} MiB are free${waits}${killed}`,
    remedy: `Find what uses it (\`muster node -i ${name} exec 'ps -eo rss,comm --sort -rss | head'\`), and end it or give the node more memory.`,
  };
}

function unitsFailed({ name, facts }: SystemOf): SystemTrouble | undefined {
  const units = unitNames(facts['failed_units']);
  if (units.length === 0) return undefined;
  return {
    rule: 'units-failed',
    isSerious: false,
    cause: `its system has ${units.length === 1 ? 'a failed unit' : `${units.length} failed units`}: ${units.join(', ')}`,
    remedy: `Look at why: muster node -i ${name} exec 'systemctl status ${units.slice(0, 3).join(' ')}'.`,
  };
}

/** What fills a root in memory is lost at a reboot; what fills a disk stays. */
function makeRoom({ name, style, facts }: SystemOf): string {
  const find = `Find what fills it: muster node -i ${name} exec 'du -xm / | sort -n | tail'.`;
  if (style === 'disked') return `${find} Remove that, or give _disk_root a larger partition.`;
  const size = numberOf(facts['root_total']);
  const layer = size === undefined ? 'what is written' : `the ${kilobytes(size)} MiB for what is written`;
  return `${find} Remove that, or reboot the node: ${layer} are its memory. Let programs write to a disk or over the network, or boot it as disked.`;
}

function isBelow(facts: SystemFacts, { share, kb }: { share: number; kb: number }): boolean {
  const [total, free] = [numberOf(facts['root_total']), numberOf(facts['root_free'])];
  return total !== undefined && free !== undefined && total > 0 && free <= total * share && free < kb;
}

function room(facts: SystemFacts): string {
  return `${kilobytes(numberOf(facts['root_free']) ?? 0)} of ${kilobytes(numberOf(facts['root_total']) ?? 0)} MiB are free`;
}

const kilobytes = (kb: number): string => mebibytes(kb * 1024);
