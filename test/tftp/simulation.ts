// A network between a transfer and a receiver, in memory and in virtual time: it loses, doubles and reorders packets.
import { type Action, Transfer, type TransferSpec } from '../../src/tftp/transfer.ts';
import { Receiver } from './receiver.ts';

export interface Weather {
  seed: number;
  /** Probabilities, 0 to 1. */
  loss: number;
  duplication: number;
  /** The longest way of a packet, in milliseconds; ways differ, so that packets overtake each other. */
  delay: number;
}

export interface Result {
  outcome: Action;
  content: Buffer;
  /** Virtual milliseconds. */
  time: number;
  blocksSent: number;
}

interface Happening {
  at: number;
  run(): void;
}

/** Runs one transfer to its end, or to `limit` virtual milliseconds. */
export function simulate(spec: TransferSpec, content: Buffer, weather: Weather, limit = 4_000_000): Result {
  const random = randomOf(weather.seed);
  const transfer = new Transfer(spec, 0);
  const receiver = new Receiver(spec.blockSize, spec.windowSize);
  const queue: Happening[] = [];
  let outcome: Action = { do: 'wait' };
  let now = 0;
  let blocksSent = 0;
  let heard = 0;
  let wireFree = 0;

  const travel = (run: () => void): void => {
    // One packet after the other, as on a wire: those sent together do not leave together.
    wireFree = Math.max(now, wireFree) + 0.01;
    const copies = (random() < weather.loss ? 0 : 1) + (random() < weather.duplication ? 1 : 0);
    for (let copy = 0; copy < copies; copy++) insert(queue, { at: wireFree + random() * weather.delay, run });
  };
  const acknowledge = (block: number): void => travel(() => act(transfer.ack(block, now)));
  const deliver = (block: number): void => {
    heard = now;
    const start = (block - 1) * spec.blockSize;
    const { ack } = receiver.block(block & 0xffff, content.subarray(start, start + spec.blockSize));
    if (ack !== undefined) acknowledge(ack);
  };
  const act = (action: Action): void => {
    if (outcome.do !== 'wait') return;
    if (action.do === 'oack') travel(() => acknowledge(0));
    else if (action.do === 'blocks') {
      for (let block = action.first; block <= action.last; block++, blocksSent++) travel(() => deliver(block));
    } else outcome = action;
  };

  act(transfer.start(0));
  while (outcome.do === 'wait' && now < limit) {
    const next = queue[0];
    const due = Math.min(transfer.deadline, heard + 1000);
    if (next && next.at <= due) {
      queue.shift();
      now = next.at;
      next.run();
    } else if (due === transfer.deadline) {
      now = Math.max(now, due);
      act(transfer.tick(now));
    } else {
      // The client's own timer: it says again what it has.
      now = due;
      heard = now;
      if (receiver.parts.length > 0) acknowledge(receiver.last);
    }
  }
  return { outcome, content: receiver.content, time: now, blocksSent };
}

function insert(queue: Happening[], happening: Happening): void {
  let at = queue.length;
  while (at > 0 && (queue[at - 1]?.at ?? 0) > happening.at) at -= 1;
  queue.splice(at, 0, happening);
}

/** mulberry32: numbers from 0 to 1 that a seed repeats. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
