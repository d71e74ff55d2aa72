// What the head knows about a boot style: which parts of a boot config it needs, and which iPXE script starts it.
import type { BootStyle } from '../../model/values.ts';
import type { BootPlan } from '../boot-plan.ts';

export interface StyleRules {
  style: BootStyle;
  /** The files in boot-scripts/ that `script` chooses from. */
  scripts: readonly string[];
  script(plan: BootPlan): string;
  needsKernel: boolean;
  needsImage: boolean;
  /** The script takes the node out of muster's control: no kernel of ours, no report, no heartbeat to expect. */
  handsOver: boolean;
  /** Bytes of RAM that the node needs for its root, at the peak and afterwards, without running programs. */
  memory(image: { size: number; unpacked: number }): { peak: number; kept: number };
  /** What it does, for people. */
  summary: string;
}
