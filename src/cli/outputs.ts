// Handles standard output and error that nobody reads any more (`muster modimg … | head -1`), or that are on a full disk.
import { reasonOf, systemCode } from '../errors.ts';

/** Whether the program ends when the reader of its output does. */
let endsWithReader = true;

/** For work that must not stop halfway: continues silently when its reader goes away. */
export function outliveReader(): void {
  endsWithReader = false;
}

export function watchOutputs(): void {
  // There is nowhere left to report it.
  process.stderr.on('error', () => {});
  process.stdout.on('error', error => {
    const isGone = systemCode(error) === 'EPIPE';
    if (!isGone) process.stderr.write(`ERROR: standard output cannot be written: ${reasonOf(error)}\n`);
    // A reader that goes away (`muster node ls | head`) is no failure.
    if (endsWithReader) process.exit(isGone ? 0 : 6);
    if (!isGone)
      process.once('exit', status => {
        if (status === 0) process.exitCode = 6;
      });
  });
}
