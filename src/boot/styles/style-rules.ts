// What a boot style is to the head: which parts of a boot config it needs, and which iPXE script starts it.
import type { BootStyle } from '../../model/values.ts';
import type { BootPlan } from '../boot-plan.ts';

export interface StyleRules {
  style: BootStyle;
  /** The files in boot-scripts/ that `script` chooses from. */
  scripts: readonly string[];
  script(plan: BootPlan): string;
  needsKernel: boolean;
  needsImage: boolean;
  /** With the script the node leaves muster's hands: no kernel of ours, no report, no heartbeat to wait for. */
  handsOver: boolean;
  /** Bytes of RAM the node needs for its root, at the peak and afterwards, without what runs there. */
  memory(image: { size: number; unpacked: number }): { peak: number; kept: number };
  /** What it does, for people. */
  summary: string;
}
