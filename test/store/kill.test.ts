// Killing a writer at any moment loses nothing that was acknowledged.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { temporaryFolder } from './folder.ts';

interface Acknowledged {
  uid: string;
  revision: number;
  description: string;
  boot: string;
}

const ROUNDS = 25;

/** Starts the writer; answers the lines it has said so far and the way to wait for the first. */
function startWriter(folder: string, round: number): { child: ChildProcess; lines: string[]; ready: Promise<unknown> } {
  const file = join(packageRoot, 'dist/test/store/writer.js');
  const child = spawn(process.execPath, [file, folder, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return { child, lines, ready: once(child.stdout, 'data') };
}

test(`kill -9 in mid-write, ${ROUNDS} times: every acknowledged commit and boot is there`, async t => {
  t.timeout(180_000);
  const folder = temporaryFolder(t);
  const known = new Map<string, Acknowledged>();
  const boots = new Map<string, string>();
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, lines, ready } = startWriter(folder, round);
    t.teardown(() => child.kill('SIGKILL'));
    const closed = once(child, 'close');
    await ready;
    // Any moment: within a commit, between two, before the first.
    await delay(Math.random() * 120);
    child.kill('SIGKILL');
    await closed;
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
