// One stage of a rehearsal, from what is said of it.
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
