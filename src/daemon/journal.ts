// Log lines for the journal: each begins with its priority in sd-daemon(3)'s form, `<4>` for a warning.

import { fstatSync } from 'node:fs';
import { Writable } from 'node:stream';
import { own } from '../own.ts';

const PRIORITIES: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** Returns standard error; under systemd, whose journal reads it, with priorities. */
export function logDestination(environment: NodeJS.ProcessEnv, output: NodeJS.WritableStream): NodeJS.WritableStream {
  if (!isJournal(environment['JOURNAL_STREAM'])) return output;
  return new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, next) {
      output.write(withPriority(line.toString()), () => next());
    },
  });
}

/** Returns whether standard error is still the stream that systemd named (systemd.exec(5)): a service's child inherits only the variable. */
function isJournal(stream: string | undefined): boolean {
  const { dev, ino } = fstatSync(2);
  return stream === `${dev}:${ino}`;
}

/** Returns a line of the log (JSON that begins with its level) preceded by its priority. */
export function withPriority(line: string): string {
  const level = /^\{"level":"(\w+)"/.exec(line)?.[1] ?? 'info';
  return `<${own(PRIORITIES, level) ?? 6}>${line}`;
}
