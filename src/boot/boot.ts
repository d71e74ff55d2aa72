// One boot of one node: its frozen plan, its session, its timeline.
import { createHash } from 'node:crypto';
import type { KernelMoment } from '../clock.ts';
import type { LoaderName } from '../config-values.ts';
import type { BootPlan } from './boot-plan.ts';
import type { EventFacts } from './faults.ts';
import { type Problem, type Stage, stageNumber } from './journey.ts';

export interface BootEvent extends EventFacts {
  /** A stamp on the boot's own line, see `Boot.started`. */
  at: number;
  stage: Stage;
  detail?: string;
  bytes?: number;
  peer?: string;
  error?: string;
}

/** What a server saw, without its time. */
export type Seen = Problem & Omit<BootEvent, 'at' | 'error' | 'fault'>;

/** The intended result of a power action: the node returns, or stays off. */
export type PowerWish = 'up' | 'down';

/** A change of the node's power: it ends one boot and begins the next. */
export interface BootAction {
  /** A stamp on the boot's own line, before `Boot.started` when it caused the boot. */
  at: number;
  text: string;
  /** What was requested, on the event that begins it. */
  action?: PowerWish;
  /** Whether it failed. */
  error?: boolean;
}

/** What a booting node reported by syslog: its kernel, its initramfs, iPXE. */
export interface BootMessage {
  /** When it came: a stamp on the boot's own line. */
  at: number;
  /** 0 emergency to 7 debug (RFC 5424 §6.2.1). */
  severity: number;
  /** What wrote it. */
  app?: string;
  text: string;
}

/**
 * `handed-over`: the node was left to its own disk, as its boot style says. `installed`: its installer reported its end. `enrolled`: no
 * boot yet, but the identity of an installed system that has sent no heartbeat.
 */
export type Outcome = 'up' | 'handed-over' | 'installed' | 'enrolled' | 'superseded' | 'expired';

export interface Boot {
  /** A public number for people; not a capability. */
  id: string;
  /** UID of the node. */
  node: string;
  /** Milliseconds since 1970. All other stamps of the boot count on from here, see `boot-time`. */
  started: number;
  /** When it began by a clock that never goes back; absent in rows of older versions. */
  begun?: KernelMoment;
  /** Counts the boots of a node; absent in rows of older versions, which are older than all that have it. */
  ordinal?: number;
  ended?: number;
  outcome?: Outcome;
  plan?: BootPlan;
  /** SHA-256 of the session id and of the heartbeat token: the database holds no capability. */
  sessionHash?: string;
  tokenHash?: string;
  /** SHA-256 of the claim with which its node gets its secrets, see `claims`. */
  claimHash?: string;
  /** Its session was minted without a DHCP exchange of firmware that this head saw: a user of the running system may have asked. */
  byAddressAlone?: boolean;
  /** SHA-256 of the single-use token that began it, for an enrolled system. */
  enrolHash?: string;
  /** When that token expires, in milliseconds since 1970: until then the boot is kept, so that the token works once. */
  enrolUntil?: number;
  /** The `_boot_once` of its plan was cleared; one set afterwards is for the next boot. */
  onceTaken?: boolean;
  events: BootEvent[];
  /** What an administrator did to its power, before and during the boot. */
  actions?: BootAction[];
  /** The newest syslog messages of the node. */
  messages?: BootMessage[];
  /** The loader file that was offered. */
  loader?: string;
  /** An administrator chose it for the node: it says nothing about other loaders. */
  loaderWanted?: boolean;
  /** What kind of firmware asked for it. */
  arch?: LoaderName;
  /** The network card that iPXE booted by: `pci 1af4:1000`. */
  card?: string;
  /** What the watcher of the initramfs saw in a system without an agent yet, and when: milliseconds since 1970. */
  system?: { at: number; facts: Record<string, string> };
  /** Its agent reported that the system goes down: to come up again, or to stay down. */
  goodbye?: { at: number; to: PowerWish };
  /** Facts of the hardware, from the first heartbeat. */
  hardware?: Record<string, string>;
}

