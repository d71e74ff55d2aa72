#!/usr/bin/env node
// Builds dist/ with tsc when a source is newer than the last build, and removes output that no longer has a source.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'dist', '.built');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exit(build() ? 0 : 1);

/** True when dist/ is up to date and has no type error; the compiler's messages go to standard error. */
export function build() {
  const sources = ['src', 'lab', 'test']
    .flatMap(folder => filesBelow(join(ROOT, folder)))
    .filter(file => file.endsWith('.ts'));
  const inputs = [...sources, join(ROOT, 'tsconfig.json'), join(ROOT, 'package.json')];
  prune(new Set(sources.map(file => file.slice(ROOT.length + 1, -3))));
  const newest = Math.max(...inputs.map(file => statSync(file).mtimeMs));
  if (existsSync(STAMP) && statSync(STAMP).mtimeMs > newest) return true;
  rmSync(STAMP, { force: true });
  // The stamp bears the time before the compiler read the sources, so a file saved during the build is newer.
  const started = new Date();
  process.stderr.write('building\n');
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  const { status, error } = spawnSync(tsc, ['--project', ROOT], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (error) process.stderr.write(`cannot run tsc: ${error.message}\n`);
  makeExecutable();
  if (status !== 0) return false;
  const table = spawnSync(process.execPath, [join(ROOT, 'scripts/command-table.mjs')], { stdio: ['ignore', 2, 2] });
  if (table.status !== 0) return false;
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, `${started.toISOString()}\n`);
  return true;
}

function makeExecutable() {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const file of new Set(Object.values(bin))) {
    if (existsSync(join(ROOT, file))) chmodSync(join(ROOT, file), 0o755);
  }
}

function prune(stems) {
  for (const folder of ['src', 'lab', 'test']) {
    for (const file of filesBelow(join(ROOT, 'dist', folder))) {
      const stem = file.slice(join(ROOT, 'dist').length + 1).replace(/\.(js|js\.map|d\.ts)$/, '');
      if (stems.has(stem) || file.endsWith('commands.json')) continue;
      rmSync(file);
      // With these records the compiler would not write the output again when its source comes back.
      for (const record of [STAMP, join(ROOT, 'dist', '.tsbuildinfo')]) rmSync(record, { force: true });
    }
  }
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name));
}
