// File sets on real nodes: placed before the root starts in every style, and a live change with its actions while it runs.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DISK_ATTRIBUTES, type Lab } from '../../../lab/lab.ts';
import { labTest } from '../../support/lab.ts';
import { until } from '../../support/until.ts';
import { runInside } from '../console.ts';

/** One node each; the first one has its agent killed. */
const NODES: readonly Readonly<Record<string, string>>[] = [
  { _boot_style: 'roram', _boot_rw_layer: 'overlayfs', _file_sets: 'many' },
  { _boot_style: 'roram', _boot_rw_layer: 'rwtab' },
  { _boot_style: 'iscsi' },
  { _boot_style: 'disked', ...DISK_ATTRIBUTES, _disk_wipe: 'changed' },
];
const DISKED = 3;

const CONTEXT = 'system_u:object_r:etc_t:s0';

const SET_TOML = `
[files."/etc/secret.key"]
owner = "mail"
mode = "0400"
context = "${CONTEXT}"

[files."/etc/group"]
merge = "names"

[[on_change]]
paths = ["/etc/motd"]
restart = ["systemd-journald"]
reload = ["no-such-unit"]
run = "note-change"

[[scripts]]
stage = "root"
file = "in-root"
required = true

[[scripts]]
stage = "boot"
file = "at-boot"
`;

const baseSet = (motd: string): Record<string, string> => ({
  'etc/motd.tmpl': `${motd} {{ node.name }}\n`,
  'etc/secret.key': 'key\n',
  'etc/group': 'lab:x:4711:\n',
  'etc/new/folder/file': 'new\n',
  '.fileset/set.toml': SET_TOML,
  '.fileset/scripts/in-root': '#!/bin/sh\ntest -e /proc/self && id -un && echo ran >/root/in-root\n',
  '.fileset/scripts/note-change': '#!/bin/sh\necho changed >>/root/changes; echo noted\n',
  '.fileset/scripts/at-boot': '#!/bin/sh\necho booted >/root/at-boot\n',
});

/** Enough files that the agent can be killed during an update. */
const MANY = 12;
const manySet = (text: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: MANY }, (_, at) => [`etc/many/${at}`, `${text}\n`]));

async function update(t: ExecutionContext, lab: Lab, verb: string, name: string, files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-set-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    await muster(t, lab, 'files', verb, name, '--from', folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function muster(t: ExecutionContext, lab: Lab, ...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await lab.muster(...words);
  t.is(status, 0, `muster ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

const inside = async (lab: Lab, index: number, command: string): Promise<string> =>
  (await runInside(lab.node(index), command)).output.trim();

async function allInStep(t: ExecutionContext, lab: Lab): Promise<void> {
  await until('all nodes are in step', async () => {
    // Nodes with the same state may share a line
    const lines = (await muster(t, lab, 'node', '-i', `n[0-${NODES.length - 1}]`, 'files')).trim().split('\n');
    return lines.every(line => /^\S+: in-step \[/.test(line));
  });
}

/** What the first boot gives to every node. */
async function filesArePlaced(t: ExecutionContext, lab: Lab, index: number): Promise<void> {
  const style = Object.values(NODES[index] ?? {}).join(' ');
  const read = await inside(lab, index, 'cat /etc/motd /etc/new/folder/file; grep lab: /etc/group');
  t.is(read, `first n${index}\nnew\nlab:x:4711:`, style);
  t.is(
    await inside(lab, index, 'stat -c "%U %a" /etc/secret.key; grep -c . /etc/group | grep -qv "^1$" && echo merged'),
    'mail 400\nmerged',
    style,
  );
  t.is(
    await inside(lab, index, 'getfattr --absolute-names --only-values -n security.selinux /etc/secret.key'),
    CONTEXT,
    style,
  );
  t.is(await inside(lab, index, 'cat /root/in-root /root/at-boot'), 'ran\nbooted', style);
  t.regex(await muster(t, lab, 'node', 'timeline', `n${index}`), /script base\/in-root \(root\) ran: root/);
}

/** Kills the agent and its children once it has begun to stage files, and keeps what a reader finds then. */
const KILLER = [
  'cd /run/muster/private/files/state',
  'until [ -s temps ]; do :; done',
  'for pid in $(cat /sys/fs/cgroup/system.slice/muster-agent.service/cgroup.procs); do kill -9 $pid; done',
  'cat applied >/root/applied-at-kill',
  'cat /etc/many/* | sort | uniq -c >/root/at-kill',
].join('; ');

labTest(
  test,
  'bios, every style: files are in the root when it starts, and a change arrives while it runs',
  { firmware: 'bios', nodes: NODES.length, memory: 768, emptyDisks: 1, attributes: { _status_secs: '2' } },
  async (t, lab) => {
    await update(t, lab, 'create', 'base', baseSet('first'));
    await update(t, lab, 'create', 'many', manySet('first'));
    await muster(t, lab, 'attrib', 'set', '_file_sets=base');
    for (const [index, attributes] of NODES.entries()) {
      const words = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
      await muster(t, lab, 'node', '-i', `n${index}`, 'set', ...words);
    }
    await Promise.all(NODES.map(async (_, index) => lab.bootUp(index)));
    for (const index of NODES.keys()) await filesArePlaced(t, lab, index);
    await allInStep(t, lab);

    await inside(lab, 0, `( (${KILLER}) >/dev/null 2>&1 & )`);
    await update(t, lab, 'update', 'many', manySet('second'));
    await update(t, lab, 'update', 'base', baseSet('second'));
    for (const index of NODES.keys()) {
      const arrived =
        'until grep -q second /etc/motd && [ -e /root/changes ]; do sleep 1; done; cat /etc/motd /root/changes';
      t.is(await inside(lab, index, arrived), `second n${index}\nchanged`);
    }
    // The heartbeat after the change reports it, and a unit that the node does not have is no failure
    await allInStep(t, lab);
    t.regex(
      await muster(t, lab, 'node', 'timeline', 'n2'),
      /no reload-or-restart of no-such-unit after a change of files/,
    );
    t.is(await inside(lab, 0, 'sort -u /etc/many/*'), 'second');
    const atKill = (await inside(lab, 0, 'cat /root/at-kill')).split('\n').map(line => line.trim());
    t.true(
      atKill.every(line => /^\d+ (?:first|second)$/.test(line)),
      `each file was old or new: ${atKill.join()}`,
    );
    const state = '/run/muster/private/files/state/applied';
    t.is(
      (await runInside(lab.node(), `cmp -s /root/applied-at-kill ${state}`)).status,
      1,
      'killed before the change was complete',
    );

    // The root on the disk is kept, and has the files of the last boot
    await lab.node(DISKED).powerOff();
    const { 'etc/new/folder/file': _gone, ...rest } = baseSet('third');
    await update(t, lab, 'update', 'base', rest);
    await lab.bootUp(DISKED);
    t.is(
      await inside(lab, DISKED, 'cat /etc/motd /root/changes; ls -d /etc/new'),
      `third n${DISKED}\nchanged\nls: cannot access '/etc/new': No such file or directory`,
    );
  },
);
