// Programs run inside an unpacked image, or outside it for package managers of the head: in separate namespaces, with the mounts
// that programs expect. Mounts and processes end with the namespace, even when this process is killed.
import { copyFile, lstat, mkdir, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MusterError } from '../errors.ts';
import { PROXY_NAMES } from '../process/proxies.ts';
import { DIES_WITH_PARENT, type RunOptions, type RunResult, run } from '../process/run.ts';
import { temporaryFolder } from '../process/temporary.ts';
import { CAPABILITIES, CONSOLE, capabilitySet, ENTER, INIT } from './chroot-init.ts';
import { ImageRoot } from './image-root.ts';
import { requireExecutable } from './noexec.ts';
import { putStandIns, takeBack, usualStandIns, type Wanted } from './stand-ins.ts';
import { isKernelVersion, UNAME } from './uname.ts';

export interface ChrootOptions extends Pick<RunOptions, 'input' | 'onLine' | 'terminal' | 'signal' | 'keepBytes'> {
  /** The kernel that `uname -r` and /proc report; default: this machine's. */
  kver?: string;
  /** Further environment variables; the others are always the same. */
  env?: Record<string, string>;
  /** Run the program of this machine, with the image's folders mounted, instead of one inside the image. */
  outside?: boolean;
  /** With `outside`: further folders that the program may write to, besides the image and those for temporary files. */
  writable?: readonly string[];
  /** Insert no stand-in files: for programs that work on all files and resolve no names. */
  bare?: boolean;
  /** No network: for programs that need none. */
  offline?: boolean;
}

/** The mount points; each must be a real folder, so that nothing is mounted elsewhere. */
const MOUNTED = ['proc', 'sys', 'dev', 'run'] as const;

/** Environment variables that pass into the image: how to reach the network, and the kind of terminal. */
const PASSED = [...PROXY_NAMES, 'TERM'];

/** Status of INIT and ENTER when the image could not be prepared. */
const NOT_READY = 125;

