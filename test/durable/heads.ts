// Small heads for restores: a state folder with an object, a stored file and keys, all named by one word; and its backup.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OldHeads } from '../../src/backup/old-heads.ts';
import { beginBackup } from '../../src/backup/write.ts';
import { Blobs } from '../../src/blobs/blobs.ts';
import { collectGarbage } from '../../src/blobs/garbage.ts';
import { Cluster } from '../../src/model/cluster.ts';
import { KINDS } from '../../src/model/kinds.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const uidOf = (word: string): string => createHash('md5').update(word).digest('hex');

/** Makes a head below a folder. Its last change is in the journal alone, as after a crash of musterd. */
export async function makeHead(folder: string, word: string): Promise<{ state: string; backup: string }> {
  const live = join(folder, 'live');
  mkdirSync(folder, { recursive: true });
  const store = await openSqliteStore(live);
  const blobs = new Blobs(live);
  writeFileSync(join(live, 'file'), word);
  await blobs.adopt(join(live, 'file'), digest(word));
  mkdirSync(join(live, 'ssh'));
  writeFileSync(join(live, 'head.key'), word.padEnd(32));
  for (const name of ['id_ed25519', 'id_ed25519.pub']) writeFileSync(join(live, 'ssh', name), word);
  const kernel = { sha256: digest(word), size: word.length, mtime: 1 };
  const value = KINDS.boot.schema.parse({ name: word, kernel });
  for (const expected of [0, 1])
    await store.commit({ who: 'test', what: 'make', changes: [{ kind: 'boot', uid: uidOf(word), expected, value }] });
  const configuration = { files: new Map(), leftOut: [] };
  const made = await beginBackup({ state: live, blobs, head: word, configuration, now: 1 });
  const chunks: Buffer[] = [];
  for await (const chunk of made.stream()) chunks.push(chunk);
  const backup = join(folder, 'backup.tar');
  writeFileSync(backup, Buffer.concat(chunks));
  const state = join(folder, 'state');
  cpSync(live, state, { recursive: true });
  await store.close();
  return { state, backup };
}

/**
 * Which head a state folder has for a musterd that starts on it, with a garbage collection afterwards: the word of the head when object,
 * keys and stored file are all its own, a description of the mixture otherwise.
 */
export async function headIn(state: string): Promise<string> {
  const store = await openSqliteStore(state);
  try {
    const { sequence, entries } = await store.load();
    const cluster = new Cluster();
    cluster.apply(
      sequence,
      entries.map(entry => ({ kind: entry.kind, uid: entry.uid, entry })),
    );
    const blobs = new Blobs(state);
    const heads = await OldHeads.open(state, () => {});
    await collectGarbage(blobs, cluster, heads, { dryRun: false, youngMs: 0 });
    const [entry] = entries;
    const word = entry?.value.name ?? 'nothing';
    const key = readFileSync(join(state, 'head.key'), 'utf8').trim();
    const ssh = ['id_ed25519', 'id_ed25519.pub'].map(name => readFileSync(join(state, 'ssh', name), 'utf8'));
    const facts = {
      objects: entries.length,
      revision: entry?.revision,
      key,
      ssh: [...new Set(ssh)].join(' '),
      file: await blobs.has(digest(word)),
    };
    const right = { objects: 1, revision: 2, key: word, ssh: word, file: true };
    return JSON.stringify(facts) === JSON.stringify(right) ? word : JSON.stringify({ word, ...facts });
  } finally {
    await store.close();
  }
}

/** Whether the stored file of a head is there. */
export function hasFileOf(state: string, word: string): boolean {
  return existsSync(join(state, 'blobs', digest(word).slice(0, 2), digest(word)));
}
