// The folder of a lab: what a killed lab left is removed, and nothing else.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { makeRunFolder, ownerMark, sweep } from '../../lab/run-folder.ts';

test.beforeEach(async t => {
  t.context = await mkdtemp(join(tmpdir(), 'run-folder-'));
});

test.afterEach.always(async t => {
  await rm(t.context as string, { recursive: true, force: true });
});

async function leftBehind(parent: string, name: string, mark: string | undefined): Promise<string> {
  const folder = join(parent, `muster-lab-${name}`);
  await mkdir(folder);
  if (mark !== undefined) await writeFile(join(folder, 'owner'), mark);
  return folder;
}

test('a new lab removes the folder of a lab that was killed', async t => {
  const parent = t.context as string;
  const child = spawn('sleep', ['60']);
  const mark = ownerMark(child.pid ?? 0) ?? '';
  const folder = await leftBehind(parent, 'a', mark);
  const own = await makeRunFolder(parent);
  t.true(existsSync(folder), 'its owner lives');
  const gone = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  t.deepEqual(await sweep(parent), [folder]);
  t.true(existsSync(own));
});

test('a process that reuses the number of a dead owner is not the owner', async t => {
  const parent = t.context as string;
  const folder = await leftBehind(parent, 'b', `${process.pid} 1`);
  t.deepEqual(await sweep(parent), [folder]);
});

test('a folder without a mark is left alone while it is new', async t => {
  const parent = t.context as string;
  const folder = await leftBehind(parent, 'c', undefined);
  t.deepEqual(await sweep(parent), []);
  const before = new Date(Date.now() - 3_600_000);
  await utimes(folder, before, before);
  t.deepEqual(await sweep(parent), [folder]);
});

test('other folders are not touched', async t => {
  const parent = t.context as string;
  await mkdir(join(parent, 'other'));
  await writeFile(join(parent, 'muster-lab-file'), '');
  t.deepEqual(await sweep(parent), []);
});
