// The folder of one running lab (state, sockets, logs): made, marked with its owner, and removed, even after a killed lab.
import { readFileSync } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Short, because a Unix socket's path has at most 107 bytes. */
const PREFIX = 'muster-lab-';

/** An unmarked folder older than this was left by a lab killed in its first moment. */
const UNMARKED_MS = 60_000;

/** Makes a new folder that only this user can enter. Removes folders of dead labs first. */
export async function makeRunFolder(parent = tmpdir()): Promise<string> {
  await sweep(parent);
  const folder = await mkdtemp(join(parent, PREFIX));
  await writeFile(join(folder, 'owner'), ownerMark(process.pid) ?? '');
  return folder;
}

/** Removes what killed labs have left: only this user's folders, and only when their owner is gone. */
export async function sweep(parent = tmpdir()): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(parent)) {
    const folder = join(parent, name);
    if (!name.startsWith(PREFIX) || !(await isOwn(folder))) continue;
    if (await isUsed(folder)) continue;
    await rm(folder, { recursive: true, force: true });
    removed.push(folder);
  }
  return removed;
}

async function isOwn(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

async function isUsed(folder: string): Promise<boolean> {
  const mark = await readFile(join(folder, 'owner'), 'utf8').catch(() => undefined);
  if (mark !== undefined) return isAlive(mark);
  // Without a mark, another lab may be about to write it.
  const found = await lstat(folder).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs < UNMARKED_MS;
}

/** A process as number and start time, since numbers are reused. */
export function ownerMark(pid: number): string | undefined {
  try {
    // proc_pid_stat(5): the name may contain spaces, and ends with the last `)`; field 22 is the start time.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${pid} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

function isAlive(mark: string): boolean {
  return ownerMark(Number(mark.split(' ')[0])) === mark.trim();
}
