// The facts about an uploaded ISO image: its label, its package repositories, and its installer with kernel and initramfs.
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { own } from '../../own.ts';
import { kernelRelease } from '../kernel-release.ts';
import { readWhole } from './directory.ts';
import { badIso } from './records.ts';
import { type IsoEntry, IsoTree } from './tree.ts';
import { readTreeInfo } from './treeinfo.ts';
import { surveyIso } from './walk.ts';

/** A file in the image: its bytes are a range of it. */
export interface IsoFile {
  path: string;
  offset: number;
  size: number;
  sha256: string;
}

export const INSTALLERS = ['anaconda', 'debian', 'subiquity'] as const;
/** The kind of installer: it determines the kernel command line and the format of the answers. */
export type InstallerKind = (typeof INSTALLERS)[number];

export interface IsoInstaller {
  kind: InstallerKind;
  /** From the image: `Rocky Linux`, `9.4`; may be empty. */
  family: string;
  version: string;
  kernel: IsoFile;
  initramfs: IsoFile;
  /** The kernel's release. */
  release: string;
}

export interface IsoFacts {
  label: string;
  /** Directories with package repositories; the root is ''. */
  repositories: string[];
  installer: IsoInstaller | null;
  /** Why there is no installer; empty when there is one. */
  reason: string;
}

type Found = Pick<IsoFacts, 'installer' | 'reason'>;
const none = (reason: string): Found => ({ installer: null, reason });

/** The files of installers without a `.treeinfo`: Ubuntu's live server. */
const LAYOUTS: readonly { kind: InstallerKind; kernel: string; initramfs: string }[] = [
  { kind: 'subiquity', kernel: 'casper/vmlinuz', initramfs: 'casper/initrd' },
];

const TREEINFO_LIMIT = 1 << 20;

/** The checksums in trees, with their bits, by their OpenSSL names. */
const DIGEST_BITS: Readonly<Record<string, number>> = {
  md5: 128,
  sha1: 160,
  sha224: 224,
  sha256: 256,
  sha384: 384,
  sha512: 512,
};

/** Reads the whole directory tree and the files a node would boot. Throws `bad-iso` with the fault of the image. */
export async function readIsoFacts(path: string): Promise<IsoFacts> {
  const tree = await IsoTree.open(path);
  const { repositories, end, last } = await surveyIso(tree);
  const { size } = await stat(path);
  if (end > size) throw badIso(`it is cut short: it has ${size} bytes, and '${last}' ends at byte ${end}`);
  return { label: tree.label, repositories, ...(await findInstaller(path, tree)) };
}

async function findInstaller(path: string, tree: IsoTree): Promise<Found> {
  const treeinfo = (await tree.lookup('.treeinfo')) ?? (await tree.lookup('treeinfo'));
  if (treeinfo?.kind === 'file') return ofTreeInfo(path, tree, treeinfo);
  for (const layout of LAYOUTS) {
    const kernel = await readable(tree, layout.kernel);
    const initramfs = await readable(tree, layout.initramfs);
    if (!kernel || !initramfs) continue;
    const files = await bootFiles(path, kernel, initramfs);
    const disk = await readable(tree, '.disk/info');
    const family = disk && disk.size < 1024 ? (await textOf(path, disk)).trim() : '';
    return { installer: { kind: layout.kind, family, version: '', ...files }, reason: '' };
  }
  if (await tree.lookup('install.amd'))
    return none("Debian's images install from a CD only; take the kernel and the initramfs of its netboot installer");
  return none('it has no .treeinfo, which would name kernel and initramfs');
}

async function ofTreeInfo(path: string, tree: IsoTree, entry: IsoEntry): Promise<Found> {
  if (entry.size > TREEINFO_LIMIT) throw badIso(`its .treeinfo has ${entry.size} bytes`);
  const info = readTreeInfo(await textOf(path, entry));
  if ('problem' in info) return none(`its .treeinfo ${info.problem}`);
  const [kernel, initramfs] = [await readable(tree, info.kernel), await readable(tree, info.initramfs)];
  if (!kernel || !initramfs)
    return none(`its .treeinfo names '${kernel ? info.initramfs : info.kernel}', which is not in it`);
  for (const name of [info.kernel, info.initramfs, info.stage2]) {
    const file = await readable(tree, name);
    const wanted = info.checksums.get(name);
    if (!file || wanted === undefined) continue;
    const { algorithm, digest } = wanted;
    const bits = own(DIGEST_BITS, algorithm);
    if (bits === undefined || !new RegExp(`^[0-9a-f]{${bits / 4}}$`).test(digest))
      return none(
        `its .treeinfo has the checksum '${algorithm}:${digest}' for '${name}'; muster knows ${Object.keys(DIGEST_BITS).join(', ')}`,
      );
    if ((await digestOf(path, file, algorithm)) !== digest)
      throw badIso(`it is damaged: '${name}' does not have the ${algorithm} checksum that .treeinfo names`);
  }
  const files = await bootFiles(path, kernel, initramfs);
  return { installer: { kind: 'anaconda', family: info.family, version: info.version, ...files }, reason: '' };
}

interface Named {
  path: string;
  offset: number;
  size: number;
}

/** Returns a file that can be served, by its path in the image. */
async function readable(tree: IsoTree, path: string): Promise<Named | undefined> {
  const entry = path === '' ? undefined : await tree.lookup(path);
  if (entry?.kind !== 'file' || entry.problem !== undefined || entry.size === 0) return undefined;
  return { path, offset: entry.offset, size: entry.size };
}

async function bootFiles(
  path: string,
  kernel: Named,
  initramfs: Named,
): Promise<Pick<IsoInstaller, 'kernel' | 'initramfs' | 'release'>> {
  // A packed arm64 kernel boots but does not reveal its release.
  const release = await kernelRelease(path, kernel).catch(() => '');
  const withDigest = async (file: Named): Promise<IsoFile> => ({ ...file, sha256: await digestOf(path, file) });
  return { kernel: await withDigest(kernel), initramfs: await withDigest(initramfs), release };
}

async function digestOf(
  path: string,
  { offset, size }: Pick<Named, 'offset' | 'size'>,
  algorithm = 'sha256',
): Promise<string> {
  const hash = createHash(algorithm);
  const handle = await open(path, 'r');
  try {
    for (let done = 0; done < size; ) {
      const chunk = await readWhole(handle, offset + done, Math.min(1 << 20, size - done));
      hash.update(chunk);
      done += chunk.length;
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

async function textOf(path: string, { offset, size }: Pick<Named, 'offset' | 'size'>): Promise<string> {
  const handle = await open(path, 'r');
  try {
    return (await readWhole(handle, offset, size)).toString('utf8');
  } finally {
    await handle.close();
  }
}
