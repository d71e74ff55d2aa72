// Killing a writer at any moment loses nothing that was acknowledged.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { temporaryFolder } from './folder.ts';

interface Acknowledged {
  uid: string;
  revision: number;
  description: string;
  boot: string;
}

const ROUNDS = 25;

/** The call before which each round kills the writer: in the midst of a write, between a write and its fsync, between commits. */
function killAt(round: number): { call: string; nth: number } {
  const call = round % 2 === 0 ? 'pwrite64' : 'fsync';
  // Not always the same place of a commit, which is some writes and one or two syncs.
  return { call, nth: (call === 'pwrite64' ? 23 : 5) + 7 * round };
}

/** Runs the writer until it is killed; answers the lines that it said. */
function startWriter(folder: string, round: number): { child: ChildProcess; lines: string[] } {
  const file = join(packageRoot, 'dist/test/store/writer.js');
  const { call, nth } = killAt(round);
  const strace = [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:signal=SIGKILL:when=${nth}`,
  ];
  const child = spawn(findProgram('strace') ?? 'strace', [...strace, process.execPath, file, folder, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // strace counts the calls of each thread: with one for files they are all counted together.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return { child, lines };
}

test(`kill -9 during writes, ${ROUNDS} times: every acknowledged commit and boot is there`, async t => {
  if (!requireAll(t, { programs: ['strace'] })) return;
  t.timeout(300_000);
  const folder = temporaryFolder(t);
  const known = new Map<string, Acknowledged>();
  const boots = new Map<string, string>();
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, lines } = startWriter(folder, round);
    t.teardown(() => child.kill('SIGKILL'));
    await once(child, 'close');
    for (const line of lines.filter(text => text !== 'ready')) {
      const ack = JSON.parse(line) as Acknowledged;
      known.set(ack.uid, ack);
      boots.set(ack.boot, ack.description);
      acknowledged += 1;
    }
    const store = await openSqliteStore(folder);
    const { entries, sequence } = await store.load();
    const byUid = new Map(entries.map(entry => [entry.uid, entry]));
    for (const { uid, revision, description } of known.values()) {
      const entry = byUid.get(uid);
      t.true((entry?.revision ?? 0) >= revision, `${description}: revision ${revision}, there is ${entry?.revision}`);
      if (entry?.revision === revision) t.is((entry.value as { description: string }).description, description);
    }
    const stored = new Map((await store.loadBoots()).map(boot => [boot.id, boot.body]));
    for (const id of boots.keys()) t.true(stored.has(id), `boot ${id}`);
    // What was not acknowledged is there whole or not at all: the trail has a line for each revision.
    t.is(
      sequence,
      entries.reduce((sum, entry) => sum + entry.revision, 0),
    );
    await store.close();
  }
  t.log(`${acknowledged} acknowledged commits survived ${ROUNDS} kills`);
  t.true(acknowledged > 0);
});
