// Who is up: the state of each node, derived from its heartbeats and its boots.
import type { Beat } from './beats.ts';
import { type Boot, currentError, furthestStage } from './boot.ts';
import { lastStamp, momentOf, quietOf } from './boot-time.ts';
import type { Boots } from './boots.ts';
import { type Stage, stageNumber } from './journey.ts';
import type { NodeState } from './states.ts';
import { systemTrouble } from './why-system.ts';

export interface NodeStatus {
  state: NodeState;
  /** Milliseconds since 1970 of the last heartbeat. */
  lastSeen?: number;
  /** Seconds since then, by a clock that nobody sets. */
  silence?: number;
  /** Seconds between its heartbeats. */
  period?: number;
  /** Status facts of the last heartbeat. */
  facts: Record<string, string>;
  hardware: Record<string, string>;
  /** Why a boot is stuck, or what is wrong with a running system. */
  reason?: string;
}

/** A boot silent for this long no longer counts, in milliseconds: large machines take minutes from stage to stage. */
const STILL_MS = 10 * 60_000;

/** Stages in which much may happen unseen: an image is fetched, awaited, or unpacked. */
const LONG: ReadonlySet<Stage> = new Set(['initramfs', 'image']);

export class Statuses {
  private readonly boots: Boots;
  private readonly now: () => number;
  /** When a BMC last reported that the node is off. */
  private readonly offs = new Map<string, number>();
  private readonly told = new Map<string, NodeState>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(boots: Boots, now: () => number) {
    this.boots = boots;
    this.now = now;
  }

  beat(boot: Boot, facts: Record<string, string>, periodMs: number): void {
    this.boots.beats.take(boot, facts, periodMs);
  }

  /** The node's BMC reports that it is off: it is down at once, not only when heartbeats are missed. */
  off(node: string): void {
    this.offs.set(node, this.now());
  }

  /** Returns the power as far as known: a node that is up or boots is on, and one that its BMC last reported as off is off. */
  power(node: string, state: NodeState): 'on' | 'off' | undefined {
    const boot = this.boots.current(node);
    if (this.offs.has(node) && (!boot || this.isOff(boot))) return 'off';
    return state === 'up' || state === 'booting' ? 'on' : undefined;
  }

  forget(node: string): void {
    this.offs.delete(node);
    this.told.delete(node);
  }

  of(node: string): NodeStatus {
    const boot = this.currentBoot(node);
    const beat = this.lastBeat(node);
    const hardware = this.boots.of(node).findLast(candidate => candidate.hardware)?.hardware ?? {};
    const error = boot && currentError(boot);
    const still = boot && !error && this.stillSince(boot);
    const state = this.state(boot);
    const { style, node: planned } = boot?.plan ?? {};
    const system = { name: planned?.name ?? '', style, facts: beat?.facts ?? {} };
    const trouble = state === 'up' ? systemTrouble(system) : undefined;
    return {
      state,
      facts: beat?.facts ?? {},
      hardware,
      ...(beat && { lastSeen: beat.seen, silence: (this.now() - beat.at) / 1000, period: beat.periodMs / 1000 }),
      ...(trouble?.isSerious && { reason: trouble.cause }),
      ...(boot?.outcome === 'installed' && { reason: 'installed; nothing was received from it since' }),
      ...(error?.error && { reason: `${error.stage}: ${error.error}` }),
      ...(still && { reason: `${still.stage}: nothing was seen of it for ${still.minutes} min` }),
    };
  }

  /**
   * Returns the boot that determines the node's state. It is the newest, unless a system runs from an older one: anyone with a
   * node's address can make the head see a boot, and only the running system has the token for heartbeats. So a newer boot counts
   * only when it is newer than the last heartbeat and the next one is overdue, or when an administrator caused it.
   */
  currentBoot(node: string): Boot | undefined {
    const newest = this.boots.current(node);
    const system = this.runningSystem(node);
    if (!newest || !system || system === newest) return newest;
    const { beats } = this.boots;
    const seen = momentOf(newest, lastStamp(newest));
    const beat = beats.of(system);
    if (beat && beat.at >= seen) return system;
    const isNews = beat !== undefined || seen >= beats.startedAt;
    const isExpected = newest.actions?.some(({ at }) => at <= newest.started) ?? false;
    return isNews && !isExpected && beats.isPunctual(system) ? system : newest;
  }

  /** Returns the boots that determine a node's state, oldest first. */
  history(node: string): readonly Boot[] {
    const boots = this.boots.of(node);
    const current = this.currentBoot(node);
    if (!current) return boots;
    const at = boots.indexOf(current);
    // A system that enrolled during a boot waits next to that boot
    const waiting = boots.slice(at + 1).filter(({ outcome }) => outcome === 'enrolled');
    return [...boots.slice(0, at), ...waiting, current];
  }

  /** Returns the boot with the latest heartbeat; without one, the last that came up. */
  private runningSystem(node: string): Boot | undefined {
    const at = (boot: Boot): number => this.boots.beats.of(boot)?.at ?? Number.NEGATIVE_INFINITY;
    let system: Boot | undefined;
    for (const boot of this.boots.of(node))
      if (boot.outcome === 'up' && (!system || at(boot) >= at(system))) system = boot;
    return system;
  }

  private lastBeat(node: string): Beat | undefined {
    const system = this.runningSystem(node);
    return system && this.boots.beats.of(system);
  }

  /** Returns the nodes with a state that differs from the last call; for the events. */
  changes(nodes: Iterable<string>): { node: string; state: NodeState }[] {
    const changes: { node: string; state: NodeState }[] = [];
    for (const node of nodes) {
      const state = this.state(this.currentBoot(node));
      if ((this.told.get(node) ?? 'unknown') === state) continue;
      this.told.set(node, state);
      changes.push({ node, state });
    }
    return changes;
  }

  private state(boot: Boot | undefined): NodeState {
    if (!boot) return 'unknown';
    if (this.isOff(boot)) return 'down';
    if (boot.outcome === 'up') return this.boots.beats.isAlive(boot) ? 'up' : 'down';
    if (currentError(boot)) return 'failed';
    if (boot.outcome === 'handed-over' || boot.outcome === 'installed') return 'local';
    if (boot.outcome === 'expired') return 'down';
    if (!furthestStage(boot)) return 'unknown';
    return this.stillSince(boot) ? 'failed' : 'booting';
  }

  /** Returns where a boot stalls, and since when; undefined when it may be progressing. */
  private stillSince(boot: Boot): { stage: Stage; minutes: number } | undefined {
    const stage = furthestStage(boot);
    if (!stage || boot.outcome) return undefined;
    const isInstalling = boot.plan?.install !== undefined && stageNumber(stage) >= stageNumber('kernel');
    const quiet = quietOf(boot, this.now());
    const isStill = LONG.has(stage) || isInstalling ? this.boots.isTooOld(boot) : quiet > STILL_MS;
    return isStill ? { stage, minutes: Math.floor(quiet / 60_000) } : undefined;
  }

  /** Returns whether the BMC reported so after the last sign of life. */
  private isOff(boot: Boot): boolean {
    const off = this.offs.get(boot.node);
    const beat = this.boots.beats.of(boot)?.at ?? Number.NEGATIVE_INFINITY;
    return off !== undefined && off >= Math.max(beat, momentOf(boot, lastStamp(boot)));
  }
}
