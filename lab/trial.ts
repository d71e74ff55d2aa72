// A machine with KVM on trial: it must send its first DHCP packet before it resets, stops or falls silent.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNow } from '../src/clock.ts';
import type { TrialOutcome } from './accelerator.ts';
import { holdsDhcp } from './capture.ts';
import { followQmp } from './qmp.ts';

/** Firmware without output for this long with KVM does not run, in milliseconds. */
const SILENT_MS = 15_000;
/** With KVM, firmware asks for an address within seconds; the rest allows for a loaded machine. Milliseconds. */
const DHCP_MS = 60_000;
const PERIOD_MS = 50;

/** What was seen of the machine so far. */
export interface Seen {
  /** Milliseconds since it was switched on. */
  elapsed: number;
  /** Why QEMU has ended, if it has. */
  ended?: string;
  /** Resets by the guest itself, and stops of the virtual processor, as QMP reports them. */
  resets: number;
  stopped: boolean;
  /** Whether the console has output of the firmware. */
  spoke: boolean;
  asked: boolean;
}

/** Decides by what was seen; undefined: it is too early. */
export function judge(seen: Seen): TrialOutcome | undefined {
  if (seen.asked) return { works: true };
  const failed = (reason: string): TrialOutcome => ({ works: false, reason });
  if (seen.ended !== undefined) return failed(seen.ended);
  if (seen.stopped) return failed('the virtual processor stopped');
  if (seen.resets > 0) return failed('the machine reset before its first DHCP packet');
  if (!seen.spoke && seen.elapsed > SILENT_MS) return failed(`the firmware printed nothing in ${SILENT_MS / 1000} s`);
  if (seen.elapsed > DHCP_MS) return failed(`no DHCP packet in ${DHCP_MS / 1000} s`);
  return undefined;
}

export interface TrialPorts {
  qmpSocket: string;
  /** The file that QEMU's `filter-dump` writes. */
  capture: string;
  ended(): string | undefined;
  spoke(): boolean;
}

/** Watches a machine that has just been started with KVM until the outcome is clear. */
export async function tryOut(ports: TrialPorts): Promise<TrialOutcome> {
  const begun = monotonicNow();
  let resets = 0;
  let stopped = false;
  const follower = followQmp(ports.qmpSocket, ({ event, data }) => {
    if (event === 'RESET' && data?.['guest'] === true) resets += 1;
    // KVM's internal errors stop the machine; nobody pauses it otherwise.
    if (event === 'STOP' || event === 'GUEST_PANICKED') stopped = true;
  });
  try {
    for (;;) {
      const ended = ports.ended();
      const outcome = judge({
        elapsed: monotonicNow() - begun,
        ...(ended !== undefined && { ended }),
        resets,
        stopped,
        spoke: ports.spoke(),
        asked: holdsDhcp(await readFile(ports.capture).catch(() => Buffer.alloc(0))),
      });
      if (outcome) return outcome;
      await sleep(PERIOD_MS);
    }
  } finally {
    follower.close();
  }
}
