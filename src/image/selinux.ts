// SELinux labels of an image that has a policy: set anew after its files were changed.
import { toolFailed } from '../process/run.ts';
import { inImage } from './chroot.ts';
import { ImageRoot } from './image-root.ts';

/** The image's list of labels, as the image names it; undefined when it has no policy, or no program that sets labels. */
export async function selinuxContexts(root: string): Promise<string | undefined> {
  const image = new ImageRoot(root);
  const policy = /^\s*SELINUXTYPE\s*=\s*([\w-]+)/m.exec((await image.text('/etc/selinux/config')) ?? '')?.[1];
  if (policy === undefined) return undefined;
  const contexts = `/etc/selinux/${policy}/contexts/files/file_contexts`;
  if (!(await image.has(contexts)) || !(await setfiles(root))) return undefined;
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
  const image = new ImageRoot(root);
  for (const path of ['/usr/sbin/setfiles', '/sbin/setfiles']) if (await image.has(path)) return path;
  return undefined;
}
