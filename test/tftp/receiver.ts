// The client's side of a transfer, without sockets: the tests' own reading of RFC 1350 and RFC 7440.

/** What a received block makes the client do. */
export interface Reaction {
  /** The block number to acknowledge, when one is to be. */
  ack?: number;
  done?: boolean;
}

export class Receiver {
  readonly parts: Buffer[] = [];
  done = false;
  private readonly blockSize: number;
  private readonly windowSize: number;
  private received = 0;
  private unacknowledged = 0;

  constructor(blockSize: number, windowSize: number) {
    this.blockSize = blockSize;
    this.windowSize = windowSize;
  }

  get content(): Buffer {
    return Buffer.concat(this.parts);
  }

  /** The number of the last block that came in order. */
  get last(): number {
    return this.received & 0xffff;
  }

  block(number: number, data: Buffer): Reaction {
    if (this.done || number !== ((this.received + 1) & 0xffff)) {
      // RFC 7440 §4: a block out of order is answered with the last one in order.
      this.unacknowledged = 0;
      return { ack: this.last, done: this.done };
    }
    this.parts.push(Buffer.from(data));
    this.received += 1;
    this.unacknowledged += 1;
    this.done = data.length < this.blockSize;
    if (!this.done && this.unacknowledged < this.windowSize) return {};
    this.unacknowledged = 0;
    return { ack: this.last, done: this.done };
  }
}
