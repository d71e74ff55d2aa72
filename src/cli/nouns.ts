// All nouns of the command line, in the order of the help.

import { clusterShow, clusterUpdate, eventsFollow, logShow, statusShow, storageGc } from './cluster-actions.ts';
import { download } from './download.ts';
import { labRun } from './lab-action.ts';
import { mkramfsRun } from './mkramfs-action.ts';
import { joinGroups, leaveGroups, nodeExplain, nodeStatus, nodeTimeline, nodeUnknown } from './node-actions.ts';
import { clear, commonActions, set } from './object-actions.ts';
import type { Action, Noun } from './table.ts';

const examples = (action: Action, ...lines: string[]): Action => ({ ...action, examples: lines });

export const NOUNS: readonly Noun[] = [
  {
    name: 'node',
    aliases: ['nodectl', 'nodes'],
    kind: 'node',
    summary: 'machines that boot',
    selects: true,
    actions: [
      ...commonActions('node', 'muster node', 'n0'),
      examples(set, 'muster node -i n[0-15] set _boot_config=mpiBoot'),
      examples(clear, 'muster node --all clear _boot_style'),
      joinGroups,
      leaveGroups,
      nodeStatus,
      nodeTimeline,
      nodeExplain,
      nodeUnknown,
    ],
  },
  {
    name: 'attrib',
    aliases: ['attribctl', 'attribs'],
    kind: 'attrib',
    summary: 'attribute groups; `set` and `clear` without -i act on the default group',
    selects: true,
    actions: [
      ...commonActions('attrib', 'muster attrib', 'gpu'),
      examples(set, 'muster attrib set _boot_config=SlurmBoot', 'muster attrib -i gpu set _boot_style=roram'),
      examples(clear, 'muster attrib -i gpu clear _boot_style'),
    ],
  },
  {
    name: 'boot',
    aliases: ['bootctl', 'boots'],
    kind: 'boot',
    summary: 'boot configs: kernel, initramfs, cmdline, image, boot style',
    selects: true,
    actions: [...commonActions('boot', 'muster boot', 'DefaultBoot'), download],
  },
  {
    name: 'image',
    aliases: ['imgctl', 'images'],
    kind: 'image',
    summary: 'images: the root file systems of nodes',
    selects: true,
    actions: [...commonActions('image', 'muster image', 'DefaultImage'), download],
  },
  {
    name: 'cluster',
    aliases: ['clusterctl'],
    kind: 'cluster',
    summary: 'settings of the whole cluster',
    selects: false,
    actions: [clusterShow, clusterUpdate],
  },
  {
    name: 'pool',
    aliases: ['pools'],
    kind: 'pool',
    summary: 'naming pools',
    selects: true,
    actions: commonActions('pool', 'muster pool', 'default'),
  },
  { name: 'storage', aliases: [], kind: 'image', summary: 'stored files', selects: false, actions: [storageGc] },
  {
    name: 'status',
    aliases: [],
    kind: 'node',
    summary: 'the daemon and its nodes, in one screen',
    selects: false,
    actions: [],
    run: statusShow,
  },
  {
    name: 'log',
    aliases: [],
    kind: 'node',
    summary: 'the audit trail: who changed what',
    selects: false,
    actions: [],
    run: logShow,
  },
  {
    name: 'events',
    aliases: [],
    kind: 'node',
    summary: 'what happens, as it happens',
    selects: false,
    actions: [],
    run: eventsFollow,
  },
  {
    name: 'mkramfs',
    aliases: [],
    kind: 'boot',
    summary: 'build an initramfs from an image',
    selects: false,
    actions: [],
    run: mkramfsRun,
  },
  {
    name: 'lab',
    aliases: [],
    kind: 'node',
    summary: 'a private virtual cluster on this machine',
    selects: false,
    actions: [],
    run: labRun,
  },
];
