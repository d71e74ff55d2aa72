// The wall clock of the head was set during a boot. That is no fault of the boot, but worth knowing.
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

export const CLOCK_RULE = 'head-clock-jumped';

export const CLOCK_REMEDY =
  'Let NTP keep the clock of the head (`timedatectl set-ntp true`) and never set it by hand. The boot needs no repair: its durations do not depend on that clock.';

/** Returns each jump of the clock since the boot began. */
export function clockSeen({ evidence }: Pick<Scene, 'evidence'>): string[] {
  return (evidence?.jumps ?? []).map(
    ({ by, ago }) =>
      `the clock of the head was set ${by > 0 ? 'forward' : 'back'} by ${span(Math.abs(by) / 1000)}, ${span(ago)} ago`,
  );
}

/** Returns the cause for a boot that continues although the clock jumped; undefined when it did not jump. */
export function clockCause(scene: Pick<Scene, 'evidence'>, cause: string): string | undefined {
  const last = clockSeen(scene).at(-1);
  return last && `${last.charAt(0).toUpperCase()}${last.slice(1)}, which does not stop the boot. ${cause}`;
}
