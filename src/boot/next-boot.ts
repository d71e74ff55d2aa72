// Which notes begin a new boot of a node. A decision, without state.
import { type Boot, furthestStage } from './boot.ts';
import { quietOf } from './boot-time.ts';
import { type Stage, stageNumber } from './journey.ts';

/** Without news for this long, the next DISCOVER is a new boot even at the first stages. Milliseconds. */
const QUIET_MS = 10 * 60_000;

/** What a note means for a node: it belongs to the newest boot, begins another one, or belongs to no boot. */
export type Belongs = 'current' | 'new' | 'none';

/**
 * Loaders are sent to everyone who asks, so a user of the running node could ask too: a loader begins a boot only for a node with
 * firmware that got its address a moment ago.
 * @param mayBegin whether the node may begin a boot now, see `Grants` @param now milliseconds of a clock that never goes back
 */
export function belongsTo(current: Boot | undefined, stage: Stage, mayBegin: boolean, now: number): Belongs {
  if (!current) return 'new';
  if (!beganAnew(current, stage, now)) return 'current';
  return stage === 'loader' && !mayBegin ? 'none' : 'new';
}

function beganAnew(boot: Boot, stage: Stage, now: number): boolean {
  // The loader of the local disk, which the script of `next` fetches.
  if (boot.outcome === 'handed-over' && stage === 'loader') return false;
  if (boot.outcome) return stageNumber(stage) <= stageNumber('script');
  const reached = furthestStage(boot);
  if (!reached) return false;
  const quiet = quietOf(boot, now) > QUIET_MS;
  // Firmware repeats a stage at will; a firmware DHCP after the loader, or any DHCP after the script, is another power-on.
  if (stage === 'offered' || stage === 'addressed')
    return quiet || stageNumber(reached) >= stageNumber(stage === 'offered' ? 'loader' : 'ipxe');
  if (stage === 'ipxe') return quiet || stageNumber(reached) >= stageNumber('script');
  return stage === 'script' && stageNumber(reached) >= stageNumber('initramfs');
}
