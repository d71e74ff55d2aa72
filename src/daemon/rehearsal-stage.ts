// One stage of a rehearsal, from the texts about it.
import type { RehearsedStage } from '../api/rehearsal.ts';
import { type Stage, stageNumber } from '../boot/journey.ts';

export function stage(
  name: Stage,
  result: RehearsedStage['result'],
  summary: string,
  more: Partial<RehearsedStage> = {},
): RehearsedStage {
  return { number: stageNumber(name), stage: name, result, summary, lines: [], ...more };
}
