// Files of a boot for a loader that has only TFTP: the boot plane's answer, which the TFTP server sends.
import type { BootFileName, Fault } from './faults.ts';
import type { Stage } from './journey.ts';

/** `name` is for people, since a path may hold a session, which is a capability. `file` is a part of the stored file, in bytes. */
export type BootFile =
  | { name: string; kind: BootFileName; stage: Stage; content: Buffer }
  | { name: string; kind: BootFileName; stage: Stage; path: string; file: { offset: number; size: number } }
  | { name: string; stage: Stage; refused: string; fault: Fault };

/** Answers the path of a URL for the node of an address; undefined when it is not a file of a boot. */
export type BootFiles = (path: string, ip: string) => Promise<BootFile | undefined>;
