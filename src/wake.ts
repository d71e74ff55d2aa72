// How a thread that waits for descriptors learns of messages: an eventfd is among them, and counts what was sent.
import { readSync, writeSync } from 'node:fs';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

const ONE = Buffer.from(BigUint64Array.of(1n).buffer);
const counter = Buffer.alloc(8);

/** Call it after each message. @param wake an eventfd */
export function ring(wake: number): void {
  writeSync(wake, ONE);
}

/** A message of `Thread` itself. */
export interface Ping {
  kind: 'ping';
}

/** Answers a ping; returns whether the message is one. @param pulse one shared number, of answered pings */
export function answersPing(message: Ping | { kind: string }, pulse: Int32Array): message is Ping {
  if (message.kind !== 'ping') return false;
  Atomics.add(pulse, 0, 1);
  return true;
}

/** Yields every message that has arrived, and answers pings; the eventfd is readable again with the next one. */
export function* heed<T extends { kind: string }>(wake: number, port: MessagePort, pulse: Int32Array): Generator<T> {
  try {
    readSync(wake, counter);
  } catch {
    // EAGAIN: it was read with the wake before
  }
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    const message = next.message as T;
    if (!answersPing(message, pulse)) yield message;
  }
}
