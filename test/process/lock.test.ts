import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { takeLock, withLock } from '../../src/process/lock.ts';
import { temporaryFolder } from '../cli/folder.ts';

/** Another process that has the lock until it is killed. */
async function holder(file: string): Promise<ChildProcess> {
  const program = `import(process.argv[1]).then(async ({ takeLock }) => {
    await takeLock(process.argv[2], { wait: true });
    console.log('held');
    setInterval(() => {}, 1000);
  });`;
  const module = new URL('../../src/process/lock.js', import.meta.url).href;
  const child = spawn(process.execPath, ['-e', program, module, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('one process has a lock; the kernel gives it back when that is killed', async t => {
  const file = join(await temporaryFolder(t), 'lock');
  const child = await holder(file);
  t.teardown(() => child.kill('SIGKILL'));
  t.is(await takeLock(file, { wait: false }), undefined);
  const waiting = takeLock(file, { wait: true });
  child.kill('SIGKILL');
  const lock = await waiting;
  t.truthy(lock);
  t.is(await takeLock(file, { wait: false }), undefined, 'also against another open file of the same process');
  await lock?.release();
  const again = await takeLock(file, { wait: false });
  t.truthy(again);
  await again?.release();
});

test('work under a lock runs alone, and a failure gives the lock back', async t => {
  const file = join(await temporaryFolder(t), 'lock');
  let inside = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    t.is(inside, 1);
    await new Promise(setImmediate);
    inside -= 1;
  };
  await Promise.all([withLock(file, work), withLock(file, work), withLock(file, work)]);
  await t.throwsAsync(
    withLock(file, async () => {
      throw new Error('no');
    }),
    { message: 'no' },
  );
  await withLock(file, work);
});

test('a program that is started while the lock is held does not keep it', async t => {
  const file = join(await temporaryFolder(t), 'lock');
  const lock = await takeLock(file, { wait: false });
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  t.teardown(() => child.kill());
  await once(child, 'spawn');
  await lock?.release();
  const again = await takeLock(file, { wait: false });
  t.truthy(again);
  await again?.release();
});

test('a file that cannot be there is not-allowed', async t => {
  await t.throwsAsync(takeLock('/proc/no-such-folder/lock', { wait: false }), { code: 'not-allowed' });
});

test('a link in the place of a lock file is not followed, and a FIFO does not block', async t => {
  const folder = await temporaryFolder(t);
  const elsewhere = join(folder, 'elsewhere');
  symlinkSync(elsewhere, join(folder, 'link'));
  await t.throwsAsync(takeLock(join(folder, 'link'), { wait: false }), { code: 'not-allowed' });
  t.false(existsSync(elsewhere));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const lock = await takeLock(join(folder, 'fifo'), { wait: false });
  await lock?.release();
  t.truthy(lock);
});
