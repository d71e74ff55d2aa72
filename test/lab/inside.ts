// What a booted node of the lab is looked at for, from the inside and at its head.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Lab } from '../../lab/lab.ts';
import { MARK, MARK_FILE } from '../../lab/recipe.ts';
import { BOOTS, type Timeline } from '../../src/api/boots.ts';
import type { Rehearsal } from '../../src/api/rehearsal.ts';
import { STAGES, type Stage } from '../../src/boot/journey.ts';
import { runInside } from './console.ts';

/** QEMU's BIOS has iPXE in its network card: there is no other firmware to be offered an address, and no loader. */
export const BIOS_LACKS: readonly Stage[] = ['offered', 'addressed', 'loader'];

export async function lastBoot(lab: Lab): Promise<Timeline> {
  const nodes = await lab.client.call(BOOTS.timeline, { query: { id: 'n0' } });
  const boot = nodes[0]?.boots.at(-1);
  if (!boot) throw new Error('there is no boot of n0');
  return boot;
}

export async function timelineIsComplete(
  t: ExecutionContext,
  lab: Lab,
  lacks: readonly Stage[],
  style: string,
): Promise<void> {
  const boot = await lastBoot(lab);
  t.is(boot.outcome, 'up');
  t.is(boot.style, style);
  const seen = boot.rows.filter(row => row.at !== undefined).map(row => row.stage);
  t.deepEqual(
    seen,
    STAGES.filter(stage => !lacks.includes(stage)),
  );
  const times = boot.rows.flatMap(row => (row.at === undefined ? [] : [row.at]));
  t.deepEqual(
    times,
    times.toSorted((left, right) => left - right),
    'the stages are in the order of the journey',
  );
  t.deepEqual(
    boot.rows.filter(row => row.error),
    [],
  );
  const { status, stdout } = await lab.muster('node', '-i', 'n0', 'timeline');
  t.is(status, 0);
  for (const stage of seen) t.regex(stdout, new RegExp(`\\b${stage}\\b`));
}

/** Words that loaders treat in different ways, and every sign that means something to a shell or to GRUB. */
export const QUOTED = [
  'muster.test="two words" acpi_osi="!Windows 2012" muster.sign=4M$512M muster.quoted="{a} $b ;c |d & (e) <f> `g` *"',
  'muster.plain=$HOME{x}(y)<z>|&*?[m]~!%^@+,:;`id`$(id)c#d muster.empty=""',
].join(' ');

/** What holds on every node, whatever its style. */
export async function contentIsRight(t: ExecutionContext, lab: Lab): Promise<void> {
  const node = lab.node();
  t.is((await runInside(node, `cat ${MARK_FILE}`)).output.trim(), MARK);
  const cmdline = (await runInside(node, 'cat /proc/cmdline')).output;
  t.regex(cmdline, /console=ttyS0/);
  const [explained] = JSON.parse((await lab.muster('boot', 'explain', 'n0', '--json')).stdout) as Rehearsal[];
  t.is(cmdline.trim(), explained?.stages.find(({ stage }) => stage === 'kernel')?.cmdline ?? '', 'as it was explained');
  t.notRegex(cmdline, /[0-9a-f]{32}/, 'no session id on the command line');
  const session = await runInside(node, 'find / -xdev -name session -path "*muster*" -perm /077 2>/dev/null | wc -l');
  t.is(session.output.trim(), '0', 'nobody but root can read the session');
  const attributes = (await runInside(node, 'cat /run/muster/etc/attributes.ini')).output;
  t.regex(attributes, /_boot_config\s*=\s*DefaultBoot/);
  t.is((await runInside(node, 'touch /root/a-new-file && cat /root/a-new-file')).status, 0);
}

export async function rootIs(t: ExecutionContext, lab: Lab, kind: string): Promise<void> {
  t.is(
    (await runInside(lab.node(), 'awk \'$2 == "/" { kind = $3 } END { print kind }\' /proc/mounts')).output.trim(),
    kind,
  );
}

export async function lowerIsReadOnly(t: ExecutionContext, lab: Lab): Promise<void> {
  const { status, output } = await runInside(lab.node(), 'touch /run/muster/lower/etc/a-new-file');
  t.not(status, 0);
  t.regex(output, /Read-only file system/);
}

/** The stored files of a lab, the largest last. */
export async function storedFiles(lab: Pick<Lab, 'head'>): Promise<{ path: string; size: number }[]> {
  const entries = await readdir(lab.head.state, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter(entry => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name));
  const files = await Promise.all(paths.map(async path => ({ path, size: (await stat(path)).size })));
  return files.sort((left, right) => left.size - right.size);
}

/** Bytes that have gone to the node behind this tap. */
export async function sentBytes(lab: Lab, tap: string): Promise<number> {
  const text = await lab.namespace.run(['ip', '-json', '-statistics', 'link', 'show', 'dev', tap]);
  const [link] = JSON.parse(text) as { stats64: { tx: { bytes: number } } }[];
  return link?.stats64.tx.bytes ?? 0;
}
