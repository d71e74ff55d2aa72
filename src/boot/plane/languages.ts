// The script languages of the loaders, iPXE's and GRUB's: which file of boot-scripts/ a plan uses, and how it is filled in.

import type { BootPlan } from '../boot-plan.ts';
import type { IscsiAccess } from '../iscsi-access.ts';
import { renderGrubRefusal, renderGrubScript, renderRefusal, renderScript } from '../script.ts';
import { STYLES } from '../styles/style.ts';
import { type HeadFacts, loadersUrl, sessionUrl } from './session-values.ts';

/** The values for a script, besides the plan. */
export interface ScriptFacts {
  /** The session's id. */
  id: string;
  head: Pick<HeadFacts, 'address' | 'port' | 'syslogPort'>;
  /** What the boot logs in with over iSCSI, if its style does. */
  iscsi?: IscsiAccess | undefined;
  /** From 0 to 1, for the waits before the next try. */
  random?: (() => number) | undefined;
}

export interface Language {
  /** The path of the script, which names all other files. */
  path: string;
  /** The file for a node that cannot boot now. */
  refused: string;
  /** The file in boot-scripts/ for a plan. */
  file(plan: BootPlan): string;
  files: readonly string[];
  render(template: string, plan: BootPlan, facts: ScriptFacts): string;
  renderRefusal(template: string, name: string, reason: string, random?: () => number): string;
}

export const IPXE: Language = {
  path: '/boot/v1/script',
  refused: 'refused.ipxe',
  files: ['refused.ipxe', ...Object.values(STYLES).flatMap(style => style.scripts)],
  file: plan => STYLES[plan.style]?.script(plan) ?? 'refused.ipxe',
  render(template, plan, { id, head, iscsi, random }) {
    const syslog = head.syslogPort === 514 ? head.address : '';
    const more = { loaders: loadersUrl(head), syslog, ...(iscsi && { iscsi }) };
    return renderScript(template, plan, sessionUrl(head, id), more, random);
  },
  renderRefusal,
};

export const GRUB: Language = {
  path: '/boot/v1/grub.cfg',
  refused: 'refused.grub',
  files: ['refused.grub', 'netboot.grub', 'live.grub', 'local.grub'],
  file: plan => (STYLES[plan.style]?.handsOver ? 'local.grub' : plan.install ? 'live.grub' : 'netboot.grub'),
  render(template, plan, { id, head }) {
    const url = new URL(sessionUrl(head, id));
    return renderGrubScript(template, plan, url.host, url.pathname);
  },
  renderRefusal: renderGrubRefusal,
};

/** For a GRUB that has only TFTP, as signed ones do. */
export const GRUB_BY_TFTP: Language = {
  ...GRUB,
  path: '/boot/v1/tftp/grub.cfg',
  render(template, plan, { id, head }) {
    const url = new URL(sessionUrl(head, id));
    return renderGrubScript(template, plan, url.host, url.pathname, `tftp,${head.address}`);
  },
};

/** Reads every script that a plan may need, by name. */
export async function readScripts(
  template: (name: string) => Promise<string>,
  { files }: Language,
): Promise<Map<string, string>> {
  const names = new Set(files);
  return new Map(await Promise.all(Array.from(names, async name => [name, await template(name)] as const)));
}
