// Heartbeats of running systems, by boot. In memory only: after a restart of the head its nodes keep their state until they had
// time to report.
import type { Boot } from './boot.ts';
import { DEFAULT_STATUS_SECONDS } from './boot-plan.ts';
import { momentOf, type Times } from './boot-time.ts';
import { goingOf } from './system-facts.ts';

export interface Beat {
  /** Milliseconds by the clock that never goes back. */
  at: number;
  /** Milliseconds since 1970. */
  seen: number;
  periodMs: number;
  facts: Record<string, string>;
}

/** A node without a heartbeat for this many periods is down. */
const MISSED = 3;
/** A heartbeat is overdue after this many periods: the agent spreads its pauses by a few percent. */
const OVERDUE = 1.5;

export class Beats {
  private readonly times: Times;
  private readonly last = new WeakMap<Boot, Beat>();
  /** When musterd started, by the clock that never goes back. */
  readonly startedAt: number;

  constructor(times: Times) {
    this.times = times;
    this.startedAt = times.now();
  }

  take(boot: Boot, facts: Record<string, string>, periodMs: number): void {
    // The last one of a system that goes down says only that: what was known of it stays
    const known = goingOf(facts) === undefined ? facts : { ...this.last.get(boot)?.facts, ...facts };
    this.last.set(boot, { at: this.times.now(), seen: this.times.wall(), periodMs, facts: known });
  }

  of(boot: Boot): Beat | undefined {
    return this.last.get(boot);
  }

  /** Returns whether the boot began after musterd started. */
  isNew(boot: Boot): boolean {
    return momentOf(boot, boot.started) >= this.startedAt;
  }

  /** Returns whether the boot's system runs: it came up, and its heartbeats have not stopped. */
  isAlive(boot: Boot): boolean {
    return boot.outcome === 'up' && this.periodsSilent(boot) <= MISSED;
  }

  /** Returns whether the boot's system certainly runs: it came up, and its next heartbeat is not overdue. */
  isPunctual(boot: Boot): boolean {
    return boot.outcome === 'up' && this.periodsSilent(boot) <= OVERDUE;
  }

  private periodsSilent(boot: Boot): number {
    const beat = this.last.get(boot);
    // This was its last heartbeat: do not wait for another.
    if (beat && goingOf(beat.facts)) return Number.POSITIVE_INFINITY;
    const since = beat?.at ?? Math.max(momentOf(boot, boot.ended ?? boot.started), this.startedAt);
    const period = beat?.periodMs ?? (boot.plan?.statusSeconds ?? DEFAULT_STATUS_SECONDS) * 1000;
    return (this.times.now() - since) / period;
  }
}
