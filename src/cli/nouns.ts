// All nouns of the command line, in the order of the help.
import { addBootConfig } from './add-boot-config.ts';
import { backupRun } from './backup-action.ts';
import { bootsShow } from './boots-action.ts';
import { clusterShow, clusterUpdate, eventsFollow, logShow, statusShow, storageGc } from './cluster-actions.ts';
import { completionRun } from './completion-action.ts';
import { nodeConsole } from './console-action.ts';
import { importDistro } from './distro-import.ts';
import { doctorRun } from './doctor-action.ts';
import { download } from './download.ts';
import { nodeEnroll } from './enroll-action.ts';
import { nodeExec } from './exec-action.ts';
import { exportRun } from './export-action.ts';
import { filesCreate, filesPut, filesRemove, filesUpdate } from './files/change-actions.ts';
import { filesEdit } from './files/edit-action.ts';
import { filesHistory, filesList, filesShow } from './files/list-actions.ts';
import { filesPreview } from './files/preview-action.ts';
import { filesCat, filesDiff, filesExport } from './files/read-actions.ts';
import { filesClone, filesDelete, filesFreeze, filesRollback, filesThaw } from './files/set-actions.ts';
import { firmwareList } from './firmware-actions.ts';
import { imageDiff, imageHistory } from './image-actions.ts';
import { initRun } from './init-action.ts';
import { installRun } from './install/install-action.ts';
import { kickstartList, kickstartRender } from './kickstart-actions.ts';
import { kickstartFetch } from './kickstart-fetch-action.ts';
import { labRun } from './lab-action.ts';
import { leaseList } from './lease-actions.ts';
import { manRun } from './man-action.ts';
import { mkramfsRun } from './mkramfs-action.ts';
import { modimgList, modimgRun } from './modimg/action.ts';
import {
  joinGroups,
  leaveGroups,
  nodeExplain,
  nodeStatus,
  nodeTimeline,
  nodeUnknown,
  nodeWhy,
} from './node-actions.ts';
import { nodeFiles } from './node-files-action.ts';
import { nodeList } from './node-list.ts';
import { clear, commonActions, set } from './object-actions.ts';
import { packNode } from './pack-node-action.ts';
import { nodePower, nodeReboot, nodeShutdown } from './power-actions.ts';
import { bootExplain } from './rehearse-action.ts';
import { restoreRun } from './restore-action.ts';
import { clusterSettings } from './settings-action.ts';
import { nodeSshAction } from './ssh-action.ts';
import type { Action, Noun } from './table.ts';
import { topShow } from './top-action.ts';
import { waitFor } from './waitfor-action.ts';

const examples = (action: Action, ...lines: string[]): Action => ({ ...action, examples: lines });

const repo: Noun = {
  name: 'repo',
  aliases: ['repos'],
  kind: 'repo',
  summary: 'package repositories',
  selects: true,
  actions: [...commonActions('repo', 'muster repo', 'CentOS_base'), download],
};

const distro: Noun = {
  name: 'distro',
  aliases: ['distros'],
  kind: 'distro',
  summary: 'distributions to create images from: repositories and a release',
  selects: true,
  actions: [...commonActions('distro', 'muster distro', 'CentOS'), importDistro],
};

const head: Noun = {
  name: 'head',
  aliases: ['heads'],
  kind: 'head',
  summary: 'the machines that run musterd; each one adds itself',
  selects: true,
  actions: commonActions('head', 'muster head', 'head1').filter(
    ({ name }) => !['create', 'clone', 'replace'].includes(name),
  ),
};

const pool: Noun = {
  name: 'pool',
  aliases: ['pools', 'namingpools'],
  kind: 'pool',
  summary: 'naming pools: names, indices and addresses for new nodes',
  selects: true,
  actions: commonActions('pool', 'muster pool', 'default'),
};

/** Makes a noun that is one command. */
const single = (run: Action, rest: Partial<Noun> = {}): Noun => ({
  name: run.name,
  aliases: [],
  kind: 'node',
  summary: run.summary,
  selects: false,
  actions: [],
  run,
  ...rest,
});

