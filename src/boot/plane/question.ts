// What a booting node asks over HTTP or TFTP, and the answer, as values: no socket, and no effect yet.
import type { Boot, Seen } from '../boot.ts';
import type { BootPlan } from '../boot-plan.ts';
import type { Enrolment } from '../enrolment.ts';
import type { StageNote } from '../journey.ts';
import type { BundleTurn } from './bundle-turns.ts';

export interface Question {
  /** Of HTTP; a read request of TFTP is a GET. */
  method: string;
  /** The path of the request, with its query. */
  path: string;
  /** The address of the client. */
  ip: string;
  /** `address:port`; only the address for a request without a connection. */
  peer: string;
  body?: string;
  /** Whether it came over TLS, so that nobody else reads the answer. */
  isPrivate?: boolean;
  /** Returns an HTTP header, by its lower-case name. */
  header?(name: string): string | undefined;
  /** Returns whether the client has closed its connection in the meantime. */
  hasLeft?(): Promise<boolean>;
}

/** What to send, and what to do before it leaves. */
export type Answer = TextAnswer | ScriptAnswer | FileAnswer | RefusedAnswer | NoAnswer;

export interface TextAnswer {
  say: 'text';
  status: number;
  /** Absent when only the headers are needed and the text would have to be made first. */
  text?: string | Buffer;
  /** The media type; plain text when absent. */
  type?: string;
  /** Whether caches must not keep the text. */
  noStore?: boolean;
  /** The turn of a bundle; whoever sends the text ends it when the text has left memory. */
  turn?: BundleTurn;
  effects?: readonly Effect[];
}

/** The text that boots a plan. It names the session, which is minted and durable before the text is made. */
export interface ScriptAnswer {
  say: 'script';
  mint: Mint;
  /** Its file in boot-scripts/. */
  from: string;
  text(minted: Minted): string;
  effects?: never;
}

export interface FileAnswer {
  say: 'file';
  file: ServedFile;
  effects?: readonly Effect[];
  /** Set for a file that is sent to a few nodes at a time: the boot in the queue, and its node. */
  turn?: { boot: string; node: string };
  /** The effects after it was sent, or as much of it as the client accepted. */
  sent(sent: Sent, seconds: number): readonly Effect[];
  /** The effects if the stored file cannot be read. */
  failed(error: unknown): readonly Effect[];
}

export interface RefusedAnswer {
  say: 'refused';
  status: number;
  reason: string;
  /** Seconds until the client should ask again (RFC 9110 §10.2.3). */
  retryAfter?: number;
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
  /** First byte in the file, and the bytes of the resource. */
  offset: number;
  size: number;
  /** Strong validator without quotes: the SHA-256. */
  etag: string;
  /** Its last change, in milliseconds since 1970; undefined for files named by their content. */
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
  /** Whether everything requested was sent. */
  complete: boolean;
}

/** A session to mint. */
export interface Mint {
  plan: BootPlan;
  peer: string;
  /** Whether the script leaves the node to itself, so that it ends the boot. */
  handsOver: boolean;
  /** Whether the node fetches only the script, which therefore uses up `_boot_once`. */
  takesOnce: boolean;
}

export interface Minted {
  /** The session's id. */
  id: string;
  boot: Boot;
}

/** An effect of an answer; each is done, and durable where it must be, before the answer leaves. */
export type Effect =
  | { do: 'note'; note: StageNote }
  /** A note for a boot when the question has no session. */
  | { do: 'tell'; boot: Boot; note: Seen }
  /** `rarely`: one line a second for each client and text. */
  | { do: 'log'; level: 'info' | 'warn' | 'error'; more: Record<string, unknown>; text: string; rarely?: boolean }
  | { do: 'take-once'; boot: Boot }
  | {
      do: 'beat';
      boot: Boot;
      hardware: Record<string, string>;
      status: Record<string, string>;
      /** The hash of the claim for secrets that the agent made; its first heartbeat alone sets it. @see claims */
      claimHash?: string;
      /** Milliseconds until the next one. */
      period: number;
    }
  | { do: 'installed'; boot: Boot; ip: string }
  | { do: 'enrol'; plan: BootPlan; enrolment: Enrolment; peer: string }
  /** The client is the one that has the secrets of the boot from now on; `withClaim` sets it. @see claims */
  | { do: 'claim'; boot: Boot; hash: string }
  | { do: 'expire'; boot: Boot };

export function refuse(status: number, reason: string, effects: readonly Effect[] = []): RefusedAnswer {
  return { say: 'refused', status, reason, effects };
}

export function say(text: string | Buffer, more: Partial<TextAnswer> = {}): TextAnswer {
  return { say: 'text', status: 200, text, ...more };
}
