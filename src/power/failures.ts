// Failures of a BMC that callers handle.
import { MusterError } from '../errors.ts';

/** The machine has no single action for off and on. */
export class NoCycle extends MusterError {
  constructor(message: string) {
    super('power-failed', message);
    this.name = 'NoCycle';
  }
}

/** A BMC that cannot answer now and may say for how long. */
export class BmcBusy extends MusterError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super('bmc-busy', message);
    this.name = 'BmcBusy';
    this.retryAfterMs = retryAfterMs;
  }
}
