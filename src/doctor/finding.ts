// What the doctor checks, and its findings.
import type { Health } from '../api/daemon.ts';
import type { Config } from '../config.ts';

/** `skip`: could not be checked, for the reason in the text. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  /** The checked thing, one or two words. */
  check: string;
  verdict: Verdict;
  /** One sentence. */
  text: string;
  /** What to do about it: a sentence or a command line. */
  remedy?: string;
}

/** A node with its address. */
export interface AddressOwner {
  name: string;
  ip: string;
  isUp: boolean;
  /** The hardware addresses that are known of it. */
  macs: readonly string[];
}

/** The patient. */
export interface Patient {
  config: Config;
  /** The file the configuration was read from; undefined for the defaults. */
  file: string | undefined;
  /** What speaks for or against this configuration. */
  chosen: Finding;
  /** The running daemon, if one answers. */
  health: Health | undefined;
  /** Why none answers. */
  silence: string | undefined;
  /** Files that objects name and storage lacks, as the daemon reports. */
  missing: readonly { sha256: string; keptBy: readonly string[] }[];
  /** Files that are shorter than objects say, in bytes. */
  short: readonly { sha256: string; size: number; wanted: number; keptBy: readonly string[] }[];
  /** Stored files with wrong bytes; undefined when they were not read. */
  damaged: readonly { sha256: string; problem: string; keptBy: readonly string[] }[] | undefined;
  /** The nodes that have an address. */
  nodes: readonly AddressOwner[];
  isRoot: boolean;
  /** Whether a DISCOVER may be sent, and how long to wait for offers, in milliseconds. */
  probeMs: number | undefined;
}

export const finding =
  (check: string) =>
  (verdict: Verdict, text: string, remedy?: string): Finding => ({ check, verdict, text, ...(remedy && { remedy }) });
