// Makes the initramfs of a boot config: runs dracut inside the unpacked image, with muster's module added temporarily.
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Draft } from '../durable/replace.ts';
import { MusterError } from '../errors.ts';
import { packageRoot } from '../package-root.ts';
import { temporaryFolder } from '../process/temporary.ts';
import { INITRAMFS_LEVEL, markArchive } from '../wire/initramfs-mark.ts';
import { inImage } from './chroot.ts';
import { ImageRoot } from './image-root.ts';
import { kernelConfig, requireRecent } from './kernel-support.ts';
import { packageSystem } from './packages/manager.ts';
import { hasProgram, requireRamfsNeeds } from './ramfs-needs.ts';
import { newestVersion, orderOf } from './version-sort.ts';

export interface RamfsOptions {
  /** The unpacked image tree. */
  root: string;
  /** The kernel's release; default: the newest below /lib/modules. */
  kver?: string;
  /** The folder for the initramfs; default: a new temporary folder, which the caller removes. */
  outDir?: string;
  /** A static busybox to include; default: the head's own, or the image's curl if none matches. */
  busybox?: string;
  onStep?: (step: string) => void;
  signal?: AbortSignal;
}

export interface Ramfs {
  /** The kernel's release. */
  kver: string;
  /** The kernel's file, in the image tree. */
  kernel: string;
  /** The initramfs' file, in `outDir`. */
  initramfs: string;
}

const MODULE = '/usr/lib/dracut/modules.d/95muster';
const WORK = '/var/tmp/muster-ramfs';

/**
 * Makes an initramfs inside an image. Errors: `image-lacks` (what to install), `tool-failed` (dracut's last words).
 * Needs to be root, or root in a user namespace (`unshare -Ur`), for the chroot.
 */
export async function makeInitramfs(options: RamfsOptions): Promise<Ramfs> {
  const { root } = options;
  const image = new ImageRoot(root);
  const step = options.onStep ?? (() => {});
  const kver = await chooseKernel(image, options.kver);
  const kernel = await findKernel(image, kver);
  await requireRecent(image, kver);
  const busybox = await fittingBusybox(image, options.busybox);
  await requireRamfsNeeds(root, kver, busybox !== undefined);
  const outDir = options.outDir ?? (await temporaryFolder('muster-ramfs-'));
  try {
    step(`Adding muster's dracut module to the image`);
    await placeModule(image, busybox);
    step(`Running dracut in the image for kernel ${kver}`);
    await runDracut(image, options, kver);
    const initramfs = join(outDir, `initramfs-${kver}.img`);
    await image.moveOut(`${WORK}/initramfs.img`, `${initramfs}.packed`);
    await mark(root, `${initramfs}.packed`, initramfs);
    return { kver, kernel, initramfs };
  } catch (error) {
    if (options.outDir === undefined) await rm(outDir, { recursive: true, force: true });
    throw error;
  } finally {
    await image.remove(MODULE);
    await image.remove(WORK);
  }
}

/** Returns the kernels with modules; a folder without modules.dep is a leftover and does not count. */
export async function kernelReleases(image: ImageRoot): Promise<string[]> {
  const releases: string[] = [];
  for (const name of await image.list('/lib/modules'))
    if (await image.has(`/lib/modules/${name}/modules.dep`)) releases.push(name);
  return releases;
}

/** Returns the newest kernel of an image; undefined when it has none. */
export async function newestKernel(root: string): Promise<string | undefined> {
  return newestOf(new ImageRoot(root), await kernelReleases(new ImageRoot(root)));
}

/** By the rules of the packages of the kernels. */
async function newestOf(image: ImageRoot, releases: readonly string[]): Promise<string | undefined> {
  return newestVersion(releases, orderOf(await packageSystem(image.folder)));
}

/** Returns the requested release if the image has it, else the newest. */
async function chooseKernel(image: ImageRoot, wanted: string | undefined): Promise<string> {
  const releases = await kernelReleases(image);
  if (wanted !== undefined && !releases.includes(wanted)) {
    const has = releases.join(', ') || 'none';
    throw new MusterError(
      'image-lacks',
      `The image has no modules for kernel ${wanted} below /lib/modules; it has: ${has}.`,
    );
  }
  const kver = wanted ?? (await newestOf(image, releases));
  if (kver !== undefined) return kver;
  throw new MusterError(
    'image-lacks',
    "The image has no kernel: install one in it with 'apt-get install linux-image-amd64' (Debian) or 'dnf install kernel' (RHEL).",
  );
}

async function findKernel(image: ImageRoot, kver: string): Promise<string> {
  for (const path of [`/boot/vmlinuz-${kver}`, `/lib/modules/${kver}/vmlinuz`]) {
    const file = await image.find(path);
    if (file !== undefined && (await image.stat(path))?.isFile()) return file;
  }
  throw new MusterError(
    'image-lacks',
    `The image has modules for kernel ${kver} but not the kernel: /boot/vmlinuz-${kver} and /lib/modules/${kver}/vmlinuz are missing. Reinstall that kernel's package.`,
  );
}

