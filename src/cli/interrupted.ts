// A signal ended the work: a separate error, which becomes the exit status that a shell would use.
import { constants } from 'node:os';

export class Interrupted extends Error {
  /** 128 and the signal's number, as a shell says it. */
  readonly status: number;

  constructor(name: NodeJS.Signals, outcome: string) {
    super(`Interrupted (${name}): ${outcome}.`);
    this.status = 128 + constants.signals[name];
  }
}
