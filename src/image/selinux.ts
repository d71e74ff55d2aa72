// SELinux labels of an image that has a policy: set anew after its files were changed.
import { readFile } from 'node:fs/promises';
import { toolFailed } from '../process/run.ts';
import { inImage } from './chroot.ts';
import { insideRoot } from './inside-root.ts';

/** The image's list of labels, as the image names it; undefined when it has no policy, or no program that sets labels. */
export async function selinuxContexts(root: string): Promise<string | undefined> {
  const config = await insideRoot(root, '/etc/selinux/config');
  if (!config) return undefined;
  const policy = /^\s*SELINUXTYPE\s*=\s*([\w-]+)/m.exec(await readFile(config, 'utf8'))?.[1];
  if (policy === undefined) return undefined;
  const contexts = `/etc/selinux/${policy}/contexts/files/file_contexts`;
  if (!(await insideRoot(root, contexts)) || !(await setfiles(root))) return undefined;
  return contexts;
}

/** Labels every file by the image's own policy, by the image's own `setfiles`; the head needs no SELinux for it. */
export async function relabel(root: string, contexts: string, signal?: AbortSignal): Promise<void> {
  const program = (await setfiles(root)) ?? 'setfiles';
  const excluded = ['/proc', '/sys', '/dev', '/run'].flatMap(path => ['-e', path]);
  const result = await inImage(root, [program, '-F', '-q', ...excluded, contexts, '/'], {
    bare: true,
    ...(signal && { signal }),
  });
  if (result.status !== 0) throw toolFailed('setfiles in the image', result);
}

async function setfiles(root: string): Promise<string | undefined> {
  for (const path of ['/usr/sbin/setfiles', '/sbin/setfiles']) if (await insideRoot(root, path)) return path;
  return undefined;
}
