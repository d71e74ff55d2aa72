// What a power driver is: it opens a URI, and what it opened switches one machine. Failures are MusterErrors with a code of their own.
import type { PowerUri } from '../model/power-uri.ts';
import type { Tools } from './tools.ts';

export type PowerState = 'on' | 'off';

/** What is read from a BMC now: `changing` between on and off, and `unknown` when it answers and does not say. Both pass by themselves. */
export type PowerReading = PowerState | 'changing' | 'unknown';

/** Where the machine boots from next, once. */
export type NextBoot = 'pxe' | 'disk';

export interface PowerTarget {
  /** For sentences: `BMC 172.45.88.39`. */
  readonly name: string;
  status(): Promise<PowerReading>;
  on(): Promise<void>;
  off(): Promise<void>;
  /** Off and on again; only asked of a machine that is on. Throws `NoCycle` when it can only be done in two steps. */
  cycle(): Promise<void>;
  reset(): Promise<void>;
  /** @param efi whether the machine's firmware was seen to be UEFI */
  bootNext(device: NextBoot, efi: boolean): Promise<void>;
  /** The words of a program that is the machine's console on its terminal; absent when there is none. */
  console?(): ConsoleProgram;
  /** Ends a login; never rejects. */
  close?(): Promise<void>;
}

export type ConsoleProgram =
  | { command: readonly string[]; env: Record<string, string>; package?: string }
  /** A Unix socket that is the serial line itself. */
  | { socket: string };

export interface PowerDriver {
  readonly scheme: string;
  /** Throws `power-failed` for a URI that fits the grammar and makes no sense. Speaks to nobody yet. */
  open(uri: PowerUri, tools: Tools): PowerTarget;
}
