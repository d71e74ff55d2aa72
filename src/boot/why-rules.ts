// What a rule of `why` is, and the text that rules share. Rules read the facts of events and never their text.
import type { BootEvent } from './boot.ts';
import type { Fault } from './faults.ts';
import type { Stage } from './journey.ts';
import { STYLES } from './styles/style.ts';
import type { Case } from './why-case.ts';

/** A reported fault. */
export interface ErrorRule {
  /** The name that `why` gives it, if not the fault's name. */
  rule?: string;
  /** Replaces the event's text, which its reporter wrote for people. */
  cause?(situation: Case, event: BootEvent): string;
  remedy(situation: Case, event: BootEvent): string;
  /** Makes it a guess: what would settle it, as an imperative clause. */
  settle?(situation: Case, event: BootEvent): string | undefined;
  /** Faults that explain this one better, if one of them occurred in the same boot. */
  because?: readonly Fault[];
}

/** A silence after a stage. */
export interface StallRule {
  name: string;
  /** The last stage reached. */
  after: readonly Stage[];
  when?(situation: Case): boolean;
  /** What is worth knowing before the rule applies, as a clause. */
  hint?(situation: Case): string;
  /** Seconds of silence after which the rule applies, if not the usual patience for the stage. */
  patience?(situation: Case): number;
  cause(situation: Case): string;
  remedy(situation: Case): string;
  /** Makes it a guess: what would settle it, as an imperative clause. */
  settle?(situation: Case): string;
}

export const configOf = ({ boot }: Case): string => boot.plan?.bootConfig.name ?? 'NAME';
export const imageOf = ({ boot }: Case): string => boot.plan?.image?.name ?? 'NAME';
export const releaseOf = ({ boot }: Case): string => boot.plan?.bootConfig.release ?? '';

/** Returns the boot styles that run the boot's image with less memory than its own style needs. Its own style is never among them. */
export function lighterStyles({ boot }: Case): string[] {
  const own = boot.plan && STYLES[boot.plan.style];
  const image = boot.plan?.image;
  if (!own || !image) return [];
  const need = own.memory(image).peak;
  return Object.values(STYLES)
    .filter(({ needsImage, style, memory }) => needsImage && style !== own.style && memory(image).peak < need)
    .map(({ style }) => style);
}

/** Loaders to try, and the file names that show which one a node got. */
const LOADERS = [
  { file: /^grub/, name: 'grub', words: '`_boot_loader=grub`' },
  { file: /^(?:ipxe\.efi|undionly)/, name: 'ipxe', words: 'ipxe.efi instead of snponly.efi under [loaders]' },
  { file: /^shim/, name: 'shim', words: 'with Secure Boot, `_boot_loader=shim`' },
] as const;

/** Returns the loaders to try instead of the one the node got: all, or those named. */
export function otherLoaders({ boot }: Case, ...names: readonly ('grub' | 'ipxe' | 'shim')[]): string[] {
  return LOADERS.filter(
    ({ file, name }) => !file.test(boot.loader ?? '') && (names.length === 0 || names.includes(name)),
  ).map(({ words }) => words);
}

/** `a`, `a or b`, `a, b, or c`. */
export function either(words: readonly string[]): string {
  if (words.length < 3) return words.join(' or ');
  return `${words.slice(0, -1).join(', ')}, or ${words.at(-1)}`;
}
