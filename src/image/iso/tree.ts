// The tree of an ISO image, read directly from the file: looks up paths and lists directories, with the names that Linux would show.
import { type FileHandle, open } from 'node:fs/promises';
import { MusterError } from '../../errors.ts';
import { type IsoEntry, type Naming, readDirectory, readWhole } from './directory.ts';
import { badIso, descriptorType, readRecords, readVolume, SECTOR, type Volume } from './records.ts';
import { readRockRidge, suspSkip } from './rock-ridge.ts';

export type { IsoEntry } from './directory.ts';

/** ECMA-119 §6.2.1: the volume descriptors begin in sector 16. */
const FIRST_DESCRIPTOR = 16;
const DESCRIPTORS = 64;
/** Total directory entries kept in memory; about 25 MB. */
const KEPT_ENTRIES = 100_000;
/** POSIX: more symbolic links than this in one path are a loop. */
const LINKS = 40;
const COMPONENTS = 256;

export class IsoTree {
  readonly label: string;
  readonly root: IsoEntry;
  private readonly path: string;
  private readonly naming: Naming;
  private readonly kept = new Map<number, IsoEntry[]>();
  private keptEntries = 0;

  private constructor(path: string, label: string, naming: Naming) {
    this.path = path;
    this.label = label;
    this.naming = naming;
    const { offset, size } = naming.volume.root;
    this.root = { name: '', kind: 'directory', offset, size };
  }

  /** Throws `bad-iso` when the file is not an ISO image, or ends before its root directory does. */
  static async open(path: string): Promise<IsoTree> {
    return withFile(path, async handle => {
      const { primary, joliet } = await readVolumes(handle);
      const skip = await rockRidgeSkip(handle, primary);
      const volume = skip === undefined ? (joliet ?? primary) : primary;
      return new IsoTree(path, primary.label, { volume, skip });
    });
  }

  /**
   * Returns the target of a path, following symbolic links; undefined when there is none. It never leaves the image: `..` of its
   * root is the root.
   */
  async lookup(path: string): Promise<IsoEntry | undefined> {
    const way: IsoEntry[] = [this.root];
    const left = split(path).reverse();
    for (let links = 0; ; ) {
      const name = left.pop();
      const here = way.at(-1) ?? this.root;
      if (name === undefined) return here;
      if (left.length + way.length > COMPONENTS) return undefined;
      if (name === '..') {
        if (way.length > 1) way.pop();
        continue;
      }
      if (here.kind !== 'directory') return undefined;
      const entry = (await this.list(here)).find(one => one.name === name);
      if (!entry) return undefined;
      if (entry.kind !== 'link') {
        way.push(entry);
        continue;
      }
      links += 1;
      if (links > LINKS) return undefined;
      if (entry.target?.startsWith('/')) way.length = 1;
      left.push(...split(entry.target ?? '').reverse());
    }
  }

  async list(directory: IsoEntry): Promise<readonly IsoEntry[]> {
    const known = this.kept.get(directory.offset);
    if (known) {
      // The most recently used entry is evicted last.
      this.kept.delete(directory.offset);
      this.kept.set(directory.offset, known);
      return known;
    }
    const entries = await withFile(this.path, async handle => readDirectory(handle, this.naming, directory));
    if (!this.kept.has(directory.offset)) this.keptEntries += entries.length;
    this.kept.set(directory.offset, entries);
    for (const [offset, old] of this.kept) {
      if (this.keptEntries <= KEPT_ENTRIES || this.kept.size === 1) break;
      this.kept.delete(offset);
      this.keptEntries -= old.length;
    }
    return entries;
  }
}

function split(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.');
}

async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r');
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function readVolumes(handle: FileHandle): Promise<{ primary: Volume; joliet: Volume | undefined }> {
  let primary: Volume | undefined;
  let joliet: Volume | undefined;
  for (let sector = FIRST_DESCRIPTOR; sector < FIRST_DESCRIPTOR + DESCRIPTORS; sector += 1) {
    const bytes = await readSector(handle, sector);
    const type = bytes && descriptorType(bytes);
    // ECMA-119 §8.3: 255 ends the set.
    if (!bytes || type === undefined || type === 255) break;
    const volume = readVolume(bytes);
    if (volume?.joliet) joliet ??= volume;
    else primary ??= volume;
  }
  if (!primary)
    throw new MusterError('bad-iso', 'The file is not an ISO 9660 image: it has no primary volume descriptor.');
  return { primary, joliet };
}

async function readSector(handle: FileHandle, sector: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(SECTOR);
  const { bytesRead } = await handle.read(bytes, 0, SECTOR, sector * SECTOR);
  return bytesRead === SECTOR ? bytes : undefined;
}

/** Rock Ridge is present when the root's own record has SUSP and any Rock Ridge entry. */
async function rockRidgeSkip(handle: FileHandle, volume: Volume): Promise<number | undefined> {
  const start = await readWhole(handle, volume.root.offset, SECTOR);
  const [own] = readRecords(start.subarray(0, start[0] ?? 0), volume.blockSize);
  if (!own) throw badIso('its root directory is empty');
  const skip = suspSkip(own.systemUse);
  if (skip === undefined) return undefined;
  const read = async (block: number, offset: number, length: number): Promise<Buffer> =>
    readWhole(handle, block * volume.blockSize + offset, length);
  const { seen } = await readRockRidge(own.systemUse.subarray(skip), read);
  return seen ? skip : undefined;
}
