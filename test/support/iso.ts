// Installation trees, and ISO images of them made by real programs.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { runOk } from '../../src/process/run.ts';

export function testFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-iso-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Contents by path; a text that begins with `->` is a symbolic link. */
export type Files = Readonly<Record<string, string | Buffer>>;

export function layFiles(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    if (typeof content === 'string' && content.startsWith('->')) symlinkSync(content.slice(2), full);
    else writeFileSync(full, content);
  }
}

/** Makes an image of a folder. Rock Ridge and Joliet unless other arguments are given. */
export async function makeIso(folder: string, file: string, args: readonly string[] = ['-R', '-J', '-joliet-long']) {
  const words = ['-as', 'mkisofs', '-quiet', '-V', 'MUSTER-9-x86_64-dvd', ...args, '-o', file, folder];
  await runOk('xorriso', words, { package: 'xorriso' });
  return file;
}

/** The layout of a Red Hat 9 image, with these as kernel and initramfs. */
export function installationTree(kernel: Buffer, initramfs: Buffer, more: Files = {}): Files {
  const stage2 = Buffer.alloc(300_000, 'stage2 ');
  const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  return {
    '.treeinfo': [
      '[header]\ntype = productmd.treeinfo\nversion = 1.2\n',
      '[release]\nname = Muster Linux\nshort = Muster\nversion = 9.4\n',
      '[general]\narch = x86_64\nfamily = Muster Linux\nname = Muster Linux 9.4\npackagedir = AppStream/Packages',
      'repository = AppStream\nvariant = AppStream\nversion = 9.4\n',
      '[images-x86_64]\ninitrd = images/pxeboot/initrd.img\nkernel = images/pxeboot/vmlinuz\n',
      '[stage2]\nmainimage = images/install.img\n',
      `[checksums]\nimages/install.img = sha256:${sum(stage2)}`,
      `images/pxeboot/initrd.img = sha256:${sum(initramfs)}\nimages/pxeboot/vmlinuz = sha256:${sum(kernel)}\n`,
      '[variant-BaseOS]\npackages = BaseOS/Packages\nrepository = BaseOS\n',
    ].join('\n'),
    'images/pxeboot/vmlinuz': kernel,
    'images/pxeboot/initrd.img': initramfs,
    'images/install.img': stage2,
    'BaseOS/repodata/repomd.xml': '<repomd/>\n',
    'BaseOS/Packages/b/bash-5.1.8-9.el9.x86_64.rpm': 'no real package\n',
    'AppStream/repodata/repomd.xml': '<repomd/>\n',
    ...more,
  };
}
