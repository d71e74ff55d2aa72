// The iPXE script of one boot: a file of boot-scripts/ with its placeholders filled in.
import { MusterError } from '../errors.ts';
import type { BootPlan } from './plan.ts';

/** Fills `@NAME@` placeholders; one that has no value is our own error, found by the tests over all scripts. */
export function fillTemplate(template: string, values: Record<string, string>): string {
  return template.replace(/@([A-Z_0-9]+)@/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new MusterError('internal', `a boot script has the unknown placeholder ${whole}`);
    return value;
  });
}

/** The script that boots a plan; `url` is the session's own, without a slash behind; `random` is from 0 to 1. */
export function renderScript(
  template: string,
  plan: BootPlan,
  url: string,
  random: () => number = Math.random,
): string {
  return fillTemplate(template, {
    URL: url,
    NODE: plan.node.name,
    STYLE: plan.style,
    BOOT_CONFIG: plan.bootConfig.name,
    CMDLINE: plan.cmdline,
    ...waits(random),
  });
}

/** The script for a node that cannot boot now: says why on its console, waits, and tries again from the start. */
export function renderRefusal(
  template: string,
  name: string,
  reason: string,
  random: () => number = Math.random,
): string {
  return fillTemplate(template, { NODE: printable(name), REASON: printable(reason), ...waits(random) });
}

/**
 * Seconds to wait before the tries that follow, longer each time and by chance up to twice as long: iPXE has no random numbers, so
 * that the head draws them for each script, and a cluster that failed together does not come back together.
 */
function waits(random: () => number): Record<string, string> {
  return Object.fromEntries(
    [2, 4, 8, 15, 30].map((least, index) => [`WAIT_${index + 1}`, String(Math.round(least * (1 + random())))]),
  );
}

/** Text for `echo`: nothing that iPXE would expand or take for an operator. */
function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replaceAll('${', '$ {')
    .split(' ')
    .map(word => (isOperator(word) ? `'${word}'` : word))
    .join(' ');
}

/** Words that iPXE takes for its own wherever they stand in a line; it has no quoting. */
export function isOperator(word: string): boolean {
  return ['||', '&&', ';'].includes(word) || word.startsWith('#');
}
