// The iPXE script of one boot: a file of boot-scripts/ with its placeholders filled in.
import { MusterError } from '../errors.ts';
import { commandLine } from './install.ts';
import type { BootPlan } from './plan.ts';

/** Fills `@NAME@` placeholders; one that has no value is our own error, found by the tests over all scripts. */
export function fillTemplate(template: string, values: Record<string, string>): string {
  return template.replace(/@([A-Z_]+)@/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new MusterError('internal', `a boot script has the unknown placeholder ${whole}`);
    return value;
  });
}

/** The script that boots a plan; `url` is the session's own, without a slash behind. */
export function renderScript(template: string, plan: BootPlan, url: string): string {
  return fillTemplate(template, {
    URL: url,
    NODE: plan.node.name,
    STYLE: plan.style,
    BOOT_CONFIG: plan.bootConfig.name,
    CMDLINE: commandLine(plan, url),
  });
}

/** The script for a node that cannot boot now: says why on its console, waits, and tries again from the start. */
export function renderRefusal(template: string, name: string, reason: string): string {
  return fillTemplate(template, { NODE: printable(name), REASON: printable(reason) });
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
