// What a boot style is to the head: which parts of a boot config it needs, and which iPXE script starts it.
import type { BootStyle } from '../../model/values.ts';
import { iscsi } from './iscsi.ts';
import { live } from './live.ts';
import { roram } from './roram.ts';
import { rwram } from './rwram.ts';

export interface StyleRules {
  style: BootStyle;
  /** The file in boot-scripts/. */
  script: string;
  needsKernel: boolean;
  needsImage: boolean;
  /** Bytes of RAM the node needs for its root, at the peak and afterwards, without what runs there. */
  memory(image: { size: number; unpacked: number }): { peak: number; kept: number };
  /** What it does, for people. */
  summary: string;
}

/** The styles that this muster serves, one file each. */
export const STYLES: Partial<Record<BootStyle, StyleRules>> = { rwram, roram, iscsi, live };
