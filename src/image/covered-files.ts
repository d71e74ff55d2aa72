// Files of an image that are covered while programs run inside it: name resolution of this machine, and no start of services.
import { existsSync } from 'node:fs';
import { lstat, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { insideRoot } from './inside-root.ts';

export interface Cover {
  source: string;
  /** In the image tree, without a symbolic link in it; or below its /run, which is a tmpfs meanwhile. */
  target: string;
  /** Whether the target was made to be covered, and goes again. */
  isPlaceholder: boolean;
}

/** Debian's way to forbid services: invoke-rc.d(8) asks this program, and 101 is "forbidden by policy". */
const POLICY = '#!/bin/sh\nexit 101\n';

/** What is to be covered; `work` is a folder for files that are made for it. */
export async function coverFiles(root: string, work: string): Promise<Cover[]> {
  const covers: Cover[] = [];
  for (const path of ['/etc/resolv.conf', '/etc/hosts']) {
    if (!existsSync(path)) continue;
    const cover = await coverFor(root, path, path);
    if (cover) covers.push(cover);
  }
  if (await insideRoot(root, '/usr/bin/dpkg')) {
    const source = join(work, 'policy-rc.d');
    await writeFile(source, POLICY, { mode: 0o755 });
    const cover = await coverFor(root, '/usr/sbin/policy-rc.d', source);
    if (cover) covers.push(cover);
  }
  return covers;
}

/** A link that leads out of the image, or nowhere, is left alone: what it would cover is not the image's. */
async function coverFor(root: string, path: string, source: string): Promise<Cover | undefined> {
  const found = await insideRoot(root, path);
  if (found) return (await stat(found)).isFile() ? { source, target: found, isPlaceholder: false } : undefined;
  const folder = await insideRoot(root, path.slice(0, path.lastIndexOf('/')));
  if (!folder) return undefined;
  const target = join(folder, path.slice(path.lastIndexOf('/') + 1));
  const status = await lstat(target).catch(() => undefined);
  if (status?.isSymbolicLink()) {
    // systemd-resolved's link into /run: that is empty inside, and the file can be made there.
    const leads = join('/', (await readlink(target)).replace(/^(?!\/)/, `${path.slice(0, path.lastIndexOf('/'))}/`));
    return leads.startsWith('/run/') ? { source, target: join(root, leads), isPlaceholder: false } : undefined;
  }
  await writeFile(target, '', { flag: 'wx', mode: 0o644 });
  return { source, target, isPlaceholder: true };
}

/** A placeholder that a program inside has filled meanwhile stays. */
export async function removePlaceholders(covers: readonly Cover[]): Promise<void> {
  for (const { target, isPlaceholder } of covers) {
    if (!isPlaceholder) continue;
    const status = await lstat(target).catch(() => undefined);
    if (status?.isFile() && status.size === 0) await rm(target, { force: true });
  }
}
