// Follows the boot of one node by its timeline, from power-on until it is up or stuck.

import { setTimeout as sleep } from 'node:timers/promises';
import { BOOTS, type BootEvent, type Timeline } from '../src/api/boots.ts';
import type { AdminClient } from '../src/api/client.ts';
import { monotonicNow } from '../src/clock.ts';

/** How often the timeline is read, in milliseconds. */
const PERIOD_MS = 200;

/** How long a failed boot may take to recover by itself, in milliseconds, for example by retrying a download. */
const RECOVERY_MS = 10_000;

export type Step = { event: BootEvent } | { end: 'up' } | { end: 'stuck'; reason: string };

export interface FollowOptions {
  client: Pick<AdminClient, 'call'>;
  node: string;
  /** Milliseconds since 1970: ignores boots that began earlier. */
  since: number;
  /** Milliseconds after which the boot counts as stuck. */
  timeoutMs: number;
  /** Why waiting is pointless (the machine has ended, the console shows a panic), or undefined. */
  hopeless: () => string | undefined;
  signal?: AbortSignal;
}

/** Yields every event of the boot as it is seen, then how it ended. Waits for a daemon that does not answer for a while. */
export async function* followBoot(options: FollowOptions): AsyncGenerator<Step> {
  const until = monotonicNow() + options.timeoutMs;
  const told = new Map<string, number>();
  let failingSince: number | undefined;
  for (;;) {
    const boots = await timelines(options);
    for (const boot of boots) {
      const known = told.get(boot.id) ?? 0;
      for (const event of boot.events.slice(known)) yield { event };
      told.set(boot.id, boot.events.length);
    }
    const current = boots.at(-1);
    if (current?.outcome === 'up') return yield { end: 'up' };
    failingSince = current?.outcome === 'failed' ? (failingSince ?? monotonicNow()) : undefined;
    const reason = whyStuck(options, current, failingSince, until);
    if (reason !== undefined) return yield { end: 'stuck', reason };
    await sleep(PERIOD_MS, undefined, options.signal ? { signal: options.signal } : {});
  }
}

async function timelines({ client, node, since }: FollowOptions): Promise<Timeline[]> {
  const shown = await client.call(BOOTS.timeline, { query: { id: node } }).catch(() => []);
  return (shown[0]?.boots ?? []).filter(boot => boot.started >= since);
}

function whyStuck(
  options: FollowOptions,
  boot: Timeline | undefined,
  failingSince: number | undefined,
  until: number,
): string | undefined {
  const now = monotonicNow();
  if (boot && failingSince !== undefined && now - failingSince > RECOVERY_MS) return boot.reason ?? 'the boot failed';
  const hopeless = options.hopeless();
  if (hopeless) return hopeless;
  if (now < until) return undefined;
  const stage = boot?.reason ?? 'nothing was received: its firmware did not request an address';
  return `not up after ${options.timeoutMs / 1000} s: ${stage}`;
}
