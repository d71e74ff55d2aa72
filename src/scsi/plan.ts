// What a command decided. The transport executes it: it owns the buffers, the window and the wire.
import type { Sense } from './sense.ts';

/** GOOD, or CHECK CONDITION with its sense. */
export interface StatusPlan {
  kind: 'status';
  sense?: Sense;
  /** Why the head could not use its disk; the initiator gets only the sense. */
  cause?: unknown;
}

/** A small answer, already cut to the allocation length. */
export interface AnswerPlan {
  kind: 'answer';
  data: Buffer;
}

/** Send bytes of the disk to the initiator. */
export interface ReadPlan {
  kind: 'read';
  /** In bytes. */
  position: number;
  length: number;
}

/** The initiator has `length` bytes; `accept` is called with those that its transfer length allows. */
export interface TakePlan {
  kind: 'take';
  length: number;
  accept(data: Buffer): Promise<StatusPlan>;
}

/** Work that waits for the disk and moves no data. */
export interface WorkPlan {
  kind: 'work';
  run(): Promise<StatusPlan>;
}

export type Plan = StatusPlan | AnswerPlan | ReadPlan | TakePlan | WorkPlan;

export const GOOD: StatusPlan = { kind: 'status' };

export function failed(name: Sense['name'], more: Omit<Sense, 'name'> = {}): StatusPlan {
  return { kind: 'status', sense: { name, ...more } };
}

/** The disk of the head failed. */
export function diskFailed(name: Sense['name'], cause: unknown): StatusPlan {
  return { ...failed(name), cause };
}

/** A field of the CDB has a value that cannot be; the sense points at it. */
export function badField(byte: number, bit?: number): StatusPlan {
  return failed('invalid-field-in-cdb', { field: bit === undefined ? { byte } : { byte, bit } });
}

/** Returns data cut to the allocation length; a short one is no error (SPC-4 §4.3.5.6). */
export function answer(data: Buffer, allocationLength: number): AnswerPlan {
  return { kind: 'answer', data: data.subarray(0, allocationLength) };
}
