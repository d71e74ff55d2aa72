// The files of one node after rendering: what its index and bundle are made of (docs/decisions/0010-file-sets.md).
import type { Merge, OnChange, StageScript } from './set-content.ts';

export interface RenderedEntry {
  type: 'file' | 'folder' | 'link';
  /** Absolute path on the node. */
  path: string;
  mode: number;
  owner: string;
  group: string;
  /** Of a file. */
  content: Buffer;
  /** SHA-256 of the content, in hex; empty for a folder or link. */
  sha256: string;
  /** Of a link. */
  target: string;
  xattrs: readonly (readonly [name: string, value: Buffer])[];
  merge: Merge;
  secret: boolean;
  optional: boolean;
  keepsLocalEdits: boolean;
  /** Where it comes from: the set's name, and the path in its archive. */
  origin: { set: string; file: string };
}

/** An optional file that could not be rendered. */
export interface LeftOut {
  path: string;
  set: string;
  reason: string;
}

export interface Rendered {
  /** Sorted by path: a folder is before what is in it. */
  entries: readonly RenderedEntry[];
  scripts: readonly StageScript[];
  changes: readonly OnChange[];
  leftOut: readonly LeftOut[];
}
