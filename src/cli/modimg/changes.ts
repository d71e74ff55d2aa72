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

/** The steps that are asked for, in their order. With `--create`, packages were installed with the rest. */
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

/** The files must be there: said before an image is unpacked. */
export async function requireFiles(wanted: Wanted): Promise<void> {
  for (const { from } of wanted.copyin)
    await stat(from).catch((error: unknown) => {
      throw new MusterError('bad-value', `--copyin: ${from} cannot be read: ${reasonOf(error)}`);
    });
}

/** A link in the image that stands where a file is to be is replaced, not followed. */
const COPY = ['--archive', '--no-preserve=ownership', '--remove-destination', '--no-target-directory'];

/** As `cp -a`, and all is root's: into a folder that is there, else under the new name. Links in the image lead nowhere outside. */
async function copyin({ progress }: Session, { root }: Tree, { copyin: files }: Wanted): Promise<void> {
  for (const { from, to } of files) {
    const source = resolve(from);
    const target = await targetOf(new ImageRoot(root), to, basename(source));
    if ((await lstat(target).catch(() => undefined))?.isSymbolicLink())
      throw new MusterError('bad-value', `--copyin: ${to} is a link in the image; name what it leads to.`);
    const result = await run('cp', [...COPY, '--', source, target], {
      env: { LC_ALL: 'C.UTF-8' },
      package: 'coreutils',
    });
    if (result.status !== 0) throw toolFailed(`--copyin ${from} ${to}`, result);
    progress.say(`  ${from} -> ${target.slice(root.length)}`);
  }
}

/** The path on this machine of the file or folder to be made. */
async function targetOf(image: ImageRoot, to: string, name: string): Promise<string> {
  const found = await image.stat(to);
  const path = found?.isDirectory() || to.endsWith('/') ? join(to, name) : to;
  // A link to a file: what it leads to is replaced.
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

/** The environment has the command, which may hold a password: everybody on the head reads the words of a program. */
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

/** A shell at the terminal; without one, the shell reads its commands from standard input. */
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

/** Output of programs in the image is printed here, on the same stream; with `--json` on standard error. */
const relay =
  (context: Context) =>
  (line: string, stream: 'stdout' | 'stderr'): void => {
    if (stream === 'stdout' && !isForPrograms(context.given)) context.terminal.write(`${line}\n`);
    else context.terminal.say(line);
  };

async function chrootOptions(root: string, name: string, { kver }: Wanted): Promise<ChrootOptions> {
  const chosen = kver ?? (await newestKernel(root));
  // Debian's prompt shows `debian_chroot`; every other shell takes PS1 as it is.
  const env = { debian_chroot: name, PS1: `[CW:${name} \\W]# ` };
  return { env, ...(chosen !== undefined && { kver: chosen }) };
}
