// `--wait`: after a power action, waits until the node is up by a later boot, or down, and reports progress.
import type { PowerLine } from '../api/power.ts';
import { type Boot, furthestStage } from '../boot/boot.ts';
import type { Boots } from '../boot/boots.ts';
import type { NodeStatus } from '../boot/status.ts';
import { monotonicNow } from '../clock.ts';
import { POWER_ACTIONS, type PowerAction } from '../model/power-actions.ts';
import { howWords, type PowerResult } from '../power/result.ts';
import type { AdminPorts } from './ports.ts';

interface Waiting {
  result: PowerResult;
  action: PowerAction;
  /** When the request came, by the monotonic clock. */
  begun: number;
  timeoutMs: number;
  signal: AbortSignal;
  tell(line: PowerLine): void;
}

/** How often the node is checked, in milliseconds. */
const EVERY_MS = 500;

/** Milliseconds since the system of a boot began. That of an enrolled one outlives reboots, so its uptime counts. */
function systemAge(boot: Boot, { facts, silence = 0 }: NodeStatus, boots: Pick<Boots, 'age'>): number {
  if (boot.plan?.style !== 'installed') return boots.age(boot);
  const uptime = Number(facts['uptime'] ?? Number.POSITIVE_INFINITY);
  return (uptime + silence) * 1000;
}

export async function waitForNodes(ports: AdminPorts, waiting: Waiting): Promise<void> {
  const { result, action, begun, timeoutMs, signal, tell } = waiting;
  const { uid, name } = result;
  const wanted = POWER_ACTIONS[action].ends ?? 'up';
  const end = monotonicNow() + timeoutMs;
  let told = '';
  while (!signal.aborted) {
    const status = ports.statuses.of(uid);
    const { state, reason } = status;
    const boot = ports.statuses.currentBoot(uid);
    // A node that was already on and is up needs no wait.
    const isNew =
      action === 'on' || (boot !== undefined && systemAge(boot, status, ports.boots) < monotonicNow() - begun);
    if (state === wanted && (wanted === 'down' || isNew))
      return tell({ type: 'result', ...result, text: `${wanted}${howWords(result)}` });
    if (wanted === 'down' && state === 'unknown') return tell({ type: 'result', ...result });
    if (monotonicNow() >= end) {
      const why = reason ?? (boot && isNew ? furthestStage(boot) : undefined) ?? 'it gave no sign';
      return tell({
        type: 'result',
        ...result,
        code: 'timed-out',
        text: `not ${wanted} after ${timeoutMs / 1000} s: ${state}, ${why}`,
      });
    }
    const news = boot && isNew ? `${state}${state === 'booting' ? `: ${furthestStage(boot) ?? ''}` : ''}` : result.text;
    if (news !== told) tell({ type: 'progress', name, text: news });
    told = news;
    await new Promise(resolve => setTimeout(resolve, EVERY_MS));
  }
}
