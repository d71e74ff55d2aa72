// Files of an image that are covered while programs run inside it: name resolution of this machine, and no start of services.
import { existsSync } from 'node:fs';
import { chmod, lstat, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ImageRoot } from './image-root.ts';

export interface Cover {
  source: string;
  /** In the image tree, without a symbolic link in it; or below its /run, which is a tmpfs meanwhile. */
  target: string;
  /** Whether the target was made to be covered, and goes again. */
  isPlaceholder: boolean;
  /** For a file that programs inside may change: what they see of it at first, and what of that is the head's. */
  shown?: { path: string; text: string; head: string };
}

/** Debian's way to forbid services: invoke-rc.d(8) asks this program, and 101 is "forbidden by policy". */
const POLICY = '#!/bin/sh\nexit 101\n';

/** Behind it stand the head's own lines in the image's /etc/hosts. */
const HOSTS_MARK = '# Of the head, while programs run in the image; these lines are not kept:\n';

/** What is to be covered; `work` is a folder for files that are made for it. */
export async function coverFiles(root: string, work: string): Promise<Cover[]> {
  const covers: Cover[] = [];
  for (const path of ['/etc/resolv.conf', '/etc/hosts']) {
    if (!existsSync(path)) continue;
    // A copy: what a program inside writes must not change this machine.
    const source = join(work, basename(path));
    const cover = await coverFor(root, path, source);
    if (!cover) continue;
    const head = await readFile(path, 'latin1');
    const text = path === '/etc/hosts' ? await hostsText(cover.target, head) : head;
    await writeFile(source, text, { encoding: 'latin1' });
    await chmod(source, 0o644);
    covers.push({ ...cover, shown: { path, text, head } });
  }
  if (await new ImageRoot(root).has('/usr/bin/dpkg')) {
    const source = join(work, 'policy-rc.d');
    await writeFile(source, POLICY, { mode: 0o755 });
    const cover = await coverFor(root, '/usr/sbin/policy-rc.d', source);
    if (cover) covers.push(cover);
  }
  return covers;
}

/** The image's own names first, then the head's. */
async function hostsText(target: string, head: string): Promise<string> {
  const own = await readFile(target, 'latin1').catch(() => '');
  return `${own}${own === '' || own.endsWith('\n') ? '' : '\n'}${HOSTS_MARK}${head}${head.endsWith('\n') ? '' : '\n'}`;
}

/** A link that leads out of the image, or nowhere, is left alone: what it would cover is not the image's. */
async function coverFor(root: string, path: string, source: string): Promise<Cover | undefined> {
  const image = new ImageRoot(root);
  const found = await image.find(path);
  if (found) return (await stat(found)).isFile() ? { source, target: found, isPlaceholder: false } : undefined;
  const target = await image.place(path);
  if (target === undefined) return undefined;
  const link = await image.readlink(path);
  if (link !== undefined) {
    // systemd-resolved's link into /run: that is empty inside, and the file can be made there.
    const [, top, ...names] = join('/', link.startsWith('/') ? '' : dirname(path), link).split('/');
    const run = top === 'run' && names.length > 0 ? await image.find('/run') : undefined;
    return run === undefined ? undefined : { source, target: [run, ...names].join('/'), isPlaceholder: false };
  }
  await writeFile(target, '', { flag: 'wx', mode: 0o644 });
  return { source, target, isPlaceholder: true };
}

/**
 * What programs inside have written is the image's from now on, without the head's lines. Placeholders that nobody filled go again.
 * Each place is looked up anew: a program may have put a link in the way.
 */
export async function uncoverFiles(root: string, covers: readonly Cover[]): Promise<void> {
  for (const { source, target, isPlaceholder, shown } of covers) {
    if (!(await isStillThere(root, target))) continue;
    if (shown) {
      const text = await readFile(source, 'latin1');
      if (text !== shown.text) await writeFile(target, withoutHead(text, shown.head), { encoding: 'latin1' });
    }
    if (isPlaceholder && (await lstat(target)).size === 0) await rm(target, { force: true });
  }
}

async function isStillThere(root: string, target: string): Promise<boolean> {
  const found = await new ImageRoot(root).find(target.slice(root.length));
  return found === target && (await lstat(target)).isFile();
}

function withoutHead(text: string, head: string): string {
  const block = `${HOSTS_MARK}${head}`;
  return text.includes(block) ? text.replace(block, () => '').replace(/^\n+$/, '') : text.replace(HOSTS_MARK, '');
}
