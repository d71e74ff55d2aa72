// What transfers need of sockets and of time: the thread's own loop has it, and the simulation of the tests.

/** Who sent a datagram, or is to have one. */
export interface Client {
  address: string;
  port: number;
}

/** Blocks of a file's content that follow each other, counted from 1. */
export interface Blocks {
  content: Buffer;
  blockSize: number;
  first: number;
  last: number;
}

/** A UDP socket. What it cannot send is a lost packet without a word: the timer sends it again. */
export interface Datagrams {
  readonly port: number;
  /** Whether this machine has not sent yet all that it was given. */
  readonly waiting: boolean;
  send(bytes: Buffer, to: Client): void;
  /** Sends the blocks as DATA packets, by as few calls as the system allows. */
  sendBlocks(blocks: Blocks, to: Client): void;
  /** Resolves when the port is free. */
  close(): Promise<void>;
}

export interface Opening {
  address: string;
  /** 0 for any free one. */
  port: number;
  /** A bound socket, in place of one to be opened; it stays open. */
  fd?: number;
  /** Whether all clients of the server send to it. */
  busy?: boolean;
  /** The block size of windows that are to go out by one call. */
  cut?: number;
  /** Is given each datagram; the bytes are there during the call only. */
  received(bytes: Buffer, from: Client): void;
  failed(reason: string): void;
}

export interface Alarm {
  /** Rings after so many milliseconds, instead of when it was to before. */
  set(milliseconds: number): void;
  stop(): void;
}

export interface SocketLoop {
  /** Opens a socket on an address of this machine; rejects when the port is taken or may not be used. */
  open(opening: Opening): Promise<Datagrams>;
  alarm(ring: () => void): Alarm;
  /** The largest block that goes unfragmented from an address of this machine to another; undefined when that is not known. */
  mostBlock?(from: string, to: string): number | undefined;
}

/** Room for the requests of a whole cluster that is switched on at once, and for its ACKs at a single port; bytes. */
export const BUSY_ROOM = 4 * 2 ** 20;
