// Resets the SELinux labels of an image with a policy after its files changed.
import { basename, dirname, join } from 'node:path';
import { MusterError } from '../errors.ts';
import { loadLibc } from '../libc.ts';
import { toolFailed } from '../process/run.ts';
import { inImage } from './chroot.ts';
import { ImageRoot } from './image-root.ts';

/** Returns the image's path of its list of labels; undefined when it has no policy, or no program that sets labels. */
export async function selinuxContexts(root: string): Promise<string | undefined> {
  const image = new ImageRoot(root);
  const policy = /^\s*SELINUXTYPE\s*=\s*([\w-]+)/m.exec((await image.text('/etc/selinux/config')) ?? '')?.[1];
  if (policy === undefined) return undefined;
  const contexts = `/etc/selinux/${policy}/contexts/files/file_contexts`;
  if (!(await image.has(contexts)) || !(await setfiles(root))) return undefined;
  return contexts;
}

/** The most lines of output read: an image has some 100,000 files. */
const MOST_LABELS = 20_000_000;

/**
 * The output of setfiles(8) with -n and -v for a file: since 2.7 `Would relabel FILE from OLD to NEW`, before `setfiles reset FILE context OLD->NEW`.
 */
const WOULD = /^(?:Would relabel (.+) from .* to (\S+)|\S*setfiles reset (.+) context .*->(\S+))$/;

/**
 * Labels every file by the image's own policy. The image's own `setfiles` only prints the label of each file, and this program sets
 * them: that needs CAP_SYS_ADMIN, which no program of an image has. The head needs no SELinux. Errors: `tool-failed`.
 */
export async function relabel(root: string, contexts: string, signal?: AbortSignal): Promise<void> {
  const program = (await setfiles(root)) ?? 'setfiles';
  const excluded = ['/proc', '/sys', '/dev', '/run'].flatMap(path => ['-e', path]);
  const folders = new Map<string, [name: string, label: string][]>();
  let count = 0;
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    const [, file, label, oldFile, oldLabel] = stream === 'stdout' ? (WOULD.exec(line) ?? []) : [];
    const [path, wanted] = [file ?? oldFile, label ?? oldLabel];
    if (path === undefined || wanted === undefined || count >= MOST_LABELS) return;
    count += 1;
    const folder = dirname(path);
    const names = folders.get(folder) ?? [];
    if (names.push([basename(path), wanted]) === 1) folders.set(folder, names);
  };
  const result = await inImage(root, [program, '-n', '-v', '-F', ...excluded, contexts, '/'], {
    bare: true,
    offline: true,
    keepBytes: 4096,
    onLine,
    ...(signal && { signal }),
  });
  if (result.status !== 0) throw toolFailed('setfiles in the image', result);
  await setLabels(new ImageRoot(root), folders);
}

async function setLabels(image: ImageRoot, folders: ReadonlyMap<string, readonly [string, string][]>): Promise<void> {
  const { lsetxattr } = await loadLibc();
  for (const [folder, names] of folders) {
    const place = await image.find(folder);
    if (place === undefined) continue;
    for (const [name, label] of names) {
      const done = lsetxattr(Buffer.from(join(place, name)), 'security.selinux', Buffer.from(`${label}\0`));
      if (typeof done !== 'number' && done.code !== 'ENOENT')
        throw new MusterError(
          'tool-failed',
          `The file ${join(folder, name)} of the image cannot be given the SELinux label ${label}: ${done.code}.`,
        );
    }
  }
}

async function setfiles(root: string): Promise<string | undefined> {
  const image = new ImageRoot(root);
  for (const path of ['/usr/sbin/setfiles', '/sbin/setfiles']) if (await image.has(path)) return path;
  return undefined;
}
