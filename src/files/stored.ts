// The contents of file sets in storage: archives as blobs, encrypted where a file in them is secret.
import { readFile } from 'node:fs/promises';
import { MusterError } from '../errors.ts';
import { isSealed, type Sealing } from '../sealing.ts';
import { readFileSet } from './read-set.ts';
import type { SetContent } from './set-content.ts';

/** A content as an object refers to it. */
interface Stored {
  sha256: string;
}

export class StoredSets {
  private readonly blobs: { path(sha256: string): string };
  private readonly sealing: Sealing;

  constructor(blobs: { path(sha256: string): string }, sealing: Sealing) {
    this.blobs = blobs;
    this.sealing = sealing;
  }

  /** Returns an archive as it is stored when a file in it is secret. */
  seal(archive: Buffer): Buffer {
    return this.sealing.seal(archive);
  }

  /**
   * Returns the archive of a set. Errors: `not-ready` when storage lacks it, `cannot-open` when it was encrypted with another key.
   * @param name of the set, for errors
   */
  async archive({ sha256 }: Stored, name: string): Promise<Buffer> {
    const bytes = await readFile(this.blobs.path(sha256)).catch((error: unknown) => {
      throw new MusterError(
        'not-ready',
        `The content of the file set ${name} is no longer in storage; store it again.`,
        { cause: error },
      );
    });
    return isSealed(bytes) ? this.sealing.open(bytes, `The content of the file set ${name}`) : bytes;
  }

  /** Returns what a set holds; errors as for `archive`. */
  async content(stored: Stored, name: string): Promise<SetContent> {
    return readFileSet(await this.archive(stored, name));
  }
}
