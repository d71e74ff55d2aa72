// The verdict of `why`: what it is made of, and what its rules say of power.
import type { WhyFacts } from './why-case.ts';

/** `well`: nothing is wrong. `waiting`: nothing unusual yet. `stuck` and `failed`: somebody has to do something. */
export type Verdict = 'well' | 'waiting' | 'stuck' | 'failed';

export interface Why {
  verdict: Verdict;
  /** The rule that found it; the same fault has the same name. */
  rule: string;
  cause: string;
  remedy?: string;
  /** Present when the cause is a guess, the likeliest that fits: what would settle it. */
  settle?: string;
  /** `certain` when the evidence leaves no other cause. */
  certainty: 'certain' | 'guess';
  /** What was seen, and what was not, that says so. */
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

/** The end of the search: nothing that is off answers. */
export function poweredOff(before: string, evidence: string[] = []): Why {
  const cause = `Its BMC says that it is off. ${before}.`;
  return say('stuck', 'powered-off', cause, 'Switch it on: `muster node power on`.', evidence);
}

/** What the BMC said, as evidence. */
export function powerSeen({ power }: WhyFacts): string[] {
  if (!power) return [];
  return ['state' in power ? `its BMC says that it is ${power.state}` : `its power is not known: ${power.problem}`];
}
