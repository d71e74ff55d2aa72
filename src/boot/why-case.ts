// The input of `why`: the facts about a node, the boot to explain, and what is worth checking first. Pure.
import { type Boot, type BootEvent, currentError, furthestStage } from './boot.ts';
import type { PlanAnswer } from './boot-plan.ts';
import { lastStamp, momentOf } from './boot-time.ts';
import type { Evidence } from './evidence.ts';
import { type Stage, stageNumber } from './journey.ts';
import type { NodeStatus } from './status.ts';

export interface WhyFacts {
  name: string;
  mac: string;
  /** Its boots, oldest first. */
  boots: readonly Boot[];
  status: NodeStatus;
  /** What it would boot now. */
  plan: PlanAnswer;
  /** Why DHCP does not answer it; absent when it does. */
  ignored?: string;
  /** Milliseconds since 1970. */
  now: number;
  /** The present by the clock of the newest boot, see `Boot.started`; `now` when absent. */
  present?: number;
  /** Seconds since this head began to listen. A node may have acted unseen before that. */
  listening?: number;
  /** The image transfer to the node, or its place in the queue. */
  transfer?: ImageTransfer;
  /** The power state that its BMC reports now, or why it reports none; absent when not queried. */
  power?: { state: 'on' | 'off' } | { problem: string };
  /** Whether its system answers on the ssh port; absent when not checked. */
  answers?: boolean;
  /** Why its firmware cannot run the loader it was offered; absent when not checked: `snponly.efi is …`. */
  loaderProblem?: string;
  /** What its initramfs has for its kernel and its network card; absent when not checked. */
  initramfs?: InitramfsLook;
  /** What else the head knows. */
  evidence?: Evidence;
}

export interface ImageTransfer {
  state: 'running' | 'queued';
  /** Bytes sent, and the total. */
  done: number;
  size: number;
  /** Bytes per second, seconds without any, and seconds until it is done or until its turn. */
  rate?: number;
  idle?: number;
  seconds?: number;
  /** Place in the queue, from 1. */
  place?: number;
  /** It was cut off, and the node has not come back. */
  cut?: true;
}

export interface InitramfsLook {
  /** The kernels it has modules for. */
  releases: readonly string[];
  /** The driver for the card that the node boots from, or that it has none; absent when unknown. */
  driver?: { driver: string } | { lacks: true };
}

/** What is worth checking before `why` decides. Each check costs something. */
export interface WhyNeeds {
  power: boolean;
  answers: boolean;
  loader: boolean;
  initramfs: boolean;
  /** Which packets reach it. */
  path: boolean;
  /** Whether the stored files that it received are what was uploaded. */
  stored: boolean;
}

/** What the rules look at. */
export interface Case extends WhyFacts {
  boot: Boot;
  reached: Stage | undefined;
  /** The error the boot is stuck at. */
  error?: BootEvent;
  /** Seconds since the last event; for a boot that is over, until the next one began. */
  quiet: number;
  /** Seconds of `quiet` in which this head was listening. */
  unheard: number;
  /** Seconds since the boot made progress, up to now. An error is no progress. */
  silence: number;
  /** The boot that the node has begun since, so this one is over. */
  next?: Boot;
}

/** What the rules of evidence look at: a case, or a node that has none. */
export type Scene = WhyFacts &
  Partial<Pick<Case, 'boot' | 'reached' | 'error' | 'next'>> &
  Pick<Case, 'quiet' | 'silence'>;

/** A node retries a failed boot within this many seconds. A node that waits longer was left off. */
const AGAIN_SECONDS = 1800;

/** A boot that was silent for this many seconds before the next one began had stopped by itself. It was not just reset. */
const STARTED_OVER_SECONDS = 20;

/** A boot without news for this many seconds may be stuck. */
const STILL_SECONDS = 8;

/** Returns what to check so that `why` is exact. */
export function whyNeeds(facts: WhyFacts): WhyNeeds {
  const boot = facts.boots.at(-1);
  const over = boot?.outcome === 'handed-over' || boot?.outcome === 'installed' || boot?.outcome === 'enrolled';
  if (facts.ignored !== undefined || facts.status.state === 'up' || over)
    return { power: false, answers: false, loader: false, initramfs: false, path: false, stored: false };
  const isLost = boot?.outcome === 'up';
  const situation = isLost ? undefined : caseOf(facts);
  const { reached, error, quiet = 0 } = situation ?? {};
  const isStill = error !== undefined || quiet >= STILL_SECONDS;
  return {
    power: true,
    answers: isLost,
    loader: reached === 'loader',
    initramfs: reached === 'kernel',
    path: isStill && reached !== undefined && reached !== 'offered',
    stored: isStill && reached !== undefined && stageNumber(reached) >= stageNumber('kernel'),
  };
}

/** Returns the boot to explain: the newest, or the one before it when the node only retries after a failure. */
export function bootToExplain(facts: Pick<WhyFacts, 'boots'>): { boot: Boot | undefined; next?: Boot } {
  const next = facts.boots.at(-1);
  const boot = facts.boots.at(-2);
  if (!next || !boot || boot.outcome !== 'superseded' || (next.actions?.length ?? 0) > 0) return { boot: next };
  const gap = between(boot, next) / 1000;
  const reached = furthestStage(boot);
  if (currentError(next) || gap > AGAIN_SECONDS || further(furthestStage(next), reached)) return { boot: next };
  const before = facts.boots.at(-3);
  const isLoop = before?.outcome === 'superseded' && furthestStage(before) === reached;
  const wasStuck = gap >= STARTED_OVER_SECONDS || isLoop;
  return currentError(boot) || wasStuck ? { boot, next } : { boot: next };
}

/** Returns the boot to explain with everything the rules look at; none for a node that was never seen. */
export function caseOf(facts: WhyFacts): Case | undefined {
  const { boot, next } = bootToExplain(facts);
  if (!boot) return undefined;
  const error = currentError(boot);
  const quiet = (next ? between(boot, next) : Math.max(0, presentOf(facts) - lastStamp(boot))) / 1000;
  return {
    ...facts,
    boot,
    reached: furthestStage(boot),
    quiet,
    unheard: next ? quiet : Math.min(quiet, facts.listening ?? quiet),
    silence: Math.max(0, momentOf(next ?? boot, presentOf(facts)) - momentOf(boot, lastFurther(boot))) / 1000,
    ...(error && { error }),
    ...(next && { next }),
  };
}

const lastFurther = (boot: Boot): number => boot.events.findLast(event => !event.error)?.at ?? boot.started;

/** Returns the present by the time stamps of the newest boot. */
export const presentOf = ({ present, now }: Pick<WhyFacts, 'present' | 'now'>): number => present ?? now;

/** Returns the milliseconds from the last event of a boot to the beginning of the next one. */
const between = (boot: Boot, next: Boot): number =>
  Math.max(0, momentOf(next, next.started) - momentOf(boot, lastStamp(boot)));
const further = (one: Stage | undefined, other: Stage | undefined): boolean =>
  (one ? stageNumber(one) : 0) > (other ? stageNumber(other) : 0);
