// The verdict of `why`: its parts, and the rules about power.
import type { WhyFacts } from './why-case.ts';

/** `well`: nothing is wrong. `waiting`: nothing unusual yet. `stuck` and `failed`: somebody must act. */
export type Verdict = 'well' | 'waiting' | 'stuck' | 'failed';

export interface Why {
  verdict: Verdict;
  /** The rule that found it; the same fault has the same name. */
  rule: string;
  cause: string;
  remedy?: string;
  /** What would settle it; present when the cause is a guess, the likeliest that fits. */
  settle?: string;
  /** `certain` when the evidence leaves no other cause. */
  certainty: 'certain' | 'guess';
  /** What supports it: what was seen, and what was not. */
  evidence: string[];
}

/** Returns a verdict; one with `settle` is a guess. */
export function say(
  verdict: Verdict,
  rule: string,
  cause: string,
  remedy?: string,
  evidence: string[] = [],
  settle?: string,
): Why {
  const certainty = settle === undefined ? 'certain' : 'guess';
  return { verdict, rule, cause, ...(remedy && { remedy }), certainty, ...(settle && { settle }), evidence };
}

export const isOff = ({ power }: WhyFacts): boolean => power !== undefined && 'state' in power && power.state === 'off';

/** This ends the search: a node that is off answers nothing. */
export function poweredOff(before: string, evidence: string[] = []): Why {
  const cause = `Its BMC reports that it is off. ${before}.`;
  return say('stuck', 'powered-off', cause, 'Switch it on: `muster node power on`.', evidence);
}

/** Returns the BMC's report as evidence. */
export function powerSeen({ power }: WhyFacts): string[] {
  if (!power) return [];
  return ['state' in power ? `its BMC reports that it is ${power.state}` : `its power is not known: ${power.problem}`];
}
