// The languages of boot scripts: iPXE's and GRUB's. A row says which files a plan may need and how one is filled in.
import type { Boot } from '../boot/boot.ts';
import { readsOverIscsi } from '../boot/iscsi-access.ts';
import type { BootPlan } from '../boot/plan.ts';
import { renderGrubRefusal, renderGrubScript, renderRefusal, renderScript } from '../boot/script.ts';
import { STYLES } from '../boot/styles/style.ts';
import type { BootPlanePorts } from './ports.ts';
import { loadersUrl, sessionUrl } from './session-values.ts';

/** What differs between the loaders that ask for a script. */
export interface Language {
  refused: string;
  /** The file in boot-scripts/ for a plan. */
  file(plan: BootPlan): string;
  files: readonly string[];
  render(template: string, plan: BootPlan, id: string, ports: BootPlanePorts, boot: Boot): string;
  renderRefusal(template: string, name: string, reason: string): string;
}

export const IPXE: Language = {
  refused: 'refused.ipxe',
  files: ['refused.ipxe', ...Object.values(STYLES).flatMap(style => style.scripts)],
  file: plan => STYLES[plan.style]?.script(plan) ?? '',
  render(template, plan, id, ports, boot) {
    const iscsi = readsOverIscsi(plan) ? ports.iscsiAccess?.(boot, plan) : undefined;
    const more = { loaders: loadersUrl(ports.head(plan.node.ip)), ...(iscsi && { iscsi }) };
    return renderScript(template, plan, sessionUrl(ports.head(plan.node.ip), id), more);
  },
  renderRefusal,
};

export const GRUB: Language = {
  refused: 'refused.grub',
  files: ['refused.grub', 'netboot.grub', 'live.grub', 'local.grub'],
  file: plan => (STYLES[plan.style]?.handsOver ? 'local.grub' : plan.install ? 'live.grub' : 'netboot.grub'),
  render(template, plan, id, ports) {
    const url = new URL(sessionUrl(ports.head(plan.node.ip), id));
    return renderGrubScript(template, plan, url.host, url.pathname);
  },
  renderRefusal: renderGrubRefusal,
};