/** A node that reports for ever must not fill the head's memory. */
const EVENT_LIMIT = 300;

/** Characters kept of the text of an event. */
const WORDS_LIMIT = 2000;

/** Actions kept per boot, the newest. */
const ACTION_LIMIT = 50;

/** Messages kept per boot, the newest. */
const MESSAGE_LIMIT = 100;

/** Adds a message; returns by how much the number of messages grew. */
export function addMessage(boot: Boot, message: BootMessage): number {
  const messages = [...(boot.messages ?? []), message];
  const before = messages.length - 1;
  // Drops the least important, the oldest of them first: a possible reason stays.
  if (messages.length > MESSAGE_LIMIT) {
    const least = Math.max(...messages.map(({ severity }) => severity));
    messages.splice(
      messages.findIndex(({ severity }) => severity === least),
      1,
    );
  }
  boot.messages = messages;
  return messages.length - before;
}

export function addAction(boot: Boot, action: BootAction): void {
  boot.actions = [...(boot.actions ?? []), action].slice(-ACTION_LIMIT);
}

/** Returns what the timeline keeps of a note. */
export function eventOf(note: Seen, at: number): BootEvent {
  const { stage, detail, bytes, peer, error, fault, file, complete, about, by } = note;
  return {
    at,
    stage,
    ...(detail && { detail: detail.slice(0, WORDS_LIMIT) }),
    ...(bytes !== undefined && { bytes }),
    ...(peer && { peer }),
    ...(error && { error: error.slice(0, WORDS_LIMIT) }),
    ...(fault && { fault }),
    ...(file && { file }),
    ...(complete !== undefined && { complete }),
    ...(about && { about }),
    ...(by && { by }),
  };
}

/** Keeps what the watcher saw, and returns whether it is already on the timeline: it is reported repeatedly. */
export function isKnownSystem(boot: Boot, facts: Record<string, string>, at: number): boolean {
  const isKnown = boot.system !== undefined || boot.outcome !== undefined;
  boot.system = { at, facts };
  return isKnown;
}

/** Adds an event. If there are too many, drops the oldest that is not the first of its stage: a boot never forgets how far it got, and when. */
export function addEvent(boot: Boot, event: BootEvent): void {
  if (boot.events.length >= EVENT_LIMIT) boot.events.splice(leastNeeded(boot.events), 1);
  boot.events.push(event);
}

function leastNeeded(events: readonly BootEvent[]): number {
  const reached = new Set<Stage>();
  return events.findIndex(({ stage, error }) => {
    if (error !== undefined || reached.has(stage)) return true;
    reached.add(stage);
    return false;
  });
}

/** The furthest stage the boot has reached. */
export function furthestStage(boot: Boot): Stage | undefined {
  let furthest: Stage | undefined;
  for (const event of boot.events) {
    if (!event.error && (!furthest || stageNumber(event.stage) > stageNumber(furthest))) furthest = event.stage;
  }
  return furthest;
}

/** Returns the error where the boot is stuck; undefined if it continued, or had got further before the error was reported. */
export function currentError(boot: Boot): BootEvent | undefined {
  if (boot.outcome === 'up' || boot.outcome === 'installed') return undefined;
  const position = boot.events.findLastIndex(event => event.error !== undefined);
  const last = boot.events[position];
  if (!last) return undefined;
  const wentOn = boot.events.some(
    (event, index) =>
      !event.error &&
      (event.stage === last.stage ? index > position : stageNumber(event.stage) > stageNumber(last.stage)),
  );
  return wentOn ? undefined : last;
}

/** Returns the token derived from the session id, so that the archive can be made again after a restart without keeping a secret. */
export function tokenOf(sessionId: string): string {
  return derive('heartbeat', sessionId).slice(0, 32);
}

export function hashOf(secret: string): string {
  return derive('stored', secret);
}

function derive(purpose: string, secret: string): string {
  return createHash('sha256').update(`muster ${purpose}\0${secret}`).digest('hex');
}