/** Where the head has its busybox. */
export const HEAD_BUSYBOXES: readonly string[] = ['/bin/busybox', '/usr/bin/busybox', '/sbin/busybox'];

/** Returns a busybox for the image: static, and for the machine type of the image's programs. */
async function fittingBusybox(image: ImageRoot, given: string | undefined): Promise<string | undefined> {
  const shell = await image.find('/bin/sh');
  const wanted = shell !== undefined && (await image.stat('/bin/sh'))?.isFile() ? await elfMachine(shell) : undefined;
  for (const file of given === undefined ? HEAD_BUSYBOXES : [given]) {
    const machine = await elfMachine(file);
    if (machine !== undefined && machine === wanted && (await isStatic(file))) return file;
  }
  return undefined;
}

/** Returns class, byte order and e_machine of an ELF header as one text; undefined when it is not an ELF file. */
async function elfMachine(file: string): Promise<string | undefined> {
  const head = await firstBytes(file, 20);
  return head?.subarray(0, 4).equals(Buffer.from('\x7fELF'))
    ? head.toString('hex', 4, 6) + head.toString('hex', 18, 20)
    : undefined;
}

/** Returns whether an ELF file has no program header of type PT_INTERP (3), so that it needs no dynamic linker. */
async function isStatic(file: string): Promise<boolean> {
  const head = await firstBytes(file, 4096);
  if (!head || head.length < 64 || head[5] !== 1) return false;
  const wide = head[4] === 2;
  const start = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28);
  const size = head.readUInt16LE(wide ? 54 : 42);
  const count = head.readUInt16LE(wide ? 56 : 44);
  for (let i = 0; i < count; i++) {
    const at = start + i * size;
    if (at + 4 > head.length || head.readUInt32LE(at) === 3) return false;
  }
  return true;
}

async function firstBytes(file: string, length: number): Promise<Buffer | undefined> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function placeModule(image: ImageRoot, busybox: string | undefined): Promise<void> {
  await image.copyIn(join(packageRoot, 'initramfs', '95muster'), MODULE);
  if (busybox === undefined) return;
  await image.copyIn(busybox, `${MODULE}/busybox`);
  await image.chmod(`${MODULE}/busybox`, 0o755);
}

async function runDracut(image: ImageRoot, options: RamfsOptions, kver: string): Promise<void> {
  await image.remove(WORK);
  await image.makeDirectory(WORK, 0o700);
  const dracut = [
    'dracut',
    '--force',
    '--no-hostonly',
    '--no-hostonly-cmdline',
    '--no-early-microcode',
    '--reproducible',
    // Small and quick to start: no systemd, and only the drivers that mount_rootfs uses.
    '--modules',
    'base udev-rules muster',
    // dracut-network's configuration adds ifcfg, which needs programs that a small image lacks.
    '--omit',
    'ifcfg',
    '--compress',
    await compressor(image, kver),
    '--tmpdir',
    WORK,
    `${WORK}/initramfs.img`,
    kver,
  ];
  const result = await inImage(image.folder, dracut, {
    env: { LC_ALL: 'C' },
    offline: true,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  // dracut 059 exits with 0 even when a module's install failed; only its output shows that.
  const failed =
    /dracut(?:-install)?: (?:FAILED|ERROR)[^\n]*|muster: the image lacks[^\n]*|dracut module 'muster' [^\n]*/.exec(
      result.stderr,
    );
  if (result.status === 0 && !failed) return;
  const words = failed?.[0] ?? (result.stderr.trim().split('\n').slice(-5).join('; ') || 'it printed nothing');
  throw new MusterError('tool-failed', `dracut in the image ended with status ${result.status}: ${words}`);
}

/** Writes the initramfs with its mark before it: completely, or not at all. */
async function mark(root: string, packed: string, initramfs: string): Promise<void> {
  // The dracut module installs whichever of them the image has
  const tls = (await hasProgram(root, 'openssl')) || (await hasProgram(root, 'curl'));
  try {
    const draft = await Draft.open(initramfs, { mode: (await stat(packed)).mode & 0o777 });
    try {
      await draft.write(markArchive({ level: INITRAMFS_LEVEL, tls }));
      await pipeline(createReadStream(packed), draft.stream());
      await draft.keep();
    } finally {
      await draft.drop();
    }
  } finally {
    await rm(packed, { force: true });
  }
}

/** zstd unpacks several times faster than gzip, but both the kernel and the image must support it. */
async function compressor(image: ImageRoot, kver: string): Promise<string> {
  const config = (await kernelConfig(image, kver)) ?? '';
  return /^CONFIG_RD_ZSTD=y$/m.test(config) && (await hasProgram(image.folder, 'zstd')) ? 'zstd -3 -T0' : 'gzip -6';
}
