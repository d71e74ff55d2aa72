// What the head looks like at this moment: its file system, its descriptors, its interfaces.
import { readFileSync } from 'node:fs';
import { readdir, readFile, statfs } from 'node:fs/promises';
import type { InterfaceLook, PressureLook, StorageLook } from '../boot/evidence.ts';
import type { BootNetwork } from '../networks.ts';
import { ownAddresses } from '../wire/kernel-addresses.ts';
import type { Link, LinkReader } from './links.ts';

/** Returns the room on the file system of a folder. */
export async function lookAtStorage(folder: string): Promise<StorageLook> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(folder);
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return {
    folder,
    mount: mountOf(mounts, folder),
    free: bavail * bsize,
    size: blocks * bsize,
    // 0 of 0: the file system makes them as they are needed (btrfs)
    ...(files > 0 && { inodes: ffree }),
  };
}

/** Returns the mount point that a path lies below. @param mounts the text of /proc/self/mountinfo (proc(5)) */
export function mountOf(mounts: string, path: string): string {
  const points = mounts.split('\n').flatMap(line => {
    const point = line.split(' ')[4];
    // Blanks and the like stand as octal numbers
    return point === undefined
      ? []
      : [point.replace(/\\([0-7]{3})/g, (_all, digits) => String.fromCharCode(parseInt(digits, 8)))];
  });
  const above = points.filter(point => point === '/' || path === point || path.startsWith(`${point}/`));
  return above.reduce((longest, point) => (point.length > longest.length ? point : longest), '/');
}

/** Returns how many descriptors this process has open, and how many it may have; undefined where /proc does not say. */
export async function lookAtDescriptors(): Promise<{ open: number; limit: number } | undefined> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
    const open = (await readdir('/proc/self/fd')).length;
    return Number.isFinite(limit) ? { open, limit } : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the memory of the head, and how much it stalls (PSI); undefined where /proc does not say. @param proc where it is mounted */
export async function lookAtMemory(proc = '/proc'): Promise<PressureLook | undefined> {
  const [info, pressure] = await Promise.all(
    ['meminfo', 'pressure/memory'].map(async name => readFile(`${proc}/${name}`, 'utf8').catch(() => '')),
  );
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(info ?? '')?.[1]);
  const [available, total] = [kilobytes('MemAvailable') * 1024, kilobytes('MemTotal') * 1024];
  if (Number.isNaN(available) || Number.isNaN(total)) return undefined;
  const stalled = /^full avg10=(\d+\.\d+)/m.exec(pressure ?? '')?.[1];
  return { available, total, ...(stalled !== undefined && { stalled: Number(stalled) }) };
}

/**
 * Returns each boot interface of the head with what is wrong with it.
 * @param locals the text of /proc/net/fib_trie: Node lists no address of an interface without a link
 */
export function lookAtInterfaces(
  networks: readonly Pick<BootNetwork, 'head' | 'interface'>[],
  linkOf: LinkReader,
  locals: string = text('/proc/net/fib_trie'),
): InterfaceLook[] {
  return networks.map(({ head, interface: name }) => {
    const problem = name === '' ? undefined : problemOf(linkOf(name), isLocal(locals, head));
    return { name, address: head, ...(problem && { problem }) };
  });
}

function isLocal(locals: string, address: string): boolean {
  return locals === '' || address.startsWith('127.') || ownAddresses(locals).includes(address);
}

function problemOf(link: Link | undefined, hasAddress: boolean): InterfaceLook['problem'] {
  if (!link) return 'gone';
  if (!link.isUp) return 'down';
  // A bridge has a carrier while one of its ports has: that of a lab has none while all machines are off
  if (link.kind !== 'bridge' && !link.hasCarrier) return 'no-carrier';
  return hasAddress ? undefined : 'no-address';
}

/** Returns whether the head itself has this address. */
export function isOwnAddress(ip: string, locals = text('/proc/net/fib_trie')): boolean {
  return ownAddresses(locals).includes(ip);
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
