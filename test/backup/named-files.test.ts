import { join } from 'node:path';
import test from 'ava';
import { namedFiles } from '../../src/backup/named-files.ts';
import { KINDS, type Value } from '../../src/model/kinds.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { temporaryFolder } from '../store/folder.ts';

const digest = (letter: string): string => letter.repeat(64);

test('only stored files are listed: no digest of a part, no attribute, and of boots only the plan', async t => {
  const folder = temporaryFolder(t);
  const store = await openSqliteStore(folder);
  const part = (letter: string) => ({ path: 'images/x', offset: 0, size: 1, sha256: digest(letter) });
  const installer = { kind: 'anaconda', family: 'Rocky', version: '9', release: '5.14', kernel: part('1') };
  const iso = { sha256: digest('a'), size: 1, mtime: 1, installer: { ...installer, initramfs: part('2') } };
  const repo = KINDS.repo.schema.parse({ name: 'rocky', iso }) as Value;
  const group = KINDS.attrib.schema.parse({ name: 'g', attributes: { sha256: digest('3') } }) as Value;
  const boot = KINDS.boot.schema.parse({ name: 'b', kernel: { sha256: digest('b'), size: 1, mtime: 1 } }) as Value;
  const values = { repo, attrib: group, boot };
  const changes = Object.entries(values).map(([kind, value], index) => ({
    kind: kind as keyof typeof values,
    uid: String(index).padStart(32, 'e'),
    expected: 0,
    value,
  }));
  await store.commit({ who: 'tester', what: 'test', changes });
  const plan = { node: { name: 'n0' }, kernel: { blob: digest('c') }, attributes: { blob: digest('5') } };
  const body = { id: 'x', plan, hardware: { blob: digest('4') } };
  await store.saveBoots([{ id: 'x', node: 'n', started: 1, body: JSON.stringify(body) }]);
  await store.close();
  const named = await namedFiles(join(folder, 'muster.db'));
  t.deepEqual(
    [...named.objects],
    [
      [digest('a'), ['repo rocky']],
      [digest('b'), ['boot config b']],
    ],
  );
  t.deepEqual([...named.boots], [[digest('c'), ['boot x of n0']]]);
});
