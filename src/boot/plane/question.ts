// What a booting node asks over HTTP or TFTP, and what it gets, as values: no socket, and nothing done yet.
import type { Boot, Seen } from '../boot.ts';
import type { BootPlan } from '../boot-plan.ts';
import type { StageNote } from '../journey.ts';

export interface Question {
  /** Of HTTP; a read request of TFTP is a GET. */
  method: string;
  /** The path as the request has it, with its query. */
  path: string;
  /** The address of the client. */
  ip: string;
  /** `address:port`; the address alone of a request that came without a connection. */
  peer: string;
  body?: string;
  /** A header of HTTP, by its name in small letters. */
  header?(name: string): string | undefined;
  /** Whether the client has closed its connection meanwhile. */
  hasLeft?(): Promise<boolean>;
}

/** What to send, and what to do before it leaves. */
export type Answer = TextAnswer | ScriptAnswer | FileAnswer | RefusedAnswer | NoAnswer;

export interface TextAnswer {
  say: 'text';
  status: number;
  /** Absent when only its headers are wanted and it would have to be made first. */
  text?: string | Buffer;
  /** The media type; plain text when absent. */
  type?: string;
  /** Whether the text may be kept by nobody on the way. */
  noStore?: boolean;
  effects?: readonly Effect[];
}

/** The text that boots a plan. It names the session, which is minted and durable before the text is made. */
export interface ScriptAnswer {
  say: 'script';
  mint: Mint;
  /** The file in boot-scripts/ that it is made of. */
  from: string;
  text(minted: Minted): string;
  effects?: never;
}

export interface FileAnswer {
  say: 'file';
  file: ServedFile;
  effects?: readonly Effect[];
  /** Set for a file that is sent to a few nodes at a time: the boot that waits for its turn, and its node. */
  turn?: { boot: string; node: string };
  /** What is done once it was sent, or as much of it as the client took. */
  sent(sent: Sent, seconds: number): readonly Effect[];
  /** What is done when the stored file cannot be read. */
  failed(error: unknown): readonly Effect[];
}

export interface RefusedAnswer {
  say: 'refused';
  status: number;
  reason: string;
  effects?: readonly Effect[];
}

/** For a client that has left: its connection is closed. */
export interface NoAnswer {
  say: 'nothing';
  effects?: never;
}

/** A byte range of a file, as clients see it. */
export interface ServedFile {
  path: string;
  /** First byte in the file, and how many belong to the resource. */
  offset: number;
  size: number;
  /** Strong validator without quotes: the SHA-256. */
  etag: string;
  /** When it was changed last, in milliseconds since 1970; undefined for what is named by its content. */
  modified?: number;
  /** The media type; bytes when absent. */
  type?: string;
}

export interface Sent {
  status: number;
  /** First byte sent, counted in the resource. */
  start: number;
  /** Bytes handed to the kernel. */
  bytes: number;
  /** Whether all that was asked for went out. */
  complete: boolean;
}

/** A session to be made. */
export interface Mint {
  plan: BootPlan;
  peer: string;
  /** Whether the script leaves the node to itself, so that the boot ends with it. */
  handsOver: boolean;
  /** Whether the script is all that the node fetches, and so uses up `_boot_once`. */
  takesOnce: boolean;
}

export interface Minted {
  /** The session's id. */
  id: string;
  boot: Boot;
}

/** Something that an answer brings about; each is done, and durable where it must be, before the answer leaves. */
export type Effect =
  | { do: 'note'; note: StageNote }
  /** A note for a boot that has no session in the question. */
  | { do: 'tell'; boot: Boot; note: Seen }
  /** `rarely`: one line a second for each client and text. */
  | { do: 'log'; level: 'info' | 'warn' | 'error'; more: Record<string, unknown>; text: string; rarely?: boolean }
  | { do: 'take-once'; boot: Boot }
  | {
      do: 'beat';
      boot: Boot;
      hardware: Record<string, string>;
      status: Record<string, string>;
      /** Milliseconds until the next one. */
      period: number;
    }
  | { do: 'installed'; boot: Boot; ip: string };

export function refuse(status: number, reason: string, effects: readonly Effect[] = []): RefusedAnswer {
  return { say: 'refused', status, reason, effects };
}

export function say(text: string | Buffer, more: Partial<TextAnswer> = {}): TextAnswer {
  return { say: 'text', status: 200, text, ...more };
}
