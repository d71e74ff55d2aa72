// A power driver opens a URI, and the result switches one machine. Failures are MusterErrors with their own code.
import type { PowerUri } from '../model/power-uri.ts';
import type { Tools } from './tools.ts';

export type PowerState = 'on' | 'off';

/** A BMC's current reading: `changing` between on and off, and `unknown` when it answers without a state. Both pass by themselves. */
export type PowerReading = PowerState | 'changing' | 'unknown';

/** Where the machine boots from next, once. */
export type NextBoot = 'pxe' | 'disk';

export interface PowerTarget {
  /** For sentences: `BMC 172.45.88.39`. */
  readonly name: string;
  status(): Promise<PowerReading>;
  on(): Promise<void>;
  off(): Promise<void>;
  /** Off and on again; only called for a machine that is on. Throws `NoCycle` when it needs two steps. */
  cycle(): Promise<void>;
  reset(): Promise<void>;
  /** @param efi whether the machine's firmware was seen to be UEFI */
  bootNext(device: NextBoot, efi: boolean): Promise<void>;
  /** Returns the arguments of a program that is the machine's console on its terminal; absent when there is none. */
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
  /** Throws `power-failed` for a URI that fits the grammar but makes no sense. Contacts nobody yet. */
  open(uri: PowerUri, tools: Tools): PowerTarget;
}
