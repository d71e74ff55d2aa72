// `.treeinfo`: the description of a Red Hat style installation tree (productmd's treeinfo, and its predecessor, whose section [general]
// productmd still writes).

export interface Checksum {
  /** As the tree names it, in lower case: `sha256`. */
  algorithm: string;
  /** In lower-case hexadecimal. */
  digest: string;
}

export interface TreeInfo {
  family: string;
  version: string;
  arch: string;
  /** Paths from the root of the tree. */
  kernel: string;
  initramfs: string;
  /** The installer's run-time image. */
  stage2: string;
  /** By path, of the files that have one. */
  checksums: Map<string, Checksum>;
}

/** Returns the tree's description, or what is missing in it. */
export function readTreeInfo(text: string): TreeInfo | { problem: string } {
  const sections = readSections(text);
  const general = sections.get('general') ?? new Map<string, string>();
  // productmd 1.0 calls the section [product].
  const release = sections.get('release') ?? sections.get('product');
  const arch = sections.get('tree')?.get('arch') ?? general.get('arch') ?? '';
  const images = sections.get(`images-${arch}`) ?? [...sections].find(([name]) => /^images-(?!xen)/.test(name))?.[1];
  const kernel = images?.get('kernel');
  const initramfs = images?.get('initrd');
  if (!images || !kernel || !initramfs)
    return { problem: `has no section [images-${arch || 'ARCH'}] with kernel and initrd` };
  const checksums = new Map<string, Checksum>();
  for (const [path, sum] of sections.get('checksums') ?? []) {
    const [algorithm = '', ...rest] = sum.toLowerCase().split(':');
    checksums.set(path.replace(/^(\.?\/)+/, ''), { algorithm, digest: rest.join(':') });
  }
  return {
    family: release?.get('name') ?? general.get('family') ?? '',
    version: release?.get('version') ?? general.get('version') ?? '',
    arch,
    kernel,
    initramfs,
    stage2: sections.get('stage2')?.get('mainimage') ?? '',
    checksums,
  };
}

/** INI as Python's configparser writes it; names of keys may hold slashes. */
function readSections(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const title = /^\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (title !== undefined) {
      section = sections.get(title) ?? new Map();
      sections.set(title, section);
      continue;
    }
    const [, name, value] = /^([^\s=:#;][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) section.set(name, value);
  }
  return sections;
}
