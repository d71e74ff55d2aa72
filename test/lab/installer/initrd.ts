// An initrd that behaves as Anaconda's: the lab's own initramfs, with another /init behind it.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/package-root.ts';
import { runOk } from '../../../src/process/run.ts';

/** The kernel unpacks archives one after the other; what comes later replaces what was there. */
export async function installerInitrd(initramfs: string, folder: string): Promise<Buffer> {
  const tree = join(folder, 'init');
  mkdirSync(tree);
  const source = join(packageRoot, 'test/lab/installer');
  copyFileSync(join(source, 'init.sh'), join(tree, 'init'));
  copyFileSync(join(source, 'dhcp.sh'), join(tree, 'init-dhcp'));
  const archive = join(folder, 'init.cpio');
  await runOk('cpio', ['-o', '-H', 'newc', '-D', tree, '-F', archive, '--quiet', '-R', '0:0'], {
    input: 'init\ninit-dhcp\n',
  });
  const first = readFileSync(initramfs);
  // An archive begins at a multiple of four; the kernel skips zeros between two.
  const padding = Buffer.alloc((4 - (first.length % 4)) % 4);
  return Buffer.concat([first, padding, readFileSync(archive)]);
}
