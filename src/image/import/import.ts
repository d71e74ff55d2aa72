// Turns a source (a folder, an archive, a squashfs, an OCI image) into an unpacked image tree.
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MusterError, reasonOf } from '../../errors.ts';
import { DIES_WITH_PARENT, run, toolFailed } from '../../process/run.ts';
import { findRoot } from '../cwsquash.ts';
import { ImageRoot } from '../image-root.ts';
import type { Progress } from '../progress.ts';
import { unpackImage } from '../unpack.ts';
import { extract } from './archive.ts';
import { isLayout, unpackLayout } from './oci.ts';

export interface ImportPorts {
  progress: Progress;
  /** An empty folder for temporary files, on the same file system as `root`. */
  work: string;
  signal?: AbortSignal;
}

/** Creates the folder `root` from `source`. Errors: `bad-value`, `bad-image`, `disk-full`, `tool-failed`. */
export async function importTree(source: string, root: string, ports: ImportPorts): Promise<void> {
  const path = resolve(source);
  const found = await stat(path).catch((error: unknown) => {
    throw new MusterError('bad-value', `${source}: cannot be read: ${reasonOf(error)}`);
  });
  // Reading a FIFO or a device would never end.
  if (!found.isFile() && !found.isDirectory())
    throw new MusterError('bad-value', `${source}: is neither a file nor a folder.`);
  if (found.isDirectory() && isLayout(path)) await fromLayout(path, root, ports);
  else if (found.isDirectory()) await fromFolder(path, root, ports);
  else if (await isSquashfs(path)) {
    await ports.progress.measured(async update =>
      unpackImage({ file: path, root, onProgress: update, ...(ports.signal && { signal: ports.signal }) }),
    );
  } else await fromArchive(path, root, ports);
  await requireSystem(root, source);
  await sayClosed(root, source, ports.progress);
}

/** A tree from a `mktemp -d` folder has a mode with which only root can use the system. */
async function sayClosed(root: string, source: string, progress: Progress): Promise<void> {
  const mode = (await stat(root)).mode & 0o7777;
  if ((mode & 0o005) === 0o005) return;
  progress.say(
    `WARNING: ${source} lets only root into / (mode ${mode.toString(8)}), and so does the image; --execute 'chmod 755 /' corrects that.`,
  );
}

async function fromLayout(path: string, root: string, { progress, signal }: ImportPorts): Promise<void> {
  await progress.timed(async () =>
    unpackLayout(path, root, { say: text => progress.say(text), ...(signal && { signal }) }),
  );
}

/** Only this file system: mounts below it do not belong to the image. `cp` of coreutils keeps links, attributes and holes. */
async function fromFolder(path: string, root: string, { progress, work, signal }: ImportPorts): Promise<void> {
  if (await holds(path, work))
    throw new MusterError('bad-value', `${path} contains the folder to copy it into: ${work}`, {
      hint: 'Use another file system for the workspace: MUSTER_WORKSPACE=/FOLDER. To import the system of this machine, run muster pack-node >system.tar and import that.',
    });
  await mkdir(root);
  const [program = '', ...words] = [
    ...DIES_WITH_PARENT,
    'cp',
    '--archive',
    '--one-file-system',
    '--reflink=auto',
    '--sparse=auto',
  ];
  const result = await progress.timed(async () =>
    run(program, [...words, '--', `${path}/.`, root], { ...(signal && { signal }), keepBytes: 65_536 }),
  );
  if (result.status !== 0) throw toolFailed(`cp --archive ${path}`, result);
}

/** Returns whether a folder is inside another, on the same file system. */
async function holds(outer: string, inner: string): Promise<boolean> {
  const [above, below] = [await realpath(outer), await realpath(inner)];
  if (!`${below}/`.startsWith(above === '/' ? above : `${above}/`)) return false;
  return (await stat(above)).dev === (await stat(below)).dev;
}

/** Imports an archive of files, of an OCI layout, or from `docker save`. */
async function fromArchive(path: string, root: string, ports: ImportPorts): Promise<void> {
  const { progress, work, signal } = ports;
  const folder = join(work, 'archive');
  await mkdir(folder);
  await progress
    .timed(async () => extract(path, folder, signal))
    .catch((error: unknown) => {
      if (!(error instanceof MusterError) || error.code !== 'tool-failed') throw error;
      throw new MusterError(
        'bad-image',
        `${path} cannot be imported: it is not a squashfs, and tar reports: ${error.message}`,
      );
    });
  if (isLayout(folder)) {
    await fromLayout(folder, root, ports);
    await rm(folder, { recursive: true, force: true });
  } else await rename(folder, root);
}

async function isSquashfs(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(size, (1 << 20) + 96));
    await handle.read(start, 0, start.length, 0);
    const found = findRoot(start, size);
    if (!('refused' in found)) return true;
    // A damaged squashfs is not an archive either, so its own reason is better.
    if (found.isDamaged) throw new MusterError('bad-image', `${path}: ${found.refused}.`);
    return false;
  } finally {
    await handle.close();
  }
}

/** Refuses a tree without the folders of a system: the wrong folder, or an archive with an extra folder around everything. */
async function requireSystem(root: string, source: string): Promise<void> {
  for (const name of ['usr', 'bin', 'etc']) if ((await new ImageRoot(root).lstat(`/${name}`)) !== undefined) return;
  throw new MusterError('bad-image', `${source} contains no system: it has no /usr, /bin or /etc.`);
}
