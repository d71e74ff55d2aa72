#!/usr/bin/env node
// Runs shellcheck over every shell script of the project, known by its extension or its first line.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SHEBANG = /^#!\s*\/(usr\/)?bin\/(env\s+)?(sh|bash|dash|ash)\b/;

const scripts = projectFiles().filter(isShell);
if (scripts.length === 0) process.exit(0);
const { status, error } = spawnSync('shellcheck', ['--external-sources', ...scripts], { cwd: ROOT, stdio: 'inherit' });
if (error) {
  process.stderr.write(`shellcheck cannot be run (${error.message}); install the package shellcheck\n`);
  process.exit(127);
}
process.stdout.write(`shellcheck: ${scripts.length} scripts\n`);
process.exit(status ?? 1);

/** What git tracks or would track; every file when this is no git checkout (an unpacked archive). */
function projectFiles() {
  const git = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (git.status === 0) return git.stdout.split('\n').filter(Boolean);
  return readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length + 1))
    .filter(file => !/^(node_modules|dist|\.git)\//.test(file));
}

function isShell(file) {
  const full = join(ROOT, file);
  if (!existsSync(full)) return false;
  return /\.(sh|bash)$/.test(file) || SHEBANG.test(firstBytes(full));
}

function firstBytes(file) {
  const handle = openSync(file, 'r');
  const buffer = Buffer.alloc(64);
  const length = readSync(handle, buffer, 0, 64, 0);
  closeSync(handle);
  return buffer.toString('latin1', 0, length);
}
