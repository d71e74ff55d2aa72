// How much life: ten days of a thousand nodes, and what a test has time for.
import type { Plan } from './life.ts';

/**
 * A node of a cluster boots once a day, and beats every ten seconds. 200 nodes that boot five times a day are as many boots as a
 * thousand that boot once, and fill the history that is kept in two days; of the heartbeats it is one in forty.
 */
export const LONG: Omit<Plan, 'say'> = {
  days: 10,
  nodes: 200,
  bootsPerDay: 5,
  heartbeatsPerDay: 216_000,
  editsPerDay: 120,
  imagesPerDay: 12,
  strangersPerDay: 1000,
  samplesPerDay: 4,
  imageBytes: 300_000,
};

/** The same days with fewer nodes. */
export const SHORT: Omit<Plan, 'say'> = {
  days: 10,
  nodes: 12,
  bootsPerDay: 4,
  heartbeatsPerDay: 1000,
  editsPerDay: 160,
  imagesPerDay: 3,
  strangersPerDay: 60,
  samplesPerDay: 3,
  imageBytes: 100_000,
};
