// What an image needs for building an initramfs inside it, and what to install if it lacks something.
import { MusterError } from '../errors.ts';
import { ImageRoot } from './image-root.ts';

/** A program with the packages that contain it, on Debian and on RHEL and its clones. */
interface Program {
  name: string;
  debian: string;
  redhat: string;
}

const PROGRAMS: readonly Program[] = [
  { name: 'dracut', debian: 'dracut-core', redhat: 'dracut' },
  { name: 'cpio', debian: 'cpio', redhat: 'cpio' },
  { name: 'gzip', debian: 'gzip', redhat: 'gzip' },
  { name: 'cp', debian: 'coreutils', redhat: 'coreutils' },
  { name: 'stat', debian: 'coreutils', redhat: 'coreutils' },
  { name: 'sha256sum', debian: 'coreutils', redhat: 'coreutils' },
  { name: 'find', debian: 'findutils', redhat: 'findutils' },
  { name: 'grep', debian: 'grep', redhat: 'grep' },
  { name: 'mount', debian: 'mount', redhat: 'util-linux' },
  { name: 'switch_root', debian: 'util-linux', redhat: 'util-linux' },
  { name: 'setsid', debian: 'util-linux', redhat: 'util-linux' },
  { name: 'modprobe', debian: 'kmod', redhat: 'kmod' },
  { name: 'udevadm', debian: 'udev', redhat: 'systemd-udev' },
];

/** Also needed when the head has no busybox to supply. */
const WITHOUT_BUSYBOX: readonly Program[] = [
  { name: 'curl', debian: 'curl', redhat: 'curl' },
  { name: 'ip', debian: 'iproute2', redhat: 'iproute' },
];

const FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/lib/systemd', '/usr/lib/systemd', '/usr/local/bin'];

/** Kernel modules that every node needs to boot, each built in or as a file. */
const MODULES = ['squashfs', 'overlay', 'loop'] as const;

/** Throws `image-lacks` with every missing piece, its package, and the command that installs it. */
export async function requireRamfsNeeds(root: string, kver: string, busybox: boolean): Promise<void> {
  const family = await packageFamily(root);
  const missing: Program[] = [];
  for (const program of busybox ? PROGRAMS : [...PROGRAMS, ...WITHOUT_BUSYBOX]) {
    if (!(await hasProgram(root, program.name))) missing.push(program);
  }
  if (missing.length > 0) {
    const names = missing.map(program => `'${program.name}'`).join(', ');
    const packages = [...new Set(missing.map(program => program[family]))].join(' ');
    throw new MusterError('image-lacks', `The image lacks ${names}: ${installHint(family, packages)}.`);
  }
  const modules = await moduleNames(root, kver);
  const absent: string[] = MODULES.filter(name => !modules.has(name));
  if (!(await hasNetworkDriver(root, kver))) absent.push('any network driver');
  if (absent.length > 0) {
    const packages = family === 'debian' ? `linux-image-${kver}` : `kernel-modules-${kver} kernel-modules-core-${kver}`;
    throw new MusterError(
      'image-lacks',
      `The image's kernel ${kver} lacks modules (${absent.join(', ')}): ${installHint(family, packages)}.`,
    );
  }
}

/** The package family of this image, from its os-release. */
async function packageFamily(root: string): Promise<'debian' | 'redhat'> {
  const image = new ImageRoot(root);
  const text = (await image.text('/etc/os-release')) ?? (await image.text('/usr/lib/os-release')) ?? '';
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(text) ? 'debian' : 'redhat';
}

export async function hasProgram(root: string, name: string): Promise<boolean> {
  const image = new ImageRoot(root);
  for (const folder of FOLDERS) if (await image.has(`${folder}/${name}`)) return true;
  return false;
}

function installHint(family: 'debian' | 'redhat', packages: string): string {
  return `install it in the image with '${family === 'debian' ? 'apt-get' : 'dnf'} install ${packages}'`;
}

/** Returns whether there is any driver for a network card: some kernels for containers have none. */
async function hasNetworkDriver(root: string, kver: string): Promise<boolean> {
  for (const list of ['modules.dep', 'modules.builtin']) {
    const text = (await new ImageRoot(root).text(`/lib/modules/${kver}/${list}`)) ?? '';
    if (/\bdrivers\/net\/(ethernet\/|virtio_net|vmxnet3|hyperv\/|xen-netfront)/.test(text)) return true;
  }
  return false;
}

/** Returns the modules of a kernel by name, in files or built in. */
async function moduleNames(root: string, kver: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const list of ['modules.dep', 'modules.builtin']) {
    const text = (await new ImageRoot(root).text(`/lib/modules/${kver}/${list}`)) ?? '';
    for (const [, name] of text.matchAll(/^[^:\n]*?([^/:\n]+)\.ko[.\w]*(?::|$)/gm)) {
      names.add((name ?? '').replaceAll('-', '_'));
    }
  }
  return names;
}
