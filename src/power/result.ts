// The result of one node's power request, and its text.
import { MusterError } from '../errors.ts';
import type { PowerReading, PowerState, PowerTarget } from './driver.ts';

export interface PowerResult {
  uid: string;
  name: string;
  /** The state: `on`, `off`, `went down (soft)`; the same text for the same result, so that nodes can be grouped. */
  text: string;
  /** How it was done, as in `text`: `soft`, `hard, after soft failed: …`, `by` another URI than the first. */
  how?: readonly string[];
  /** Of a failure: a row of src/errors.ts. */
  code?: MusterError['code'];
  hint?: string;
  /** What the BMC last reported. */
  state?: 'on' | 'off';
}

/** Returns the state; throws when there is none now. */
export function known(target: PowerTarget, reading: PowerReading): PowerState {
  if (reading === 'on' || reading === 'off') return reading;
  const words = reading === 'changing' ? 'says that the power is changing' : 'does not say whether the power is on';
  throw new MusterError('power-failed', `${target.name} ${words}; ask again in a moment`);
}

/** Returns a result with its text. */
export function done(result: Omit<PowerResult, 'text'>, text: string, how: readonly string[]): PowerResult {
  return { ...result, text: `${text}${howWords({ how })}`, ...(how.length > 0 && { how }) };
}

/** ` (soft)`, ` (hard, after …)`, or nothing. */
export function howWords({ how = [] }: Pick<PowerResult, 'how'>): string {
  return how.map(words => ` (${words})`).join('');
}

/** Returns why none of the URIs worked, with the code of the first. */
export function together(failures: readonly MusterError[]): MusterError | undefined {
  const [first, ...rest] = failures;
  if (!first || rest.length === 0) return first;
  return new MusterError(
    first.code,
    failures.map(error => error.message).join('; '),
    first.hint ? { hint: first.hint } : {},
  );
}
