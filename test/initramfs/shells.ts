// Runs parts of the node's scripts in the shells they meet: dash, busybox ash, and bash as dracut's /bin/sh.
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { findProgram } from '../support/require.ts';
import { sessionFile } from './session-archive.ts';

export const MODULE = join(packageRoot, 'initramfs', '95muster');

/** Each shell with the word that selects it in a busybox. */
export const SHELLS: Readonly<Record<string, readonly string[]>> = {
  dash: ['dash'],
  busybox: ['busybox', 'sh'],
  bash: ['bash', '--posix'],
};

export interface Place {
  folder: string;
  /** $MUSTER_RUN; its `private` folder is there. */
  run: string;
  /** A tree in the place of /sysroot. */
  root: string;
  /** Files in the place of /proc. */
  proc: string;
  env: Record<string, string>;
}

/** A node in a folder: the scripts as the initramfs has them, with one of the two HTTP clients. */
export async function makePlace(t: ExecutionContext, client: 'busybox' | 'curl' = 'busybox'): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-node-'));
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  const [lib, run, root, proc] = ['lib', 'run', 'root', 'proc'].map(name => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  await cp(MODULE, lib, { recursive: true });
  await cp(join(lib, 'lib', `http_${client}`), join(lib, 'lib', 'http_client'));
  await mkdir(join(lib, 'bin'));
  await symlink(findProgram('busybox') ?? '/bin/busybox', join(lib, 'bin', 'busybox'));
  await mkdir(join(run, 'private', 'image'), { recursive: true, mode: 0o700 });
  await mkdir(join(root, 'etc'), { recursive: true });
  await mkdir(join(proc, 'sys', 'kernel'), { recursive: true });
  await writeFile(join(proc, 'cmdline'), 'quiet\n');
  await writeFile(join(proc, 'loadavg'), '0.10 0.20 0.30 1/100 1234\n');
  await writeFile(
    join(proc, 'cpuinfo'),
    'processor\t: 0\nmodel name\t: Test CPU\nprocessor\t: 1\nmodel name\t: Test CPU\n',
  );
  await writeFile(join(proc, 'sys', 'kernel', 'osrelease'), '6.1.0-test\n');
  await writeFile(join(proc, 'meminfo'), 'MemTotal:  1000000 kB\nMemFree:  1 kB\nMemAvailable:  500000 kB\n');
  // The clock goes on: times are read from the machine's own.
  await symlink('/proc/uptime', join(proc, 'uptime'));
  const env = {
    MUSTER_LIB: lib,
    MUSTER_RUN: run,
    NEWROOT: root,
    MUSTER_PROC: proc,
    MUSTER_CONSOLE: join(folder, 'console'),
    MUSTER_KMSG: join(folder, 'console'),
  };
  return { folder, run, root, proc, env };
}

/** The session of a place: what the head says of the boot. */
export async function giveSession(place: Place, values: Record<string, string | number>): Promise<void> {
  await writeFile(join(place.run, 'private', 'session'), sessionFile(values), { mode: 0o600 });
}

export interface ShellResult {
  status: number | null;
  stdout: string;
  stderr: string;
  /** What stood on the node's console. */
  console: string;
}

/** What a test puts in the place of the end of a boot, and of waits that only spread nodes in time. */
const PRELUDE = `
for part in base http_client http http_tls report memory fetch squashfs in_root init root files; do . "$MUSTER_LIB/lib/$part"; done
[ ! -r "$PRIVATE/session" ] || . "$PRIVATE/session"
restart_node() { echo REBOOT; exit 3; }
pause() { echo "$1" >>"$MUSTER_RUN/pauses"; }
`;

/** Runs a piece of script after all parts of the initramfs; ended after two minutes. @param within words before the shell's own */
export async function runParts(
  shell: string,
  place: Place,
  script: string,
  env: Record<string, string> = {},
  within: readonly string[] = [],
): Promise<ShellResult> {
  const [command = '', ...words] = [...within, ...(SHELLS[shell] ?? [])];
  const child = spawn(command, [...words, '-c', PRELUDE + script], {
    env: { ...process.env, ...place.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  const result = { stdout: '', stderr: '' };
  child.stdout.on('data', chunk => (result.stdout += String(chunk)));
  child.stderr.on('data', chunk => (result.stderr += String(chunk)));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, ...result, console: await readFile(join(place.folder, 'console'), 'utf8').catch(() => '') };
}

/** The agent's folder as `start_agent` makes it. */
export async function layOutAgent(place: Place): Promise<string> {
  const agent = join(place.run, 'agent');
  await cp(join(MODULE, 'agent'), agent, { recursive: true });
  const parts = await readFile(join(MODULE, 'agent/parts'), 'utf8');
  for (const name of parts.trimEnd().split('\n')) await cp(join(place.folder, 'lib/lib', name), join(agent, name));
  await cp('/bin/busybox', join(agent, 'busybox'));
  return agent;
}
