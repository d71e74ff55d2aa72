// Who may read a root over iSCSI: names of targets and initiators, the secret of a boot, and which boot of a node it is.
import { createHmac } from 'node:crypto';
import type { Refused } from '../refused.ts';
import { type Boot, furthestStage } from './boot.ts';
import type { BootPlan } from './boot-plan.ts';
import { ageOf } from './boot-time.ts';
import { stageNumber } from './journey.ts';

/** iSCSI names below one prefix (RFC 7143 §4.2.7.1: `iqn.<year-month>.<reversed domain>`). */
export interface IscsiNames {
  /** The target that exports an image. */
  target(imageUid: string): string;
  initiator(nodeUid: string): string;
  /** Returns the node that an initiator's name stands for, if it is one of ours. */
  nodeOf(initiator: string): string | undefined;
}

export function iscsiNames(prefix: string): IscsiNames {
  const node = `${prefix}:node-`;
  return {
    target: uid => `${prefix}:${uid}`,
    initiator: uid => node + uid,
    nodeOf: name => (name.startsWith(node) ? name.slice(node.length) : undefined),
  };
}

/** What a node logs in with; it reaches the node in its session file. */
export interface IscsiAccess {
  /** `address:port`. */
  portal: string;
  target: string;
  initiator: string;
  user: string;
  secret: string;
}

/**
 * The CHAP account of a boot. The secret is derived from the head's key, so none is stored and a node can log in again after a
 * restart of the head. 32 hex digits are 128 random bits; RFC 7143 §12.1.3 asks for 96.
 */
export function chapOf(key: Buffer, boot: Pick<Boot, 'id' | 'sessionHash'>): { user: string; secret: string } {
  const secret = createHmac('sha256', key)
    .update(`iscsi\0${boot.id}\0${boot.sessionHash ?? ''}`)
    .digest('hex');
  return { user: boot.id, secret: secret.slice(0, 32) };
}

/** Returns whether a boot has a disk on this head. */
export function readsOverIscsi(plan: BootPlan): boolean {
  return plan.image !== null && (plan.style === 'iscsi' || plan.sanboot?.iscsi === true);
}

/** Returns what a boot logs in with, if it has a disk on this head. */
export function bootIscsi(
  ports: { iscsiAccess?(boot: Boot, plan: BootPlan): IscsiAccess },
  boot: Boot,
  plan: BootPlan,
): IscsiAccess | undefined {
  return readsOverIscsi(plan) ? ports.iscsiAccess?.(boot, plan) : undefined;
}

export type RootReader = { boot: Boot; plan: BootPlan };
export type RootReaders = { readers: [RootReader, ...RootReader[]] } | Refused;

/**
 * Returns the boots of a node with systems that may read their root now, the newest first: the newest that has reached its
 * initramfs, or that iPXE boots from iSCSI, and earlier ones with systems that are still alive. So a running system keeps its
 * root, whatever the firmware of the next boot, or somebody who pretends to be it, does: a boot loses its root when it has ended,
 * not because another has begun.
 * @param boots of one node, oldest first @param now milliseconds of a clock that never goes back
 * @param sessionMs how long a boot may take to come up @param isAlive whether a system runs from a boot, as far as the head knows
 */
export function rootReaders(
  boots: readonly Boot[],
  now: number,
  sessionMs: number,
  isAlive: (boot: Boot) => boolean = () => false,
): RootReaders {
  const planned = boots.flatMap(boot => (boot.plan && boot.sessionHash ? [{ boot, plan: boot.plan }] : []));
  const isUnderWay = ({ boot, plan }: RootReader): boolean => hasReachedInitramfs(boot) || plan.sanboot !== undefined;
  const newest = planned.findLast(isUnderWay) ?? planned.at(-1);
  if (!newest) return { refused: 'the node has no boot session' };
  const [first, ...more] = planned
    .filter(reader => isAlive(reader.boot) || (reader === newest && mayStillComeUp(reader.boot, now, sessionMs)))
    .toReversed();
  if (!first) return { refused: `its boot ${newest.boot.id} is too old and never came up` };
  return { readers: [first, ...more] };
}

function mayStillComeUp(boot: Boot, now: number, sessionMs: number): boolean {
  if (boot.outcome === 'expired') return false;
  const isUp = boot.events.some(event => event.stage === 'up');
  return isUp || boot.outcome === 'handed-over' || ageOf(boot, now) <= sessionMs;
}

function hasReachedInitramfs(boot: Boot): boolean {
  const furthest = furthestStage(boot);
  return furthest !== undefined && stageNumber(furthest) >= stageNumber('initramfs');
}