/** The nouns by task, in the order of the help. */
const TASKS: Readonly<Record<string, readonly Noun[]>> = {
  'See what happens': [
    single(statusShow),
    single(topShow),
    single(bootsShow),
    single(logShow),
    single(eventsFollow),
    single(exportRun, { selects: true }),
  ],
  Nodes: [
    {
      name: 'node',
      aliases: ['nodectl', 'nodes'],
      kind: 'node',
      summary: 'the machines that boot: list, change, watch, switch on and off',
      selects: true,
      actions: [
        nodeList,
        ...commonActions('node', 'muster node', 'n0').filter(action => action.name !== 'list'),
        examples(set, 'muster node -i n[0-15] set _boot_config=mpiBoot'),
        examples(clear, 'muster node --all clear _boot_style'),
        joinGroups,
        leaveGroups,
        nodeStatus,
        nodeFiles,
        waitFor,
        nodePower,
        nodeReboot,
        nodeShutdown,
        nodeExec,
        nodeSshAction,
        nodeEnroll,
        nodeConsole,
        nodeTimeline,
        nodeWhy,
        nodeExplain,
        nodeUnknown,
      ],
    },
    {
      name: 'attrib',
      aliases: ['attribctl', 'attribs'],
      kind: 'attrib',
      summary: 'attribute groups; without -i, `set` and `clear` change the default group',
      selects: true,
      actions: [
        ...commonActions('attrib', 'muster attrib', 'gpu'),
        examples(set, 'muster attrib set _boot_config=SlurmBoot', 'muster attrib -i gpu set _boot_style=roram'),
        examples(clear, 'muster attrib -i gpu clear _boot_style'),
      ],
    },
    pool,
    {
      name: 'lease',
      aliases: ['leases'],
      kind: 'node',
      summary: 'addresses lent to machines that are not nodes',
      selects: false,
      actions: [leaseList],
    },
  ],
  'What nodes boot': [
    {
      name: 'boot',
      aliases: ['bootctl'],
      kind: 'boot',
      summary: 'boot configs: kernel, initramfs, kernel command line, image, boot style',
      selects: true,
      actions: [...commonActions('boot', 'muster boot', 'DefaultBoot'), download, bootExplain],
    },
    {
      name: 'image',
      aliases: ['imgctl', 'images'],
      kind: 'image',
      summary: 'images: the root file systems of nodes',
      selects: true,
      actions: [...commonActions('image', 'muster image', 'DefaultImage'), download, imageDiff, imageHistory],
    },
    {
      name: 'files',
      aliases: ['filesets', 'fileset'],
      kind: 'files',
      summary: 'file sets: the files, templates and scripts that nodes get on top of their image',
      selects: true,
      actions: [
        filesList,
        filesShow,
        filesCreate,
        filesUpdate,
        filesEdit,
        filesPut,
        filesCat,
        filesRemove,
        filesDiff,
        filesPreview,
        filesExport,
        filesHistory,
        filesRollback,
        filesClone,
        filesFreeze,
        filesThaw,
        filesDelete,
        ...commonActions('files', 'muster files', 'hosts').filter(({ name }) => name === 'meta'),
      ],
    },
    single(modimgRun, { kind: 'image', selects: true, actions: [modimgList] }),
    single(mkramfsRun, { kind: 'boot' }),
    single(addBootConfig, { kind: 'boot' }),
    single(packNode),
    distro,
    repo,
    {
      name: 'kickstart',
      aliases: ['kickstarts'],
      kind: 'node',
      summary: 'answer files for installers: kickstart, preseed and autoinstall',
      selects: false,
      actions: [kickstartList, kickstartRender, kickstartFetch],
    },
    {
      name: 'firmware',
      aliases: [],
      kind: 'node',
      summary: 'known differences between firmware, and what muster does about them',
      selects: false,
      actions: [firmwareList],
    },
  ],
  'The head': [
    single(initRun),
    single(installRun),
    single(doctorRun),
    single(backupRun),
    single(restoreRun),
    {
      name: 'cluster',
      aliases: ['clusterctl'],
      kind: 'cluster',
      summary: clusterSettings.summary,
      selects: false,
      actions: [clusterShow, clusterUpdate],
      nouns: [repo, distro, pool, head],
      run: clusterSettings,
    },
    head,
    {
      name: 'storage',
      aliases: [],
      kind: 'image',
      summary: 'stored files: remove those that nothing uses',
      selects: false,
      actions: [storageGc],
    },
  ],
  'Help and practice': [single(labRun), single(completionRun), single(manRun)],
};

export const NOUNS: readonly Noun[] = Object.entries(TASKS).flatMap(([task, nouns]) =>
  nouns.map(noun => ({ ...noun, task })),
);
