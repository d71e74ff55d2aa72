// A boot's timeline for people and programs: one row per stage of the journey, in order, with what was seen.
import {
  type Boot,
  type BootAction,
  type BootEvent,
  type BootMessage,
  currentError,
  furthestStage,
  type Outcome,
} from './boot.ts';
import { JOURNEY, type Stage, stageNumber } from './journey.ts';

export interface TimelineRow {
  number: number;
  stage: Stage;
  /** Milliseconds since 1970, when the stage was first seen; absent when it was not. */
  at?: number;
  /** Seconds since the boot began. */
  seconds?: number;
  detail?: string;
  bytes?: number;
  peer?: string;
  error?: string;
  /** Why the stage is absent, if that is right. */
  skipped?: string;
}

export interface Timeline {
  id: string;
  started: number;
  ended?: number;
  outcome: Outcome | 'failed' | 'booting';
  /** Seconds from the first packet to up. */
  seconds?: number;
  style?: string;
  boot_config?: string;
  release?: string;
  image?: string;
  /** What the boot waits for, or why it failed. */
  reason?: string;
  rows: TimelineRow[];
  /** Power actions before and during the boot. */
  actions: BootAction[];
  /** The node's syslog messages. */
  messages: BootMessage[];
  /** All events in order. */
  events: BootEvent[];
}

export function timelineOf(boot: Boot): Timeline {
  const error = currentError(boot);
  const reached = furthestStage(boot);
  const reason = error
    ? `${error.stage}: ${error.error}`
    : boot.outcome || !reached
      ? undefined
      : waitsFor(boot, reached);
  return {
    id: boot.id,
    started: boot.started,
    outcome: boot.outcome ?? (error ? 'failed' : 'booting'),
    ...(boot.ended !== undefined && { ended: boot.ended }),
    ...(boot.ended !== undefined && tookTime(boot) && { seconds: seconds(boot.ended - boot.started) }),
    ...(boot.plan && { style: boot.plan.style }),
    ...(boot.plan?.bootConfig.name && {
      boot_config: boot.plan.bootConfig.name,
      release: boot.plan.bootConfig.release,
    }),
    ...(boot.plan?.image && { image: boot.plan.image.name }),
    ...(reason && { reason }),
    rows: JOURNEY.map(({ number, name }) => rowOf(boot, number, name, reached)),
    actions: boot.actions ?? [],
    messages: boot.messages ?? [],
    events: boot.events,
  };
}

/** Returns whether the duration of the boot means something: an enrolled system may come up at any time. */
function tookTime({ outcome, plan }: Boot): boolean {
  return (outcome === 'up' || outcome === 'installed') && plan?.style !== 'installed';
}

function waitsFor(boot: Boot, reached: Stage): string | undefined {
  if (boot.plan?.install && stageNumber(reached) >= stageNumber('kernel'))
    return 'the installer runs; its answer file reports the end, with <installed_url()>';
  if (reached === 'kernel' && isCutOff(boot))
    return 'kernel or initramfs was cut off on its way: the node went away, or the network did';
  return JOURNEY[stageNumber(reached) - 1]?.stuck;
}

/** Returns whether every transfer of the kernel, or every one of the initramfs, was cut off. */
function isCutOff(boot: Boot): boolean {
  return ['kernel', 'initramfs'].some(name => {
    const own = boot.events.filter(({ file, complete }) => file === name && complete !== undefined);
    return own.length > 0 && own.every(({ complete }) => !complete);
  });
}

function rowOf(boot: Boot, number: number, stage: Stage, reached: Stage | undefined): TimelineRow {
  const events = boot.events.filter(event => event.stage === stage);
  const first = events[0];
  if (!first) {
    const passed = reached !== undefined && stageNumber(reached) > number;
    return { number, stage, ...(passed && { skipped: skipReason(boot, stage) }) };
  }
  const last = events.at(-1) ?? first;
  const details = [...new Set(events.flatMap(event => (event.detail ? [event.detail] : [])))];
  const bytes = events.reduce((sum, event) => sum + (event.bytes ?? 0), 0);
  return {
    number,
    stage,
    at: first.at,
    seconds: seconds(first.at - boot.started),
    ...(details.length > 0 && { detail: details.slice(-4).join('; ') }),
    ...(bytes > 0 && { bytes }),
    ...(last.peer && { peer: last.peer }),
    ...(last.error && { error: last.error }),
  };
}

function skipReason({ plan }: Boot, stage: Stage): string {
  if (plan?.style === 'installed') return 'not needed by an installed system';
  if (stageNumber(stage) < stageNumber('ipxe')) return 'iPXE is in the firmware';
  return stage === 'ipxe' ? 'no DHCP by iPXE was seen' : 'not reported';
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 10) / 100;
}
