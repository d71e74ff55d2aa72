// A signal ended the work: an error of its own, which the program's end tells by the status that a shell would give.
import { constants } from 'node:os';

export class Interrupted extends Error {
  /** 128 and the signal's number, as a shell says it. */
  readonly status: number;

  constructor(name: NodeJS.Signals, outcome: string) {
    super(`Interrupted (${name}): ${outcome}.`);
    this.status = 128 + constants.signals[name];
  }
}
