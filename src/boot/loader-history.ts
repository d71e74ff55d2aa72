// Which loader a node gets after its experience with others: one that failed twice is replaced by the next. The DHCP server calls
// this for firmware when more than one loader is installed.
import { type Boot, furthestStage } from './boot.ts';
import { stageNumber } from './journey.ts';

/** After this many boots in which a loader was fetched and never spoke, the next one gets its turn. */
const CHANCES = 2;

/**
 * @param boots of one node, oldest first
 * @param files the served names of the loaders, best first
 */
export function loaderAfter(boots: readonly Boot[], files: readonly string[]): string | undefined {
  let failures = 0;
  let begin = 0;
  for (const boot of boots.toReversed()) {
    if (boot.loaderWanted) continue;
    const reached = stageNumber(furthestStage(boot) ?? 'offered');
    if (reached >= stageNumber('ipxe')) {
      // Continue with the one that worked last.
      begin = Math.max(0, files.indexOf(boot.loader ?? ''));
      break;
    }
    if (reached === stageNumber('loader')) failures += 1;
  }
  return files[(begin + Math.floor(failures / CHANCES)) % Math.max(1, files.length)];
}
