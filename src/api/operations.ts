// The admin API as one table: the operations of each noun. Routes, client, OpenAPI and docs/api.md come from here.
import { BOOTS } from './boots.ts';
import { DAEMON } from './daemon.ts';
import { EXPORTED } from './exports.ts';
import { FILE_SETS } from './file-sets.ts';
import { KICKSTARTS } from './kickstarts.ts';
import { MEMBERS } from './members.ts';
import { NODE_FILES } from './node-files.ts';
import { NODES } from './nodes.ts';
import { OBJECTS } from './objects.ts';
import type { Operations } from './operation.ts';
import { POWER } from './power.ts';
import { REHEARSAL } from './rehearsal.ts';
import { STORAGE } from './storage.ts';

/** By their heading in docs/api.md. */
export const NOUNS: Readonly<Record<string, Operations>> = {
  Objects: OBJECTS,
  'Attributes, groups and repos': MEMBERS,
  Nodes: NODES,
  'Files of nodes': NODE_FILES,
  Boots: BOOTS,
  'Rehearsed boots': REHEARSAL,
  'Power and commands': POWER,
  'Kickstart files': KICKSTARTS,
  Exports: EXPORTED,
  'File sets': FILE_SETS,
  'Stored files': STORAGE,
  'The daemon': DAEMON,
};
