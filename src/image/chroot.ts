// Programs run inside an unpacked image, or beside it for package managers of the head: namespaces of their own, with the mounts
// that programs expect. What is mounted goes with the namespace, and all processes with it, also when this one is killed.
import { realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../errors.ts';
import { PROXY_NAMES } from '../process/proxies.ts';
import { DIES_WITH_PARENT, type RunOptions, type RunResult, run } from '../process/run.ts';
import { temporaryFolder } from '../process/temporary.ts';
import { INIT } from './chroot-init.ts';
import { coverFiles, uncoverFiles } from './covered-files.ts';
import { ImageRoot } from './image-root.ts';
import { requireExecutable } from './noexec.ts';
import { isKernelVersion, UNAME } from './uname.ts';

export interface ChrootOptions extends Pick<RunOptions, 'input' | 'onLine' | 'terminal' | 'signal' | 'keepBytes'> {
  /** What `uname -r` and /proc say the kernel is; that of this machine when absent. */
  kver?: string;
  /** More for the environment, which is otherwise the same for everyone. */
  env?: Record<string, string>;
  /** Run the program of this machine, with the image's folders mounted, instead of one inside the image. */
  beside?: boolean;
  /** No file of the image is covered: for programs that work on all its files and need no names. */
  bare?: boolean;
}

/** Folders that are mounted; each must be a real one, so that nothing is mounted elsewhere. */
const MOUNTED = ['proc', 'sys', 'dev', 'run'] as const;

/** Names of the environment that pass into the image: how the network is reached, and what the terminal is. */
const PASSED = [...PROXY_NAMES, 'TERM'];

/** Status by which INIT says that the image could not be made ready. */
const NOT_READY = 125;

/** Runs a program; any exit status is a result. Needs to be root, or root in a user namespace. */
export async function inImage(tree: string, argv: readonly string[], options: ChrootOptions = {}): Promise<RunResult> {
  // As the kernel names it in its list of mounts.
  const root = await realpath(tree);
  await requireExecutable(root);
  await mountPoints(root);
  const work = await temporaryFolder('muster-chroot-');
  try {
    const covers = options.bare ? [] : await coverFiles(root, work);
    try {
      const [file, init] = [join(work, 'covers'), join(work, 'init')];
      await writeFile(init, INIT);
      await writeFile(file, covers.map(({ source, target }) => `${source}\n${target}\n`).join(''));
      const kernel = options.kver === undefined ? '' : await kernelFiles(root, work, options.kver);
      const how = options.terminal ? 'terminal' : options.beside ? 'beside' : 'inside';
      const words = [
        ...DIES_WITH_PARENT,
        ...['unshare', '--mount', '--propagation', 'private'],
        // A shell in a process namespace of its own could not give the terminal back to a process outside.
        ...(options.terminal ? [] : ['--pid', '--fork', '--kill-child']),
        ...['sh', init, root, file, kernel, how, ...argv],
      ];
      const result = await run(words[0] ?? '', words.slice(1), {
        ...options,
        package: 'util-linux',
        cleanEnv: true,
        env: environment(options),
      });
      if (result.status === NOT_READY && /^(mount|sh|mkdir|cp|ln):/m.test(result.stderr))
        throw new MusterError('tool-failed', `The image could not be made ready for programs: ${result.stderr.trim()}`);
      // chroot's status for a program that cannot be run
      if (result.status === 126 && !options.beside && /Exec format error/.test(result.stderr))
        throw new MusterError(
          'image-lacks',
          "The image's programs are for another processor than this machine's: work on it where its own processor is, or install qemu-user-static here.",
        );
      return result;
    } finally {
      await uncoverFiles(root, covers);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function environment({ env, beside, terminal }: ChrootOptions): Record<string, string> {
  const passed = Object.fromEntries(
    PASSED.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  return {
    PATH: `${beside ? '' : '/run/muster/bin:'}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: '/root',
    USER: 'root',
    LOGNAME: 'root',
    SHELL: '/bin/sh',
    LC_ALL: 'C.UTF-8',
    // systemctl then only writes its links, and asks no daemon.
    SYSTEMD_OFFLINE: '1',
    // Packages of kernels make no initramfs of their own: mkramfs makes it.
    INITRD: 'No',
    ...(terminal ? {} : { DEBIAN_FRONTEND: 'noninteractive' }),
    ...passed,
    ...env,
  };
}

async function mountPoints(root: string): Promise<void> {
  const image = new ImageRoot(root);
  for (const name of [...MOUNTED, 'tmp', 'var', 'var/tmp']) {
    const status = await image.lstat(`/${name}`);
    if (!status) await image.makeDirectory(`/${name}`, name.endsWith('tmp') ? 0o1777 : 0o755);
    else if (!status.isDirectory() && (MOUNTED as readonly string[]).includes(name))
      throw new MusterError('bad-image', `The image's /${name} is no folder; nothing can be mounted there.`);
    else if (!status.isDirectory()) return;
  }
}

/** Files that say `kver` in place of this machine's kernel, and where the image's own `uname` is. */
async function kernelFiles(root: string, work: string, kver: string): Promise<string> {
  if (!isKernelVersion(kver))
    throw new MusterError('bad-value', `'${kver}' is no kernel version such as 5.14.0-362.24.1.el9_3.x86_64.`);
  const put = async (name: string, content: string, mode = 0o644): Promise<void> =>
    writeFile(join(work, name), content, { mode });
  await put('uname', UNAME(kver), 0o755);
  await put('osrelease', `${kver}\n`);
  await put('version', '#1 SMP\n');
  await put('banner', `Linux version ${kver} (muster) #1 SMP\n`);
  const image = new ImageRoot(root);
  const path = (await image.find('/usr/bin/uname')) ?? (await image.find('/bin/uname'));
  // A program with many names (busybox) cannot be covered: its other names would be gone. There, PATH alone helps.
  if (path?.endsWith('/uname')) await put('real', `${path}\n`);
  else if (path) await put('applet', `${image.inside(path)}\n`);
  return work;
}
