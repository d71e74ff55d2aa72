// The figures of an image transfer.
/** An image in transfer to a node, or a node in the queue: a row of `muster boots`. */
export interface Transfer {
  node: string;
  boot: string;
  state: 'running' | 'queued';
  /** Bytes of the image that the node has, and in total. */
  done: number;
  size: number;
  /** Bytes per second of a running transfer. */
  rate?: number;
  /** Seconds since the network last accepted bytes of a running transfer. */
  idle?: number;
  /** It was cut off and has not come back yet; for one in the queue. */
  cut?: true;
  /** Place in the queue, from 1. */
  place?: number;
  /** Seconds until it is done, or until its turn; absent when unknown. */
  seconds?: number;
}
