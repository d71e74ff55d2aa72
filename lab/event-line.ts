// A line for each thing that happens in a boot, for the person who watches `muster lab`.
import type { BootEvent } from '../src/api/boots.ts';
import { JOURNEY, stageNumber } from '../src/boot/journey.ts';

/**
 * Returns a line such as `n0    3.2 s   3/10 loader     snponly.efi, 1.0 MB in 0.4 s`.
 * @param powered when the node was switched on, in milliseconds since 1970, as events have their time
 */
export function eventLine(node: string, event: BootEvent, powered: number): string {
  const at = ((event.at - powered) / 1000).toFixed(1).padStart(6);
  const stage = `${String(stageNumber(event.stage)).padStart(2)}/${JOURNEY.length} ${event.stage.padEnd(9)}`;
  const words = event.error ? `FAILED: ${event.error}` : (event.detail ?? '');
  return `${node.padEnd(4)}${at} s  ${stage}  ${words}`.trimEnd();
}
