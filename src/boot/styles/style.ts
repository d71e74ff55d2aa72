// The boot styles.
import type { BootStyle } from '../../model/values.ts';
import type { PlanStyle } from '../boot-plan.ts';
import { disked } from './disked.ts';
import { iscsi } from './iscsi.ts';
import { live } from './live.ts';
import { next } from './next.ts';
import { roram } from './roram.ts';
import { rwram } from './rwram.ts';
import { sanboot } from './sanboot.ts';
import type { StyleRules } from './style-rules.ts';

/** The styles that this muster serves, one file each. */
export const STYLES: Readonly<Record<BootStyle, StyleRules> & Partial<Record<PlanStyle, StyleRules>>> = {
  ...{ rwram, roram, iscsi, disked, live, next, sanboot },
};
