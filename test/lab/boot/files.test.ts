// File sets on a real node: placed before its root starts, and a live change with its reload while it runs.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Lab } from '../../../lab/lab.ts';
import { labTest } from '../../support/lab.ts';
import { until } from '../../support/until.ts';
import { runInside } from '../console.ts';

const SET_TOML = `
[files."/etc/secret.key"]
owner = "mail"
mode = "0400"

[files."/etc/group"]
merge = "names"

[[on_change]]
paths = ["/etc/motd"]
restart = ["systemd-journald"]
run = "note-change"

[[scripts]]
stage = "root"
file = "in-root"
required = true

[[scripts]]
stage = "boot"
file = "at-boot"
`;

async function writeSet(folder: string, motd: string): Promise<void> {
  const files: Record<string, string> = {
    'etc/motd.tmpl': `${motd} {{ node.name }}\n`,
    'etc/secret.key': 'key\n',
    'etc/group': 'lab:x:4711:\n',
    'etc/new/folder/file': 'new\n',
    '.fileset/set.toml': SET_TOML,
    '.fileset/scripts/in-root': '#!/bin/sh\ntest -e /proc/self && id -un && echo ran >/root/in-root\n',
    '.fileset/scripts/note-change': '#!/bin/sh\necho changed >>/root/changes; echo noted\n',
    '.fileset/scripts/at-boot': '#!/bin/sh\necho booted >/root/at-boot\n',
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

const muster = async (t: ExecutionContext, lab: Lab, ...words: string[]): Promise<string> => {
  const { status, stdout, stderr } = await lab.muster(...words);
  t.is(status, 0, `muster ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
};

for (const rwLayer of ['overlayfs', 'rwtab'])
  labTest(
    test,
    `bios, roram with ${rwLayer}: files are in the root when it starts, and a change arrives while it runs`,
    { firmware: 'bios', style: 'roram', attributes: { _boot_rw_layer: rwLayer, _status_secs: '2' } },
    async (t, lab) => {
      const folder = await mkdtemp(join(tmpdir(), 'muster-set-'));
      t.teardown(async () => rm(folder, { recursive: true, force: true }));
      await writeSet(folder, 'first');
      await muster(t, lab, 'files', 'create', 'base', '--from', folder);
      await muster(t, lab, 'node', '-i', 'n0', 'set', '_file_sets=base');
      await lab.bootUp();
      const inside = async (command: string) => (await runInside(lab.node(), command)).output.trim();
      t.is(await inside('cat /etc/motd /etc/new/folder/file; grep lab: /etc/group'), 'first n0\nnew\nlab:x:4711:');
      t.is(
        await inside('stat -c "%U %a" /etc/secret.key; grep -c . /etc/group | grep -qv "^1$" && echo merged'),
        'mail 400\nmerged',
      );
      t.is(await inside('cat /root/in-root'), 'ran');
      t.is(await inside('cat /root/at-boot'), 'booted');
      t.regex(await muster(t, lab, 'node', 'timeline', 'n0'), /script base\/in-root \(root\) ran: root/);
      await writeSet(folder, 'second');
      await muster(t, lab, 'files', 'update', 'base', '--from', folder);
      t.is(
        await inside(
          'for i in $(seq 60); do grep -q second /etc/motd && [ -e /root/changes ] && break; sleep 1; done; cat /etc/motd /root/changes',
        ),
        'second n0\nchanged',
      );
      // The heartbeat after the change reports it
      await until('n0 is in step', async () =>
        /^n0: in-step \[base\]/.test(await muster(t, lab, 'node', '-i', 'n0', 'files')),
      );
    },
  );
