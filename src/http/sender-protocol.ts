// What the event loop and a sending thread say to each other.
/** To a thread: a piece of a file to send into a connection, or that no more of it is wanted. */
export type ToSender =
  | { kind: 'send'; id: number; socket: number; file: number; position: number; length: number }
  | { kind: 'drop'; id: number };

/** From a thread, for each job that has news. */
export interface FromSender {
  id: number;
  /** Bytes that the connection took since the last news. */
  bytes: number;
  /** The thread has let go of both descriptors. */
  ended: boolean;
  /** Reading took so long that the file can hardly have been in the page cache. */
  slow: boolean;
}
