// Part of the contract: boots and images under way (`muster boots`), and the board of the whole cluster (`muster top`).
import type { Stage } from '../boot/journey.ts';
import type { NodeState } from '../boot/states.ts';
import type { Transfer } from '../boot/transfer.ts';
import type { Why } from '../boot/why-verdict.ts';

export type { Transfer } from '../boot/transfer.ts';

/** The boots that are under way, and the images that are sent. */
export interface ShownBoots {
  boots: { node: string; boot: string; stage: string; seconds: number; reason?: string }[];
  transfers: Transfer[];
}

/** How the rows of the board are ordered: what needs a look first, the longest silent first, by name. */
export const BOARD_SORTS = ['trouble', 'quiet', 'name'] as const;
export type BoardSort = (typeof BOARD_SORTS)[number];

export interface BoardRow {
  uid: string;
  name: string;
  state: NodeState;
  /** The furthest stage of its newest boot. */
  stage?: Stage;
  /** Seconds since anything was heard of it. */
  quiet?: number;
  /** Seconds since its newest boot began. */
  seconds?: number;
  /** As far as it is known. */
  power?: 'on' | 'off';
  verdict: Why['verdict'];
  rule: string;
  cause: string;
  remedy?: string;
  transfer?: Transfer;
}

/** The whole cluster in figures, and some of its nodes. */
export interface Board {
  /** Milliseconds since 1970. */
  at: number;
  head: string;
  version: string;
  /** Of the daemon, in seconds. */
  uptime: number;
  nodes: number;
  states: Record<NodeState, number>;
  /** Of the nodes that boot or failed, by the furthest stage. */
  stages: Record<Stage, number>;
  power: { on: number; off: number; unknown: number };
  /** `rate` in bytes per second, `left` in bytes, `seconds` until all have their image. */
  images: { running: number; queued: number; rate: number; left: number; seconds?: number };
  /** How many nodes the filter leaves; `rows` are some of them. */
  matched: number;
  rows: BoardRow[];
}
