// Standard output and error that nobody reads any more (`muster modimg … | head -1`), or that lie on a full disk.
import { reasonOf, systemCode } from '../errors.ts';

/** Whether the program ends with the reader of its output. */
let endsWithReader = true;

/** For work that would be half done: it goes on when its reader goes away, and says no more. */
export function outliveReader(): void {
  endsWithReader = false;
}

export function watchOutputs(): void {
  // There is no place left to say it.
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
