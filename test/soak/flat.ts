// Whether what was measured stays where it is: the decision, on figures alone.

/** What is measured, and how much of growth is noise: a part of the figure, and an amount that is nothing in itself. */
export const MEASURES = {
  rss: { unit: 'MiB', part: 0.1, amount: 24 },
  heap: { unit: 'MiB', part: 0.1, amount: 4 },
  external: { unit: 'MiB', part: 0.1, amount: 8 },
  descriptors: { unit: 'files', part: 0, amount: 8 },
  database: { unit: 'MiB', part: 0.1, amount: 1 },
  journal: { unit: 'MiB', part: 0, amount: 20 },
  boots: { unit: 'boots', part: 0, amount: 0 },
  audit: { unit: 'lines', part: 0.15, amount: 20 },
  blobs: { unit: 'files', part: 0, amount: 4 },
  state: { unit: 'MiB', part: 0.1, amount: 4 },
  log: { unit: 'KiB a boot', part: 0.15, amount: 0.2 },
} as const;

export type Measure = keyof typeof MEASURES;
export type Sample = Record<Measure, number>;

export interface Verdict {
  measure: Measure;
  /** Medians of the samples of the two windows. */
  middle: number;
  end: number;
  /** The most that the end may be. */
  limit: number;
  flat: boolean;
}

/**
 * Compares the first third of the samples with the last third, by their medians: one sample that was taken at a bad moment decides
 * nothing. The samples are of the second half, in which everything that fills up has been full for a while.
 */
export function verdicts(samples: readonly Sample[]): Verdict[] {
  const third = Math.max(1, Math.floor(samples.length / 3));
  return (Object.keys(MEASURES) as Measure[]).map(measure => {
    const { part, amount } = MEASURES[measure];
    const of = (some: readonly Sample[]): number => middleOf(some.map(sample => sample[measure]));
    const middle = of(samples.slice(0, third));
    const end = of(samples.slice(-third));
    const limit = middle * (1 + part) + amount;
    return { measure, middle, end, limit, flat: end <= limit };
  });
}

function middleOf(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
