// Messages between the event loop and a sending thread.
/** To a thread: a piece of a file to send into a connection, or an order to stop. */
export type ToSender =
  | { kind: 'send'; id: number; socket: number; file: number; position: number; length: number }
  | { kind: 'drop'; id: number };

/** From a thread, for each job that has news. */
export interface FromSender {
  id: number;
  /** Bytes that the connection accepted since the last news. */
  bytes: number;
  /** The thread has released both descriptors. */
  ended: boolean;
  /** Reading took so long that the file was hardly in the page cache. */
  slow: boolean;
  /** The peer reset the connection. */
  reset: boolean;
}
