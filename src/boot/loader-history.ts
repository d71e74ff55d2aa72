// Which loader a node gets after what it did with others: one that failed twice gives way to the next.
// Asked by the DHCP server for firmware, where more than one loader is installed.
import { type Boot, furthestStage } from './boot.ts';
import { stageNumber } from './journey.ts';

/** So many boots in which a loader was fetched and never spoke, and it is another one's turn. */
const CHANCES = 2;

/**
 * @param boots of one node, oldest first
 * @param files by which the loaders are served, best first
 */
export function loaderAfter(boots: readonly Boot[], files: readonly string[]): string | undefined {
  let failures = 0;
  let begin = 0;
  for (const boot of boots.toReversed()) {
    if (boot.loaderWanted) continue;
    const reached = stageNumber(furthestStage(boot) ?? 'offered');
    if (reached >= stageNumber('ipxe')) {
      // The one that worked last is the one to go on with.
      begin = Math.max(0, files.indexOf(boot.loader ?? ''));
      break;
    }
    if (reached === stageNumber('loader')) failures += 1;
  }
  return files[(begin + Math.floor(failures / CHANCES)) % Math.max(1, files.length)];
}
