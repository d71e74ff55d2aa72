// Counts bytes on their way.
import { Transform } from 'node:stream';

/** Passes bytes on, and shows each piece. */
export function counted(saw: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      saw(chunk);
      next(null, chunk);
    },
  });
}
