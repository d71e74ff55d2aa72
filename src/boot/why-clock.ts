// The wall clock of the head was set while a boot was under way: no fault of the boot, and worth to be known.
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

export const CLOCK_RULE = 'head-clock-jumped';

export const CLOCK_REMEDY =
  'Let NTP keep the clock of the head (`timedatectl set-ntp true`), so that it is never set by hand. The boot needs nothing: durations count by a clock that nobody sets.';

/** Returns each jump of the clock since the boot began. */
export function clockSeen({ evidence }: Pick<Scene, 'evidence'>): string[] {
  return (evidence?.jumps ?? []).map(
    ({ by, ago }) =>
      `the clock of the head was set ${by > 0 ? 'forward' : 'back'} by ${span(Math.abs(by) / 1000)}, ${span(ago)} ago`,
  );
}

/** Returns the cause of a boot that goes on although the clock jumped; undefined when it did not. */
export function clockCause(scene: Pick<Scene, 'evidence'>, cause: string): string | undefined {
  const last = clockSeen(scene).at(-1);
  return last && `${last.charAt(0).toUpperCase()}${last.slice(1)}, and the boot is not stopped by that. ${cause}`;
}
