// The error for work that a signal ended; it becomes the exit status that a shell would use.
import { constants } from 'node:os';

export class Interrupted extends Error {
  /** 128 plus the signal's number, as in a shell. */
  readonly status: number;

  constructor(name: NodeJS.Signals, outcome: string) {
    super(`Interrupted (${name}): ${outcome}.`);
    this.status = 128 + constants.signals[name];
  }
}
