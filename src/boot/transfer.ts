// An image that is sent, in figures.
/** An image on its way to a node, or a node that waits for its turn: a row of `muster boots`. */
export interface Transfer {
  node: string;
  boot: string;
  state: 'running' | 'queued';
  /** Bytes of the image that the node has, and all. */
  done: number;
  size: number;
  /** Bytes per second; of one that runs. */
  rate?: number;
  /** Seconds since the network took bytes; of one that runs. */
  idle?: number;
  /** It was cut off in the middle and has not come back yet; of one in the queue. */
  cut?: true;
  /** Place in the queue, from 1. */
  place?: number;
  /** Seconds until it is done, or until its turn; absent when nothing is known yet. */
  seconds?: number;
}
