// How a thread that waits for descriptors learns of messages: an eventfd is among them, and counts what was sent.
import { readSync, writeSync } from 'node:fs';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

const ONE = Buffer.from(BigUint64Array.of(1n).buffer);
const counter = Buffer.alloc(8);

/** Call it after each message. @param wake an eventfd */
export function ring(wake: number): void {
  writeSync(wake, ONE);
}

/** Yields every message that has arrived; the eventfd is readable again with the next one. */
export function* heed<T>(wake: number, port: MessagePort): Generator<T> {
  try {
    readSync(wake, counter);
  } catch {
    // EAGAIN: it was read with the wake before
  }
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) yield next.message as T;
}
