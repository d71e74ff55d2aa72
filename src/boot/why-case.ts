// What `why` is asked about: the facts of a node, which of its boots is to be explained, and what is worth looking at first. Pure.
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
  /** Why DHCP does not answer it, when it does not. */
  ignored?: string;
  /** Milliseconds since 1970. */
  now: number;
  /** The present on the own line of the newest boot, see `Boot.started`; `now` when absent. */
  present?: number;
  /** Seconds since this head began to listen: what a node did before, it may have done unseen. */
  listening?: number;
  /** The image on its way to it, or its place in the queue for it. */
  transfer?: ImageTransfer;
  /** What its BMC said just now, or why it said nothing; absent when nobody asked. */
  power?: { state: 'on' | 'off' } | { problem: string };
  /** Whether its system answers on the network, by ssh's port, when somebody asked. */
  answers?: boolean;
  /** Why the loader it was offered cannot run on its firmware, when somebody looked: `snponly.efi is …`. */
  loaderProblem?: string;
  /** What its initramfs has for its kernel and its network card, when somebody looked. */
  initramfs?: InitramfsLook;
  /** What the head knows besides. */
  evidence?: Evidence;
}

export interface ImageTransfer {
  state: 'running' | 'queued';
  /** Bytes that went out, and all. */
  done: number;
  size: number;
  /** Bytes per second, seconds without any, and seconds until it is done or until its turn. */
  rate?: number;
  idle?: number;
  seconds?: number;
  /** Place in the queue, from 1. */
  place?: number;
  /** It was cut off and nobody has come back. */
  cut?: true;
}

export interface InitramfsLook {
  /** The kernels that it has modules of. */
  releases: readonly string[];
  /** The driver of the card that the node boots by, or that it has none; absent when unknown. */
  driver?: { driver: string } | { lacks: true };
}

/** What is worth looking at before `why` is asked: each costs something. */
export interface WhyNeeds {
  power: boolean;
  answers: boolean;
  loader: boolean;
  initramfs: boolean;
  /** Which packets reach it. */
  path: boolean;
  /** Whether the stored files that it got are what was uploaded. */
  stored: boolean;
}

/** What the rules look at. */
export interface Case extends WhyFacts {
  boot: Boot;
  reached: Stage | undefined;
  /** The error the boot is stuck at. */
  error?: BootEvent;
  /** Seconds since the last thing was seen; of a boot that is over, until the next one began. */
  quiet: number;
  /** Seconds of `quiet` in which this head was listening. */
  unheard: number;
  /** Seconds since the boot came further, up to now: an error is not further. */
  silence: number;
  /** The boot that the node has begun since: this one is over. */
  next?: Boot;
}

/** What the rules of evidence look at: a case, or a node that has none. */
export type Scene = WhyFacts &
  Partial<Pick<Case, 'boot' | 'reached' | 'error' | 'next'>> &
  Pick<Case, 'quiet' | 'silence'>;

/** A boot that fails is tried again after so long at most, in seconds: a node that waits longer was left off. */
const AGAIN_SECONDS = 1800;

/** A boot that was silent for so long before the next one began had come to its end, in seconds: nobody just pressed reset. */
const STARTED_OVER_SECONDS = 20;

/** A boot this long without news may be stuck on its way, in seconds. */
const STILL_SECONDS = 8;

/** What should be looked at for `why` to be exact. */
export function whyNeeds(facts: WhyFacts): WhyNeeds {
  const boot = facts.boots.at(-1);
  const over = boot?.outcome === 'handed-over' || boot?.outcome === 'installed';
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

/** The boot that is to be explained: the newest, or the one before when the node only tries again after that one failed. */
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

/** The boot to explain with all that the rules look at; none of a node that was never seen. */
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

/** The present by the stamps of the newest boot. */
export const presentOf = ({ present, now }: Pick<WhyFacts, 'present' | 'now'>): number => present ?? now;

/** Milliseconds from the last that was seen of a boot to the beginning of the next one. */
const between = (boot: Boot, next: Boot): number =>
  Math.max(0, momentOf(next, next.started) - momentOf(boot, lastStamp(boot)));
const further = (one: Stage | undefined, other: Stage | undefined): boolean =>
  (one ? stageNumber(one) : 0) > (other ? stageNumber(other) : 0);
