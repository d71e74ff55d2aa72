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

/** @param what the file's name for people: `stored kernel` */
export function storageFault(what: string, file: BootFileName, error: unknown): StorageFault {
  if (error instanceof ShortFile) {
    const { there, wanted } = error;
    return {
      error: `the head's ${what} has ${there} of ${wanted} bytes`,
      fault: 'short-file',
      file,
      about: { have: there, want: wanted },
    };
  }
  const code = systemCode(error);
  return {
    error: `the head cannot read the ${what}: ${reasonOf(error)}`,
    fault: 'unreadable-file',
    file,
    ...(code !== undefined && { about: { name: code } }),
  };
}
