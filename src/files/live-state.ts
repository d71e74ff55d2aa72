// Decisions about the files of running nodes: which index a node should have, and how far it has got.
import type { Refused } from '../refused.ts';
import { EMPTY_INDEX } from './index-text.ts';

/** The attribute that says whether a running node applies changes automatically. */
export const FILES_LIVE = '_files_live';

export interface LiveRule {
  /** With `manual`, a node gets only an index that was released to it, until its next boot. */
  mode: 'auto' | 'manual';
  /** The last index that was released to it. */
  released?: string;
}

/** Returns the index that a running node should have; undefined when it keeps what it has. @param current undefined without file sets */
export function indexFor(
  current: string | undefined,
  { mode, released }: LiveRule,
  applied: string | undefined,
): string | undefined {
  // A node that never had files needs no empty index
  if (current === undefined && (applied === undefined || applied === EMPTY_INDEX.sha256)) return undefined;
  const wanted = current ?? EMPTY_INDEX.sha256;
  return mode === 'auto' || released === wanted ? wanted : undefined;
}

export const FILES_STATES = ['in-step', 'pending', 'failed', 'locally-changed', 'unknown'] as const;
export type FilesState = (typeof FILES_STATES)[number];

export interface FilesFacts {
  isUp: boolean;
  /** The index that its file sets give now; undefined without file sets. */
  current: string | undefined | Refused;
  rule: LiveRule;
  /** Facts of its last heartbeat. */
  facts: Readonly<Record<string, string>>;
}

/** Returns the state of a node's files, and the reason when they are not in step. */
export function filesState({ isUp, current, rule, facts }: FilesFacts): { state: FilesState; reason?: string } {
  if (!isUp) return { state: 'unknown', reason: 'the node is not up' };
  if (typeof current === 'object') return { state: 'failed', reason: current.refused };
  const { files_applied: applied, files_failed: failed, files_local: local, files_tried: tried } = facts;
  const wanted = current ?? EMPTY_INDEX.sha256;
  // A failure of earlier files says nothing about these
  if (failed && (tried ?? wanted) === wanted) return { state: 'failed', reason: failed };
  if (applied === wanted && facts['files_acting'])
    return { state: 'pending', reason: 'reloads and scripts of the change still run' };
  if ((applied ?? EMPTY_INDEX.sha256) === wanted)
    return local ? { state: 'locally-changed', reason: local } : { state: 'in-step' };
  const isHeld = indexFor(current, rule, applied) === undefined;
  return {
    state: 'pending',
    reason: isHeld ? `waits for 'files apply' (${FILES_LIVE}=manual)` : 'with its next heartbeat',
  };
}
