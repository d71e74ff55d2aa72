// A restore that is killed before any of its steps leaves the old head or the new one, whole; never an empty one.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { temporaryFolder } from '../store/folder.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { hasFileOf, headIn, makeHead } from './heads.ts';

const SCENE = join(packageRoot, 'dist/test/durable/scene.js');

// What changes names. A kill keeps what was written, so that one before an fsync or a write shows nothing that these do not.
const CALLS = ['rename', 'mkdir', 'unlink', 'rmdir'] as const;
/** More calls of one name than a restore makes. */
const MANY = 60;

/** Kills the restore as it is about to make its nth call; returns whether it came to an end before that. */
async function restoreKilledAt(state: string, backup: string, call: string, nth: number): Promise<boolean> {
  // One thread for files, since strace counts the calls of each thread.
  const env = { UV_THREADPOOL_SIZE: '1' };
  const inject = ['-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`];
  const words = [...inject, process.execPath, SCENE, 'restore', state, backup];
  const { status } = await run(findProgram('strace') ?? 'strace', words, { env: { ...process.env, ...env } });
  return status === 0;
}

async function everyKill(
  t: ExecutionContext,
  call: string,
  before: string | undefined,
  backup: string,
  check: (state: string, place: string) => Promise<void>,
): Promise<number> {
  const folder = temporaryFolder(t);
  for (let nth = 1; nth <= MANY; nth += 1) {
    const state = join(folder, `${nth}`);
    if (before !== undefined) cpSync(before, state, { recursive: true });
    const ended = await restoreKilledAt(state, backup, call, nth);
    await check(state, `killed before ${call} ${nth}`);
    rmSync(state, { recursive: true, force: true });
    if (ended) return nth - 1;
  }
  throw new Error(`${call} is called more often than ${MANY} times`);
}

for (const call of CALLS) {
  test.serial(`over another head, killed before each ${call}`, async t => {
    if (!requireAll(t, { programs: ['strace'] })) return;
    t.timeout(600_000);
    const folder = temporaryFolder(t);
    const { backup } = await makeHead(join(folder, 'new'), 'new');
    const old = await makeHead(join(folder, 'old'), 'old');
    const seen: string[] = [];
    const kills = await everyKill(t, call, old.state, backup, async (state, place) => {
      const word = await headIn(state);
      seen.push(word);
      t.true(word === 'old' || word === 'new', `${place}: ${word}`);
      t.true(hasFileOf(state, 'old'), `${place}: the old head can be put back`);
      t.false(existsSync(join(state, 'restoring')), place);
    });
    t.is(seen.at(-1), 'new');
    t.log(`${kills} kills: ${seen.join(' ')}`);
    t.true(kills > 0);
  });

  test.serial(`onto an empty folder, killed before each ${call}`, async t => {
    if (!requireAll(t, { programs: ['strace'] })) return;
    t.timeout(600_000);
    const folder = temporaryFolder(t);
    const { backup } = await makeHead(join(folder, 'new'), 'new');
    const seen: string[] = [];
    const kills = await everyKill(t, call, undefined, backup, async (state, place) => {
      const isNew = !existsSync(join(state, 'restoring')) && !hasFileOf(state, 'new');
      const word = await headIn(state).catch((error: unknown) => {
        if (error instanceof MusterError && error.code === 'state-incomplete') return 'refused';
        if (isNew) return 'untouched';
        throw error;
      });
      seen.push(word);
      t.true(['new', 'refused', 'untouched'].includes(word), `${place}: ${word}`);
      if (word !== 'refused') return;
      t.true(await restoreKilledAt(state, backup, 'rename', MANY), `${place}: repeated`);
      t.is(await headIn(state), 'new', `${place}: repeated`);
    });
    t.is(seen.at(-1), 'new');
    t.log(`${kills} kills: ${seen.join(' ')}`);
  });
}