/** Runs a program; any exit status is a result. Needs root, or root in a user namespace. */
export async function inImage(tree: string, argv: readonly string[], options: ChrootOptions = {}): Promise<RunResult> {
  // As the kernel names it in its mount table.
  const root = await realpath(tree);
  await requireExecutable(root);
  await mountPoints(root);
  const work = await realpath(await temporaryFolder('muster-chroot-'));
  try {
    await prepare(root, work, options);
    const wanted = options.bare ? [] : await usualStandIns(root, join(work, 'run'));
    if (options.kver !== undefined) wanted.push(...(await kernelFiles(root, work, options.kver)));
    const standIns = await putStandIns(root, wanted);
    try {
      return await runPrepared(root, work, argv, options);
    } finally {
      await takeBack(root, standIns);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function runPrepared(
  root: string,
  work: string,
  argv: readonly string[],
  options: ChrootOptions,
): Promise<RunResult> {
  const how = options.terminal ? 'terminal' : options.outside ? 'outside' : 'inside';
  const namespaces = ['--mount', '--propagation', 'private', '--uts', '--ipc', ...(options.offline ? ['--net'] : [])];
  const [program = '', ...words] = [
    ...DIES_WITH_PARENT,
    ...['unshare', ...namespaces, '--pid', '--fork', '--kill-child'],
    ...['sh', join(work, 'init'), root, work, how, capabilitySet(CAPABILITIES), ...argv],
  ];
  const restore = options.terminal ? await terminalState() : async () => {};
  const result = await run(program, words, {
    ...options,
    package: 'util-linux',
    cleanEnv: true,
    env: environment(options),
  }).finally(restore);
  if (result.status === NOT_READY && /^(mount|umount|sh|mkdir|cp|ln|chmod|mkfifo|kill):|init: /m.test(result.stderr))
    throw new MusterError('tool-failed', `Preparing the image for programs failed: ${result.stderr.trim()}`);
  if (result.status === 127 && options.terminal && !(await hasScript()))
    throw new MusterError('tool-missing', "The program 'script' is not installed; install the package bsdutils.");
  // chroot's status for a program that cannot be run
  if (result.status === 126 && !options.outside && /Exec format error/.test(result.stderr))
    throw new MusterError(
      'image-lacks',
      "The image's programs are for another processor than this machine's. Work on it on a machine with that processor, or install qemu-user-static here.",
    );
  return result;
}

const hasScript = async (): Promise<boolean> =>
  run('script', ['--version']).then(
    () => true,
    () => false,
  );

/** `script` is killed with the rest when this command is interrupted: it then leaves the terminal as it was in the shell. */
async function terminalState(): Promise<() => Promise<void>> {
  const { status, stdout } = await run('stty', ['-F', '/dev/tty', '-g']);
  return async () => {
    if (status === 0) await run('stty', ['-F', '/dev/tty', stdout.trim()]);
  };
}

/** Writes the scripts and the initial contents of /run. */
async function prepare(root: string, work: string, { writable = [] }: ChrootOptions): Promise<void> {
  await mkdir(join(work, 'run'), { mode: 0o755 });
  const texts = { init: INIT, enter: ENTER, console: CONSOLE };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(work, name), text);
  const folders = new Set<string>();
  for (const path of ['/tmp', '/var/tmp', ...writable, root]) folders.add(await realpath(path));
  await writeFile(join(work, 'writable'), [...folders].map(path => `${path}\n`).join(''));
}

function environment({ env, outside, terminal }: ChrootOptions): Record<string, string> {
  const passed = Object.fromEntries(
    PASSED.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  return {
    PATH: `${outside ? '' : '/run/muster/bin:'}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: '/root',
    USER: 'root',
    LOGNAME: 'root',
    SHELL: '/bin/sh',
    LC_ALL: 'C.UTF-8',
    // systemctl then only writes its links, and contacts no daemon.
    SYSTEMD_OFFLINE: '1',
    // Kernel packages must not make their own initramfs: mkramfs makes it.
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
      throw new MusterError('bad-image', `The image's /${name} is not a folder, so nothing can be mounted there.`);
    else if (!status.isDirectory()) return;
  }
}

/** Returns the files that report `kver` instead of this machine's kernel, and the temporary place of the image's own `uname`. */
async function kernelFiles(root: string, work: string, kver: string): Promise<Wanted[]> {
  if (!isKernelVersion(kver))
    throw new MusterError('bad-value', `'${kver}' is not a kernel version such as 5.14.0-362.24.1.el9_3.x86_64.`);
  const put = async (name: string, content: string, mode = 0o644): Promise<void> => {
    await mkdir(dirname(join(work, name)), { recursive: true });
    await writeFile(join(work, name), content, { mode });
  };
  await put('run/muster/bin/uname', UNAME(kver), 0o755);
  await put('kernel/sys/kernel/osrelease', `${kver}\n`);
  await put('kernel/sys/kernel/version', '#1 SMP\n');
  await put('kernel/version', `Linux version ${kver} (muster) #1 SMP\n`);
  const image = new ImageRoot(root);
  for (const path of ['/usr/bin/uname', '/bin/uname']) {
    const [place, found] = [await image.place(path), await image.find(path)];
    if (place === undefined || found === undefined || !(await image.stat(path))?.isFile()) continue;
    const real = join(work, 'run/muster/real/uname');
    await mkdir(dirname(real));
    // A multi-call program (busybox) must be called by its name.
    if ((await lstat(place)).isSymbolicLink()) await symlink(await applet(image, path), real);
    else await copyFile(place, real);
    return [{ path, text: UNAME(kver), mode: 0o755 }];
  }
  return [];
}

/** Returns the program behind a link, by a path that is the same inside. */
async function applet(image: ImageRoot, path: string): Promise<string> {
  const target = (await readlink((await image.place(path)) ?? path)) || path;
  return target.startsWith('/') ? target : join(dirname(path), target);
}
