// Files that replace the image's own while programs run inside it: this machine's name resolution, a ban on starting services, a
// `uname` that reports another kernel. They are ordinary files, so packages can replace, link, rename and remove them.
import { constants, type Stats } from 'node:fs';
import { lstat, lutimes, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MusterError } from '../errors.ts';
import { ImageRoot } from './image-root.ts';

/** A file to insert. */
export interface Wanted {
  /** The path in the image to replace. */
  path: string;
  text: string;
  mode: number;
}

interface StandIn extends Wanted {
  /** Our file. */
  inode: number;
  /** The temporary place of the image's own entry, in the image; undefined when it had none. */
  kept: string | undefined;
}

/** What was inserted, and the folders on this machine that got files: before, and with our files. */
export interface StandIns {
  files: readonly StandIn[];
  folders: ReadonlyMap<string, { before: Stats; after: Stats }>;
}

/** The image's /run is hidden while programs run, and is never packed. */
const KEPT = '/run/.muster-kept-';

/** Debian's way to forbid services: invoke-rc.d(8) asks this program, and 101 is "forbidden by policy". */
const POLICY = '#!/bin/sh\nexit 101\n';

/** Marks around the head's lines in the image's /etc/hosts. */
const BEGIN = '# Of the head, while programs run in the image; these lines are not kept:\n';
const END = '# End of the lines of the head.\n';

/** Returns the stand-ins of every image: this machine's name resolution, and no services. `run` holds the initial /run. */
export async function usualStandIns(root: string, run: string): Promise<Wanted[]> {
  const image = new ImageRoot(root);
  const wanted: Wanted[] = [];
  const put = async (path: string, text: (own: string) => string): Promise<void> => {
    const place = await placeOf(image, path);
    if (place === undefined) return;
    const own = place.isRun ? '' : ((await image.text(place.path, 'latin1')) ?? '');
    if (place.isRun) await new ImageRoot(run).write(place.path.slice('/run'.length), Buffer.from(text(own), 'latin1'));
    // One may be a link to the other file.
    else if (!wanted.some(other => other.path === place.path))
      wanted.push({ path: place.path, text: text(own), mode: 0o644 });
  };
  const [hosts, resolver] = [await headFile('/etc/hosts'), await headFile('/etc/resolv.conf')];
  if (hosts !== undefined) await put('/etc/hosts', own => `${ended(own)}${BEGIN}${ended(hosts)}${END}`);
  if (resolver !== undefined) await put('/etc/resolv.conf', () => resolver);
  if ((await image.has('/usr/bin/dpkg')) && (await image.has('/usr/sbin')))
    wanted.push({ path: '/usr/sbin/policy-rc.d', text: POLICY, mode: 0o755 });
  return wanted;
}

const headFile = async (path: string): Promise<string | undefined> => readFile(path, 'latin1').catch(() => undefined);

const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** Returns the name that programs read a file by: after links in the image, below /run (empty inside), or a dangling link. */
async function placeOf(image: ImageRoot, path: string): Promise<{ path: string; isRun: boolean } | undefined> {
  const found = await image.find(path);
  if (found !== undefined) {
    const inside = image.inside(found);
    // The content of the image's /run is not visible inside.
    if ((await image.stat(path))?.isFile()) return { path: inside, isRun: inside.startsWith('/run/') };
    return undefined;
  }
  const link = await image.readlink(path);
  // systemd-resolved's link.
  const target = link === undefined ? '' : join('/', link.startsWith('/') ? '' : dirname(path), link);
  if (/^(\/var)?\/run\/./.test(target)) return { path: target.replace(/^\/var/, ''), isRun: true };
  return (await image.place(path)) === undefined ? undefined : { path, isRun: false };
}

/** Puts the files over the image's own, which are kept unchanged. */
export async function putStandIns(root: string, wanted: readonly Wanted[]): Promise<StandIns> {
  const image = new ImageRoot(root);
  const files: StandIn[] = [];
  const folders = new Map<string, { before: Stats; after: Stats }>();
  for (const [position, one] of wanted.entries()) {
    const place = await image.place(one.path);
    const own = await image.lstat(one.path);
    if (place === undefined || own?.isDirectory()) continue;
    const before = folders.get(dirname(place))?.before ?? (await lstat(dirname(place)));
    const kept = own ? `${KEPT}${position}` : undefined;
    if (kept !== undefined) await rename(place, await required(image, kept));
    await image.write(one.path, Buffer.from(one.text, 'latin1'), one.mode);
    folders.set(dirname(place), { before, after: await lstat(dirname(place)) });
    files.push({ ...one, inode: (await lstat(place)).ino, kept });
  }
  return { files, folders };
}

async function required(image: ImageRoot, path: string): Promise<string> {
  const place = await image.place(path);
  if (place !== undefined) return place;
  throw new MusterError('bad-image', `The image's ${dirname(path)} is no folder.`);
}

/**
 * Restores the image's own files if nothing touched ours. If programs replaced a name, the result belongs to the image, even a
 * link or nothing, without the head's lines. If they renamed our file in that folder, the image's own file gets that
 * name.
 */
export async function takeBack(root: string, { files, folders }: StandIns): Promise<void> {
  const image = new ImageRoot(root);
  const mtime = async (folder: string): Promise<number | undefined> =>
    (await image.lstat(image.inside(folder)))?.mtimeMs;
  const quiet = new Map<string, Stats>();
  for (const [folder, { before, after }] of folders)
    if ((await mtime(folder)) === after.mtimeMs) quiet.set(folder, before);
  for (const one of [...files].reverse()) {
    const now = await image.lstat(one.path);
    const isOurs = now?.isFile() && now.ino === one.inode;
    const text = now?.isFile() ? ((await image.text(one.path, 'latin1')) ?? '') : '';
    if (isOurs && text === one.text) await restore(image, one, one.path);
    else {
      if (now?.isFile() && text.includes(BEGIN)) await rewrite(image, one.path, withoutHead(text));
      if (!isOurs) await restoreElsewhere(image, one);
      if (one.kept !== undefined) await image.remove(one.kept);
    }
  }
  for (const [folder, { atime, mtime }] of quiet) await lutimes(folder, atime, mtime);
}

/** Restores the image's own entry, or none. */
async function restore(image: ImageRoot, one: StandIn, path: string): Promise<void> {
  const place = await required(image, path);
  if (one.kept === undefined) await rm(place, { force: true });
  else await rename(await required(image, one.kept), place);
}

/** After `mv /etc/hosts /etc/hosts.old`, the moved file is the image's own. */
async function restoreElsewhere(image: ImageRoot, one: StandIn): Promise<void> {
  if (one.kept === undefined || !(await image.lstat(one.kept))) return;
  for (const name of await image.list(dirname(one.path))) {
    const path = join(dirname(one.path), name);
    const status = name === basename(one.path) ? undefined : await image.lstat(path);
    if (status?.ino !== one.inode || !status.isFile()) continue;
    if ((await image.text(path, 'latin1')) === one.text) return restore(image, one, path);
    await rewrite(image, path, withoutHead((await image.text(path, 'latin1')) ?? ''));
  }
}

/** Writes new content to an existing file, which keeps its owner, mode and links. */
async function rewrite(image: ImageRoot, path: string, text: string): Promise<void> {
  const handle = await open(await required(image, path), constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    await handle.truncate();
    await handle.writeFile(Buffer.from(text, 'latin1'));
  } finally {
    await handle.close();
  }
}

function withoutHead(text: string): string {
  const [start, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (start < 0) return text;
  return text.slice(0, start) + (end > start ? text.slice(end + END.length) : '');
}
