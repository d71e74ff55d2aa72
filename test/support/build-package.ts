// A package of this tree, quick and uncompressed, for tests that install it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';
import { runOk } from '../../src/process/run.ts';

/** Builds into a folder of its own; answers the file. @param words for scripts/package.mjs: `--deb`, `--version 0.99.0` */
export async function buildPackage(folder: string, ...words: string[]): Promise<string> {
  await runOk(process.execPath, [join(packageRoot, 'scripts/package.mjs'), '--quick', '--out', folder, ...words]);
  const [name = ''] = readdirSync(folder);
  return join(folder, name);
}
