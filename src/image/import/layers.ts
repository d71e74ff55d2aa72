// Layers of an OCI image put on top of each other (OCI image specification, layer.md): by renaming, so that no link is followed.
// Names need not be UTF-8: each character of a path in here is a byte of it (latin1).
import { link, lstat, mkdir, readdir, rename, rm, rmdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MusterError, reasonOf } from '../../errors.ts';
import { ImageRoot } from '../image-root.ts';
import type { Member } from './archive.ts';

/** layer.md, "Whiteouts": `.wh.NAME` removes NAME of the layers below, `.wh..wh..opq` all that its folder has there. */
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');

/** A path as this machine writes it, with a character per byte. */
export const byByte = (path: string): string => Buffer.from(path).toString('latin1');

const namesIn = async (path: string): Promise<string[]> => readdir(bytes(path), { encoding: 'latin1' });
const move = async (from: string, to: string): Promise<void> => rename(bytes(from), bytes(to));
const remove = async (path: string): Promise<void> => rm(bytes(path), { force: true, recursive: true });

/**
 * Makes the hard links of a layer in `upper` whose files only the layers below have (in `lower`), in their order. Links on the way
 * are followed as the image itself sees them, never out of it. Errors: `bad-image`.
 */
export async function linkBelow(lower: string, upper: string, links: readonly Member[]): Promise<void> {
  for (const { name, linkTo = '' } of links) {
    const folder = await folderFor(upper, dirname(join('/', name)));
    const path = join(folder, join('/', name).split('/').at(-1) ?? '');
    if (await lstat(bytes(path)).catch(() => undefined)) continue;
    const target = (await fileOf(upper, linkTo)) ?? (await fileOf(lower, linkTo));
    const fault = target === undefined ? 'there is none' : await link(bytes(target), bytes(path)).catch(reasonOf);
    if (fault !== undefined)
      throw new MusterError(
        'bad-image',
        `A hard link of a layer, ${JSON.stringify(name)}, leads to ${JSON.stringify(linkTo)}, which is no file of this layer or one below: ${fault}`,
      );
  }
}

/** What is at `path` in the tree; a link that stands there itself is not followed. */
async function fileOf(root: string, path: string): Promise<string | undefined> {
  const whole = join('/', path);
  const image = new ImageRoot(root, 'latin1');
  return (await image.lstat(whole)) ? image.place(whole) : undefined;
}

/** The folder at `path` in the tree, made when it is absent. */
async function folderFor(root: string, path: string): Promise<string> {
  return new ImageRoot(root, 'latin1').makeDirectory(path);
}

/** Whether a member of a layer is a mark, and no file of the image. */
export const isMark = (name: string): boolean => name.split('/').at(-1)?.startsWith(WHITEOUT) ?? false;

/** Puts the marks of a layer where they belong. Where it has a link or a file in place of a folder, those below that name are void. */
export async function placeMarks(upper: string, marks: Iterable<string>): Promise<void> {
  for (const name of marks) {
    const parts = join('/', name).split('/').filter(Boolean);
    const mark = parts.pop() ?? '';
    const folder = await ownFolder(upper, parts);
    if (folder === undefined) continue;
    const { atime, mtime } = await lstat(bytes(folder));
    await writeFile(bytes(join(folder, mark)), '');
    await utimes(bytes(folder), atime, mtime);
  }
}

/** A folder of the layer itself, made when it is absent; undefined where something else is in its place. */
async function ownFolder(upper: string, parts: readonly string[]): Promise<string | undefined> {
  let folder = upper;
  for (const part of parts) {
    const next = join(folder, part);
    const status = await lstat(bytes(next)).catch(() => undefined);
    if (status && !status.isDirectory()) return undefined;
    if (!status) {
      const { atime, mtime } = await lstat(bytes(folder));
      await mkdir(bytes(next), { mode: 0o755 });
      await utimes(bytes(folder), atime, mtime);
    }
    folder = next;
  }
  return folder;
}

/**
 * What `lower` has and `upper` neither has nor removes is moved into `upper`; `lower` is gone afterwards. A folder has the
 * attributes that the upper layer gives it, if that speaks of it: `told` are the layer's own entries, as paths from `/`.
 */
export async function mergeLayers(lower: string, upper: string, told: ReadonlySet<string>, path = '/'): Promise<void> {
  const names = await namesIn(upper);
  const removed = new Set(names.filter(name => name.startsWith(WHITEOUT)).map(name => name.slice(WHITEOUT.length)));
  // One that tar made because a file in it needs it stays what the lower layer says it is.
  const isTold = told.has(path);
  const { atime, mtime } = await lstat(bytes(isTold ? upper : lower));
  for (const name of names) if (name.startsWith(WHITEOUT)) await remove(join(upper, name));
  const merged = new Set<string>();
  const above = new Set(names);
  const below = above.has(OPAQUE) ? [] : await namesIn(lower);
  for (const name of below) {
    if (removed.has(name)) continue;
    const [from, to] = [join(lower, name), join(upper, name)];
    if (!above.has(name)) await move(from, to);
    else if ((await lstat(bytes(from))).isDirectory() && (await lstat(bytes(to))).isDirectory()) {
      await mergeLayers(from, to, told, join(path, name));
      merged.add(name);
    }
  }
  if (isTold) await remove(lower);
  // Marks below folders that only the upper layer has remove nothing, and are no files of the image either.
  for (const name of names) if (!merged.has(name)) await dropWhiteouts(join(upper, name));
  if (!isTold) await moveInto(lower, upper);
  await utimes(bytes(upper), atime, mtime);
}

/** What is in `upper` comes to be in the folder `lower`, alone, which takes its place. */
async function moveInto(lower: string, upper: string): Promise<void> {
  for (const name of await namesIn(lower)) await remove(join(lower, name));
  for (const name of await namesIn(upper)) await move(join(upper, name), join(lower, name));
  await rmdir(bytes(upper));
  await move(lower, upper);
}

/** Takes the marks out of a part of a layer that has nothing below it. */
export async function dropWhiteouts(path: string): Promise<void> {
  const status = await lstat(bytes(path)).catch(() => undefined);
  if (!status?.isDirectory()) return;
  let isChanged = false;
  for (const name of await namesIn(path)) {
    if (!name.startsWith(WHITEOUT)) await dropWhiteouts(join(path, name));
    else {
      await remove(join(path, name));
      isChanged = true;
    }
  }
  if (isChanged) await utimes(bytes(path), status.atime, status.mtime);
}
