// The steps that change an unpacked image: files copied in, packages, commands, a shell.
import { lstat, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { MusterError, reasonOf } from '../../errors.ts';
import { type ChrootOptions, inImage } from '../../image/chroot.ts';
import { ImageRoot } from '../../image/image-root.ts';
import { newestKernel } from '../../image/mkramfs.ts';
import { managerInside } from '../../image/packages/choose.ts';
import { run, toolFailed } from '../../process/run.ts';
import { isForPrograms } from '../listing.ts';
import { isInteractive } from '../questions.ts';
import type { Context } from '../table.ts';
import type { Wanted } from './options.ts';
import type { Session, Tree } from './session.ts';

export interface Change {
  title: string;
  run(session: Session, tree: Tree, wanted: Wanted, work: string): Promise<void>;
}

/** Returns the requested steps in order. With `--create`, packages are already installed. */
export function changesOf(wanted: Wanted): Change[] {
  const rows: [boolean, Change][] = [
    [wanted.copyin.length > 0, { title: 'Copyin', run: copyin }],
    [wanted.install.length > 0 && wanted.create === undefined, { title: 'Install', run: packages('install') }],
    [wanted.uninstall.length > 0, { title: 'Uninstall', run: packages('uninstall') }],
    [wanted.update, { title: 'Update', run: packages('update') }],
    [wanted.execute.length > 0, { title: 'Execute', run: execute }],
    [wanted.chroot, { title: 'Chroot', run: shell }],
  ];
  return rows.filter(([asked]) => asked).map(([, change]) => change);
}

/** Checks that the files exist, before an image is unpacked. */
export async function requireFiles(wanted: Wanted): Promise<void> {
  for (const { from } of wanted.copyin)
    await stat(from).catch((error: unknown) => {
      throw new MusterError('bad-value', `--copyin: ${from} cannot be read: ${reasonOf(error)}`);
    });
}

/** Replaces a link in the image at the destination of a file; does not follow it. */
const COPY = ['--archive', '--no-preserve=ownership', '--remove-destination', '--no-target-directory'];

/** Copies like `cp -a` with root as owner: into an existing folder, else under the new name. Links in the image never lead outside. */
async function copyin({ progress }: Session, { root }: Tree, { copyin: files }: Wanted): Promise<void> {
  for (const { from, to } of files) {
    const source = resolve(from);
    const target = await targetOf(new ImageRoot(root), to, basename(source));
    if ((await lstat(target).catch(() => undefined))?.isSymbolicLink())
      throw new MusterError('bad-value', `--copyin: ${to} is a link in the image; name its target.`);
    const result = await run('cp', [...COPY, '--', source, target], {
      env: { LC_ALL: 'C.UTF-8' },
      package: 'coreutils',
    });
    if (result.status !== 0) throw toolFailed(`--copyin ${from} ${to}`, result);
    progress.say(`  ${from} -> ${target.slice(root.length)}`);
  }
}

/** Returns the path on this machine of the new file or folder. */
async function targetOf(image: ImageRoot, to: string, name: string): Promise<string> {
  const found = await image.stat(to);
  const path = found?.isDirectory() || to.endsWith('/') ? join(to, name) : to;
  // For a link to a file, replaces its target.
  const target = found?.isFile() && !to.endsWith('/') ? await image.find(to) : await image.place(path);
  if (target !== undefined) return target;
  throw new MusterError('bad-value', `--copyin: the image has no folder ${to.endsWith('/') ? to : dirname(to)}.`);
}

const packages =
  (action: 'install' | 'uninstall' | 'update') =>
  async ({ progress }: Session, { root }: Tree, wanted: Wanted, work: string): Promise<void> => {
    const manager = await managerInside(root);
    const kver = wanted.kver ?? (await newestKernel(root));
    const ports = { progress, work, ...(kver !== undefined && { kver }) };
    if (action === 'update') await manager.update(root, ports);
    else await manager[action](root, wanted[action], ports);
  };

/** The command is in the environment, because it may contain a password and every user of the head can read a program's arguments. */
const COMMAND = 'MUSTER_COMMAND';
const EVALUATE = `eval "unset ${COMMAND}
$${COMMAND}"`;

async function execute({ progress, context }: Session, { root, local }: Tree, wanted: Wanted): Promise<void> {
  for (const command of wanted.execute) {
    progress.say(`  ${command}`);
    const options = await chrootOptions(root, local.name, wanted);
    const env = { ...options.env, [COMMAND]: command };
    const result = await inImage(root, ['/bin/sh', '-c', EVALUATE], { ...options, env, onLine: relay(context) });
    if (result.status !== 0) throw toolFailed(command, result, `in the image '${local.name}'`);
  }
}

/** Opens a shell at the terminal; without one, the shell reads its commands from standard input. */
async function shell({ progress, context }: Session, { root, local }: Tree, wanted: Wanted): Promise<void> {
  const program = (await new ImageRoot(root).has('/bin/bash')) ? '/bin/bash' : '/bin/sh';
  const options = await chrootOptions(root, local.name, wanted);
  if (isInteractive()) {
    progress.say(`Dropping into a ${program} shell. Exit when done.`);
    await inImage(root, [program], { ...options, terminal: true });
    return;
  }
  const script = await textOf(process.stdin);
  const result = await inImage(root, [program, '-s'], { ...options, input: script, onLine: relay(context) });
  if (result.status !== 0) throw toolFailed('the script on standard input', result, `in the image '${local.name}'`);
}

/** Prints the output of programs in the image on the same stream; with `--json` on standard error. */
const relay =
  (context: Context) =>
  (line: string, stream: 'stdout' | 'stderr'): void => {
    if (stream === 'stdout' && !isForPrograms(context.given)) context.terminal.write(`${line}\n`);
    else context.terminal.say(line);
  };

async function chrootOptions(root: string, name: string, { kver }: Wanted): Promise<ChrootOptions> {
  const chosen = kver ?? (await newestKernel(root));
  // Debian's prompt shows `debian_chroot`; other shells use PS1 as it is.
  const env = { debian_chroot: name, PS1: `[CW:${name} \\W]# ` };
  return { env, ...(chosen !== undefined && { kver: chosen }) };
}
