#!/usr/bin/env node
// All set-up of a fresh clone: system packages, npm packages, build. Quick when there is nothing to do.
//   node scripts/setup.mjs [none|head|lab|test|bench]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { PACKAGES } from './packages.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'node_modules', '.muster-lock-sha256');
const POLICY = '/usr/sbin/policy-rc.d';

process.chdir(ROOT);
const purpose = process.argv[2] ?? 'none';
if (!['none', 'head', 'lab', 'test', 'bench'].includes(purpose)) {
  stop(2, `setup: unknown purpose '${purpose}'; there are none, head, lab, test and bench`);
}
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  stop(1, `setup: Node 20.19 or newer is needed; this is ${process.version}`);
}
const stale = npmIsStale();
systemPackages([...(stale ? ['build'] : []), ...(purpose === 'none' ? [] : [purpose])]);
if (stale) npmPackages();
// The test run builds by itself, so that a type error counts as a failed check.
if (purpose !== 'test' && !build()) stop(1, 'setup: the build failed');

function systemPackages(purposes) {
  const wanted = PACKAGES.filter(row => row.for.some(item => purposes.includes(item)));
  const missing = wanted.filter(row => !isThere(row.shows)).map(row => row.name);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (!isThere('bin/apt-get')) {
    stop(
      1,
      `setup: these programs are missing, and there is no apt-get to install them. Debian's names of the packages: ${list}`,
    );
  }
  if (process.getuid?.() !== 0) {
    stop(
      1,
      `setup: system packages are missing. As root, run this line, then start again:\n  apt-get update && apt-get install -y --no-install-recommends ${list}`,
    );
  }
  say(`setup: installing ${missing.length} system packages: ${list}`);
  aptGet(['update']);
  withoutStartingServices(() => aptGet(['install', '-y', '--no-install-recommends', ...missing]));
}

/** `bin/x` and `sbin/x` are searched in PATH and in the system folders, which an ordinary PATH lacks. */
function isThere(shows) {
  if (shows.startsWith('/')) return existsSync(shows);
  const name = shows.slice(shows.indexOf('/') + 1);
  // Not npm's own folder, which has programs of the same names (`nft`).
  const path = (process.env.PATH ?? '').split(':').filter(folder => !folder.includes('node_modules'));
  const folders = [...path, '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  return folders.some(folder => existsSync(join(folder, name)));
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['-q', ...args], { env });
}

/** Packages are needed for their programs: nothing may listen on this machine because of them. */
function withoutStartingServices(action) {
  const own = !existsSync(POLICY);
  if (own) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const hadNginx = existsSync('/etc/init.d/nginx');
  const hadNetworkManager = existsSync('/usr/sbin/NetworkManager');
  try {
    action();
  } finally {
    if (own) rmSync(POLICY, { force: true });
  }
  if (!hadNginx && existsSync('/run/systemd/system') && existsSync('/etc/init.d/nginx')) {
    run('systemctl', ['-q', 'disable', 'nginx.service']);
  }
  // It would take over the interfaces of this machine at the next start
  if (!hadNetworkManager && existsSync('/run/systemd/system') && existsSync('/usr/sbin/NetworkManager')) {
    run('systemctl', ['-q', 'disable', 'NetworkManager.service', 'NetworkManager-wait-online.service']);
  }
}

function npmIsStale() {
  if (existsSync(STAMP)) return readFileSync(STAMP, 'utf8') !== lockSum();
  const installed = join('node_modules', '.package-lock.json');
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('package-lock.json').mtimeMs) return true;
  writeFileSync(STAMP, lockSum());
  return false;
}

function npmPackages() {
  say('setup: npm ci (sqlite3 may be compiled: a minute or two)');
  run('npm', ['ci', '--no-audit', '--no-fund']);
  writeFileSync(STAMP, lockSum());
}

function lockSum() {
  return createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options });
  if (error) stop(1, `setup: cannot run ${command}: ${error.message}`);
  if (status !== 0) stop(1, `setup: '${command} ${args.join(' ')}' ended with status ${status}; its words are above`);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function stop(status, text) {
  say(text);
  process.exit(status);
}
