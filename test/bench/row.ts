// One figure of a benchmark, ours and the peer's, measured in the same run.

export interface BenchRow {
  case: string;
  /** Medians of the rounds, in `unit`. */
  ours: number;
  peer: number;
  peerName: string;
  /** Above 1: ours is better, whichever way better is. */
  ratio: number;
  unit: string;
  higherIsBetter: boolean;
}

export interface Bench {
  name: string;
  summary: string;
  run(): AsyncIterable<BenchRow>;
}

/** A row with its ratio. */
export function row(given: Omit<BenchRow, 'ratio'>): BenchRow {
  const ratio = given.higherIsBetter ? given.ours / given.peer : given.peer / given.ours;
  return { ...given, ratio };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
