// What transfers need from sockets and time; the thread's loop provides it, and so does the simulation of the tests.

/** The sender of a datagram, or its recipient. */
export interface Client {
  address: string;
  port: number;
}

/** Consecutive blocks of a file's content, counted from 1. */
export interface Blocks {
  content: Buffer;
  blockSize: number;
  first: number;
  last: number;
}

/** A UDP socket. A packet that it cannot send is silently lost: the timer sends it again. */
export interface Datagrams {
  readonly port: number;
  /** Whether this machine still has unsent packets. */
  readonly waiting: boolean;
  send(bytes: Buffer, to: Client): void;
  /** Sends the blocks as DATA packets, with as few calls as the system allows. */
  sendBlocks(blocks: Blocks, to: Client): void;
  /** Resolves when the port is free. */
  close(): Promise<void>;
}

export interface Opening {
  address: string;
  /** 0 for any free one. */
  port: number;
  /** A bound socket, instead of opening one; it stays open. */
  fd?: number;
  /** Whether all clients of the server send to it. */
  busy?: boolean;
  /** The block size of windows that go out in one call. */
  cut?: number;
  /** Receives each datagram; the bytes are valid only during the call. */
  received(bytes: Buffer, from: Client): void;
  failed(reason: string): void;
}

export interface Alarm {
  /** Rings after `milliseconds`, instead of at the previous time. */
  set(milliseconds: number): void;
  stop(): void;
}

export interface SocketLoop {
  /** Opens a socket on an address of this machine; rejects when the port is taken or may not be used. */
  open(opening: Opening): Promise<Datagrams>;
  alarm(ring: () => void): Alarm;
  /** Returns the largest block that goes unfragmented from an address of this machine to another; undefined when unknown. */
  mostBlock?(from: string, to: string): number | undefined;
}

/** Room for the requests of a whole cluster that boots at once, and for its ACKs at a single port; bytes. */
export const BUSY_ROOM = 4 * 2 ** 20;
