import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packageRoot } from '../src/package-root.ts';

/** Returns the TypeScript files below a folder. */
export function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** Returns the files of the product and of its lab. */
export function productSources(): string[] {
  return ['src', 'lab'].flatMap(folder => sources(join(packageRoot, folder)));
}

/** Returns the name of such a file: without `src/`, so that `lab/qemu.ts` stands beside `boot/why.ts`. */
export function sourceName(file: string): string {
  return relative(packageRoot, file).replace(/^src\//, '');
}
