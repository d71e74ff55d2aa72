// Layers of an OCI image put on top of each other (OCI image specification, layer.md): by renaming, so that no link is followed.
import { lstat, readdir, rename, rm, rmdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** layer.md, "Whiteouts": `.wh.NAME` removes NAME of the layers below, `.wh..wh..opq` all that its folder has there. */
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * What `lower` has and `upper` neither has nor removes is moved into `upper`; `lower` is gone afterwards. A folder has the
 * attributes that the upper layer gives it, if that speaks of it: `told` are the layer's own entries, as paths from `/`.
 */
export async function mergeLayers(lower: string, upper: string, told: ReadonlySet<string>, path = '/'): Promise<void> {
  const names = await readdir(upper);
  const removed = new Set(names.filter(name => name.startsWith(WHITEOUT)).map(name => name.slice(WHITEOUT.length)));
  // One that tar made because a file in it needs it stays what the lower layer says it is.
  const isTold = told.has(path);
  const { atime, mtime } = await lstat(isTold ? upper : lower);
  for (const name of names)
    if (name.startsWith(WHITEOUT)) await rm(join(upper, name), { force: true, recursive: true });
  const merged = new Set<string>();
  const below = names.includes(OPAQUE) ? [] : await readdir(lower);
  for (const name of below) {
    if (removed.has(name)) continue;
    const [from, to] = [join(lower, name), join(upper, name)];
    if (!names.includes(name)) await rename(from, to);
    else if ((await lstat(from)).isDirectory() && (await lstat(to)).isDirectory()) {
      await mergeLayers(from, to, told, join(path, name));
      merged.add(name);
    }
  }
  if (isTold) await rm(lower, { recursive: true, force: true });
  // Marks below folders that only the upper layer has remove nothing, and are no files of the image either.
  for (const name of names) if (!merged.has(name)) await dropWhiteouts(join(upper, name));
  if (!isTold) await moveInto(lower, upper);
  await utimes(upper, atime, mtime);
}

/** What is in `upper` comes to be in the folder `lower`, alone, which takes its place. */
async function moveInto(lower: string, upper: string): Promise<void> {
  for (const name of await readdir(lower)) await rm(join(lower, name), { recursive: true, force: true });
  for (const name of await readdir(upper)) await rename(join(upper, name), join(lower, name));
  await rmdir(upper);
  await rename(lower, upper);
}

/** Takes the marks out of a part of a layer that has nothing below it. */
export async function dropWhiteouts(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (!status?.isDirectory()) return;
  let isChanged = false;
  for (const name of await readdir(path)) {
    if (!name.startsWith(WHITEOUT)) await dropWhiteouts(join(path, name));
    else {
      await rm(join(path, name), { force: true, recursive: true });
      isChanged = true;
    }
  }
  if (isChanged) await utimes(path, status.atime, status.mtime);
}
