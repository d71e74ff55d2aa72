// Coverage-guided fuzzing: an input that takes a new way through the code is kept, and others are made of it.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';
import { randomOf } from '../tftp/simulation.ts';
import { Coverage } from './coverage.ts';
import type { Target } from './targets.ts';

export interface Hunt {
  /** Inputs to try beside the corpus; without end when absent. */
  inputs?: number;
  /** When to end, in milliseconds from the begin. */
  milliseconds?: number;
  seed: number;
  /** Told of each input that took a new way. */
  kept?: (input: Buffer) => void;
}

export interface Hunted {
  inputs: number;
  corpus: number;
  ways: number;
}

/** A target that failed, with the input that it failed on. */
export class Crash extends Error {
  readonly input: Buffer;
  constructor(target: string, input: Buffer, cause: unknown) {
    super(
      `${target} failed on ${input.toString('hex').slice(0, 400)}: ${cause instanceof Error ? cause.stack : cause}`,
      {
        cause,
      },
    );
    this.input = input;
  }
}

/** No decoder is to take so long for one input, in milliseconds: far more than a starved machine needs. */
const SLOW_MS = 5000;

/** Tries the corpus, then what comes of it. Rejects with `Crash` when the target throws what it must not. */
export async function hunt(target: Target, corpus: readonly Buffer[], hunt: Hunt): Promise<Hunted> {
  const random = randomOf(hunt.seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const coverage = new Coverage();
  const pool: Buffer[] = [];
  const begun = performance.now();
  const attempt = async (input: Buffer): Promise<boolean> => {
    const before = performance.now();
    try {
      await target.run(input);
    } catch (error) {
      throw new Crash(target.name, input, error);
    }
    const took = performance.now() - before;
    if (took > SLOW_MS) throw new Crash(target.name, input, `it took ${Math.round(took)} ms`);
    return coverage.isNew();
  };
  try {
    for (const input of [...target.seeds(), ...corpus]) {
      await attempt(input);
      pool.push(input);
    }
    let inputs = 0;
    while (inputs < (hunt.inputs ?? Infinity) && performance.now() - begun < (hunt.milliseconds ?? Infinity)) {
      inputs += 1;
      const input = mutate(pool, target.words, below);
      if (!(await attempt(input))) continue;
      pool.push(input);
      hunt.kept?.(input);
    }
    return { inputs, corpus: pool.length, ways: coverage.ways };
  } finally {
    coverage.close();
  }
}

const MOST_BYTES = 4096;
const MAGIC = [0, 1, 0x7f, 0x80, 0xff];

function mutate(pool: readonly Buffer[], words: readonly Buffer[], below: (limit: number) => number): Buffer {
  // The newest half is taken more often: what is near a new way
  const pick = below(2) === 0 ? below(pool.length) : pool.length - 1 - below(Math.ceil(pool.length / 2));
  let bytes: Buffer = Buffer.from(pool[pick] ?? Buffer.alloc(0));
  for (let step = 1 + below(4); step > 0; step--) {
    const at = below(bytes.length + 1);
    const kind = below(8);
    if (kind === 0 && at < bytes.length) bytes[at] = below(256);
    else if (kind === 1 && at < bytes.length) bytes[at] = MAGIC[below(MAGIC.length)] ?? 0;
    else if (kind === 2 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    else if (kind === 3) bytes = bytes.subarray(0, at);
    else if (kind === 4) bytes = splice(bytes, at, words[below(Math.max(1, words.length))] ?? Buffer.of(below(256)), 0);
    else if (kind === 5) bytes = splice(bytes, at, Buffer.alloc(0), 1 + below(16));
    else if (kind === 6) bytes = splice(bytes, at, bytes.subarray(below(at + 1), at), 0);
    else {
      const other = pool[below(pool.length)] ?? bytes;
      const from = below(other.length + 1);
      bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from)]);
    }
    bytes = Buffer.from(bytes.subarray(0, MOST_BYTES));
  }
  return bytes;
}

function splice(bytes: Buffer, at: number, added: Buffer, removed: number): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}

const folderOf = (target: Target): string => join(packageRoot, 'test/fuzz/corpus', target.name);

/** The inputs that were kept of former hunts, each in a file. */
export function savedCorpus(target: Target): Buffer[] {
  try {
    const folder = folderOf(target);
    return readdirSync(folder)
      .sort()
      .map(file => readFileSync(join(folder, file)));
  } catch {
    return [];
  }
}

/** Writes an input into the corpus, under a name made of its content. */
export function save(target: Target, input: Buffer): string {
  const folder = folderOf(target);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(file, input);
  return file;
}
