// What is wrong with one of the head's files that a node asked for, as text for the timeline and the log.
import { reasonOf, systemCode } from '../../errors.ts';
import type { About, BootFileName } from '../faults.ts';

/** The file ends before the resource does: the head's storage is at fault, not the client. */
export class ShortFile extends Error {
  /** Bytes of the resource in the file, and in total. */
  readonly there: number;
  readonly wanted: number;

  constructor(there: number, wanted: number) {
    super(`the file has ${there} of ${wanted} bytes`);
    this.there = there;
    this.wanted = wanted;
  }
}

export interface StorageFault {
  error: string;
  fault: 'short-file' | 'unreadable-file';
  file: BootFileName;
  about?: About;
}

/** @param what the file's name for people: `stored kernel` @param path where it is, when the error may not name it */
export function storageFault(what: string, file: BootFileName, error: unknown, path?: string): StorageFault {
  if (error instanceof ShortFile) {
    const { there, wanted } = error;
    return {
      error: `the head's ${what} has ${there} of ${wanted} bytes`,
      fault: 'short-file',
      file,
      about: { have: there, want: wanted },
    };
  }
  const reason = reasonOf(error);
  const where = path === undefined || reason.includes(path) ? '' : ` (${path})`;
  return {
    error: `the head cannot read the ${what}: ${reason}${where}`,
    fault: 'unreadable-file',
    file,
    about: unreadable(error, path),
  };
}

/** Returns the facts about a file that cannot be read: the code of the error, and where the file is. */
export function unreadable(error: unknown, path?: string): About {
  const code = systemCode(error);
  const cause = error instanceof Error ? (error as NodeJS.ErrnoException) : undefined;
  const place = path ?? cause?.path;
  return { ...(code !== undefined && { name: code }), ...(place !== undefined && { have: place }) };
}
