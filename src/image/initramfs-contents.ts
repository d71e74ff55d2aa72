// What an initramfs has for its kernel: the kernels it has modules for, and the network cards it has drivers for.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MusterError } from '../errors.ts';
import { stream } from '../process/run.ts';
import { ByteSource } from './byte-source.ts';
import { PACKED, packageOf } from './compressed.ts';
import { cpioFiles, isCpio } from './cpio.ts';

export interface InitramfsContents {
  /** The kernels it has modules for: `6.1.0-28-amd64`. */
  releases: readonly string[];
  /** Modules in files, by name. */
  modules: ReadonlySet<string>;
  /** Devices that its modules claim to drive, including built-in ones; absent when it has no list. */
  aliases?: readonly { pattern: string; module: string; builtIn: boolean }[];
}

/** The most names read in total; an initramfs has some thousands. */
const MOST_FILES = 500_000;
/** Lists of modules are some hundred kilobytes. */
const MOST_LIST = 16 << 20;

/** Reads the archives of a file in turn: microcode first, then the packed one. Throws when it cannot be read. */
export async function readInitramfs(
  path: string,
  range: { offset: number; size: number } = { offset: 0, size: Number.POSITIVE_INFINITY },
  signal?: AbortSignal,
): Promise<InitramfsContents> {
  const found: Found = { files: 0, releases: new Set(), modules: new Set(), aliases: [], listed: false };
  const open = (from: number): Readable => {
    const end = Number.isFinite(range.size) ? { end: range.offset + range.size - 1 } : {};
    return createReadStream(path, { start: range.offset + from, ...end, ...(signal && { signal }) });
  };
  const plain = open(0);
  try {
    const source = new ByteSource(plain);
    if (await readArchives(source, found)) {
      const magic = (await source.peek(6)).toString('hex');
      const packed = PACKED.find(row => magic.startsWith(row.magic));
      if (!packed) throw new MusterError('bad-value', `its compression is unknown (it begins with ${magic})`);
      await readPacked(open(source.position), packed.command, found, signal);
    }
  } finally {
    plain.destroy();
  }
  const { releases, modules, aliases, listed } = found;
  return { releases: [...releases], modules, ...(listed && { aliases }) };
}

interface Found {
  files: number;
  releases: Set<string>;
  modules: Set<string>;
  aliases: { pattern: string; module: string; builtIn: boolean }[];
  listed: boolean;
}

/** Returns whether something else follows. */
async function readArchives(source: ByteSource, found: Found): Promise<boolean> {
  for (;;) {
    // Archives are padded with zeros, to four bytes or to a block.
    await source.skipZeros();
    const magic = await source.peek(6);
    if (magic.length === 0) return false;
    if (!isCpio(magic)) return true;
    for await (const file of cpioFiles(source)) {
      found.files += 1;
      if (found.files > MOST_FILES) throw new MusterError('bad-value', 'it has too many files');
      await look(file, found);
    }
  }
}

async function readPacked(
  input: Readable,
  command: readonly string[] | undefined,
  found: Found,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!command) {
    const unpacked = input.pipe(createGunzip());
    input.once('error', error => unpacked.destroy(error));
    try {
      await readArchives(new ByteSource(unpacked), found);
    } finally {
      input.destroy();
    }
    return;
  }
  const [program = '', ...args] = command;
  const unpacking = stream(program, args, {
    input,
    package: packageOf(program),
    ...(signal && { signal }),
  });
  // The reader gets the error first.
  unpacking.ended.catch(() => {});
  const before = found.files;
  let broken: unknown;
  try {
    await readArchives(new ByteSource(unpacking.output), found);
  } catch (error) {
    broken = error;
    unpacking.output.destroy();
  } finally {
    input.destroy();
  }
  const { status, stderr } = await unpacking.ended;
  // Ignores what the program reports about data after the archive.
  const failed = status !== 0 && (broken !== undefined || found.files === before);
  if (failed) throw new MusterError('tool-failed', `${program}: ${stderr.trim().split('\n')[0] || 'it failed'}`);
  if (broken !== undefined) throw broken;
}

async function look({ name, size, read }: { name: string; size: number; read(): Promise<Buffer> }, found: Found) {
  const [, release, file] = /^(?:\.\/)?(?:usr\/)?lib\/modules\/([^/]+)\/(.+)$/.exec(name) ?? [];
  if (release === undefined || file === undefined) return;
  const module = /([^/]+)\.ko(\.\w+)?$/.exec(file)?.[1];
  if (module !== undefined) {
    found.releases.add(release);
    found.modules.add(module.replaceAll('-', '_'));
  }
  if (file === 'modules.dep') found.releases.add(release);
  if (size > MOST_LIST) return;
  if (file === 'modules.alias') {
    found.listed = true;
    for (const [, pattern = '', of = ''] of (await read())
      .toString('latin1')
      .matchAll(/^alias ((?:pci|virtio):\S+) (\S+)$/gm))
      found.aliases.push({ pattern, module: of, builtIn: false });
  }
  // `module.key=value`, each followed by a zero byte.
  if (file === 'modules.builtin.modinfo') {
    for (const [, of = '', pattern = ''] of (await read())
      .toString('latin1')
      .matchAll(/(?:^|\0)(\w+)\.alias=((?:pci|virtio):[^\0]+)/g))
      found.aliases.push({ pattern, module: of, builtIn: true });
  }
}

/** `driver`: the module that drives it. `lacks`: none does. */
export type DriverAnswer = { driver: string } | { lacks: true };

/**
 * Returns whether the initramfs can drive a network card; undefined when unknown.
 * @param card `pci 1af4:1000`
 */
export function driverOf(contents: InitramfsContents, card: string): DriverAnswer | undefined {
  const [, vendor, device] = /^pci ([0-9a-f]{4}):([0-9a-f]{4})$/.exec(card) ?? [];
  if (vendor === undefined || device === undefined || !contents.aliases) return undefined;
  // Class 02 is network; a row for another class belongs to another function of the same vendor.
  const bus = drivers(contents, pattern => {
    const [, of, which] = /^pci:v0000([0-9A-F]{4})d(?:0000([0-9A-F]{4})|\*)sv\S*?bc(?:02|\*)/.exec(pattern) ?? [];
    return of?.toLowerCase() === vendor && (which === undefined || which.toLowerCase() === device);
  });
  // A virtio card is a PCI device with the network card on a bus behind it: kind 1.
  if (vendor !== '1af4') return bus === undefined ? { lacks: true } : { driver: bus };
  const card1 = drivers(contents, pattern => /^virtio:d00000001v/.test(pattern));
  return bus === undefined || card1 === undefined ? { lacks: true } : { driver: card1 };
}

function drivers({ aliases = [], modules }: InitramfsContents, fits: (pattern: string) => boolean): string | undefined {
  return aliases.find(
    ({ pattern, module, builtIn }) => (builtIn || modules.has(module.replaceAll('-', '_'))) && fits(pattern),
  )?.module;
}
