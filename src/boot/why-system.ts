// What is wrong with a running system, from the facts of its agent or of the watcher that the initramfs left. Pure.
import type { PlanStyle } from './boot-plan.ts';
import { numberOf, type SystemFacts, unitNames } from './system-facts.ts';
import { mebibytes } from './why-words.ts';

export interface SystemTrouble {
  rule: 'root-readonly' | 'root-full' | 'memory-short' | 'root-filling' | 'units-failed';
  /** Whether the node cannot work; otherwise it is only worth a look. */
  isSerious: boolean;
  /** A clause: `its root is full: …`. */
  cause: string;
  remedy: string;
}

export interface SystemOf {
  name: string;
  style?: PlanStyle | undefined;
  facts: SystemFacts;
}

/** Free memory below this share is short; where the kernel counts stalls (PSI), only if it stalls. */
const SHORT_MEMORY = 0.02;
const STALLED_PERCENT = 10;
/** A root with less free than this share and this many kB is full; with more, it is filling. */
const FULL = { share: 0.01, kb: 64 * 1024 };
const FILLING = { share: 0.1, kb: 1024 * 1024 };

/** Returns the worst fault in the facts; undefined when nothing is wrong. */
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
    remedy: `Read its kernel messages: muster node -i ${name} exec 'dmesg -T | tail -50'. Replace the disk if it has errors (\`smartctl -a\`), then boot the node again.`,
  };
}

function rootFull(system: SystemOf): SystemTrouble | undefined {
  const { facts } = system;
  const files = numberOf(facts['root_inodes_free']);
  const isOutOfFiles = files === 0;
  if (!isOutOfFiles && !isBelow(facts, FULL)) return undefined;
  const what = isOutOfFiles ? 'it has no free inodes' : room(facts);
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
    remedy: `Find what uses it (\`muster node -i ${name} exec 'ps -eo rss,comm --sort -rss | head'\`) and stop it, or give the node more memory.`,
  };
}

function unitsFailed({ name, facts }: SystemOf): SystemTrouble | undefined {
  const units = unitNames(facts['failed_units']);
  if (units.length === 0) return undefined;
  return {
    rule: 'units-failed',
    isSerious: false,
    cause: `its system has ${units.length === 1 ? 'a failed unit' : `${units.length} failed units`}: ${units.join(', ')}`,
    remedy: `Find out why: muster node -i ${name} exec 'systemctl status ${units.slice(0, 3).join(' ')}'.`,
  };
}

/** A reboot empties a root in memory; a disk stays full. */
function makeRoom({ name, style, facts }: SystemOf): string {
  const find = `Find what fills it: muster node -i ${name} exec 'du -xm / | sort -n | tail'.`;
  if (style === 'disked') return `${find} Remove that, or give _disk_root a larger partition.`;
  if (style === 'installed') return `${find} Remove that, or give the root a larger partition.`;
  const size = numberOf(facts['root_total']);
  const layer = size === undefined ? 'its files' : `the ${kilobytes(size)} MiB for its files`;
  return `${find} Remove that, or reboot the node: ${layer} are in its memory. Let programs write to a disk or over the network, or boot it as disked.`;
}

function isBelow(facts: SystemFacts, { share, kb }: { share: number; kb: number }): boolean {
  const [total, free] = [numberOf(facts['root_total']), numberOf(facts['root_free'])];
  return total !== undefined && free !== undefined && total > 0 && free <= total * share && free < kb;
}

function room(facts: SystemFacts): string {
  return `${kilobytes(numberOf(facts['root_free']) ?? 0)} of ${kilobytes(numberOf(facts['root_total']) ?? 0)} MiB are free`;
}

const kilobytes = (kb: number): string => mebibytes(kb * 1024);
