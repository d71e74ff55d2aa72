// Who is up: heartbeats of running systems, and the state of each node that follows from them and from its boots.
import { type Boot, currentError, furthestStage } from './boot.ts';
import type { Boots } from './boots.ts';
import { type Stage, stageNumber } from './journey.ts';
import { DEFAULT_STATUS_SECONDS } from './plan.ts';
import type { NodeState } from './states.ts';

export interface NodeStatus {
  state: NodeState;
  /** Milliseconds since 1970 of the last heartbeat. */
  lastSeen?: number;
  /** Status facts of the last heartbeat. */
  facts: Record<string, string>;
  hardware: Record<string, string>;
  /** Why a boot is stuck, when it is. */
  reason?: string;
}

interface Beat {
  at: number;
  periodMs: number;
  facts: Record<string, string>;
  boot: string;
}

/** Without a heartbeat for this many periods a node is down. */
const MISSED = 3;

/** A boot of which nothing was seen for so long is none any more, in milliseconds: large machines take minutes from stage to stage. */
const STILL_MS = 10 * 60_000;

/** Stages in which much may happen that is not seen: an image that is fetched or waited for, and unpacked. */
const LONG: ReadonlySet<Stage> = new Set(['initramfs', 'image']);

export class Statuses {
  private readonly boots: Boots;
  private readonly now: () => number;
  private readonly beats = new Map<string, Beat>();
  /** When a BMC last said that the node is off. */
  private readonly offs = new Map<string, number>();
  private readonly startedAt: number;
  private readonly told = new Map<string, NodeState>();

  constructor(boots: Boots, now: () => number) {
    this.boots = boots;
    this.now = now;
    this.startedAt = now();
  }

  beat(boot: Boot, facts: Record<string, string>, periodMs: number): void {
    this.beats.set(boot.node, { at: this.now(), periodMs, facts, boot: boot.id });
  }

  /** The node's BMC says that it is off: it is down at once, not only when heartbeats are missed. */
  off(node: string): void {
    this.offs.set(node, this.now());
  }

  /** As far as it is known: who is up or boots is on, and whose BMC said so last is off. */
  power(node: string, state: NodeState): 'on' | 'off' | undefined {
    const boot = this.boots.current(node);
    if (this.offs.has(node) && (!boot || this.isOff(boot, this.beats.get(node)))) return 'off';
    return state === 'up' || state === 'booting' ? 'on' : undefined;
  }

  forget(node: string): void {
    this.beats.delete(node);
    this.offs.delete(node);
    this.told.delete(node);
  }

  of(node: string): NodeStatus {
    const boot = this.boots.current(node);
    const beat = this.beats.get(node);
    const hardware = this.boots.of(node).findLast(candidate => candidate.hardware)?.hardware ?? {};
    const error = boot && currentError(boot);
    const still = boot && !error && this.stillSince(boot);
    return {
      state: this.state(boot, beat),
      facts: beat?.facts ?? {},
      hardware,
      ...(beat && { lastSeen: beat.at }),
      ...(boot?.outcome === 'installed' && { reason: 'installed; nothing was heard of it since' }),
      ...(error?.error && { reason: `${error.stage}: ${error.error}` }),
      ...(still && { reason: `${still.stage}: nothing was seen of it for ${still.minutes} min` }),
    };
  }

  /** The nodes whose state differs from what this answered last time; for the events. */
  changes(nodes: Iterable<string>): { node: string; state: NodeState }[] {
    const changes: { node: string; state: NodeState }[] = [];
    for (const node of nodes) {
      const state = this.state(this.boots.current(node), this.beats.get(node));
      if ((this.told.get(node) ?? 'unknown') === state) continue;
      this.told.set(node, state);
      changes.push({ node, state });
    }
    return changes;
  }

  private state(boot: Boot | undefined, beat: Beat | undefined): NodeState {
    if (!boot) return 'unknown';
    if (this.isOff(boot, beat)) return 'down';
    if (boot.outcome === 'up') {
      // After a restart of the head its nodes are as they were, until they had the time to say otherwise.
      const last = beat?.boot === boot.id ? beat.at : Math.max(boot.ended ?? 0, this.startedAt);
      const period = beat?.periodMs ?? (boot.plan?.statusSeconds ?? DEFAULT_STATUS_SECONDS) * 1000;
      return this.now() - last <= MISSED * period ? 'up' : 'down';
    }
    if (currentError(boot)) return 'failed';
    if (boot.outcome === 'handed-over' || boot.outcome === 'installed') return 'local';
    if (boot.outcome === 'expired') return 'down';
    if (!furthestStage(boot)) return 'unknown';
    return this.stillSince(boot) ? 'failed' : 'booting';
  }

  /** Where a boot stands still, and since when; undefined when it may be on its way. */
  private stillSince(boot: Boot): { stage: Stage; minutes: number } | undefined {
    const stage = furthestStage(boot);
    if (!stage || boot.outcome) return undefined;
    const isInstalling = boot.plan?.install !== undefined && stageNumber(stage) >= stageNumber('kernel');
    const quiet = this.now() - (boot.events.at(-1)?.at ?? boot.started);
    const isStill = LONG.has(stage) || isInstalling ? this.boots.isTooOld(boot) : quiet > STILL_MS;
    return isStill ? { stage, minutes: Math.floor(quiet / 60_000) } : undefined;
  }

  private isOff(boot: Boot, beat: Beat | undefined): boolean {
    const off = this.offs.get(boot.node);
    return off !== undefined && off >= Math.max(beat?.at ?? 0, boot.started, boot.events.at(-1)?.at ?? 0);
  }
}
