import test from 'ava';
import { planClone, planCreate, planReplace, planUpdate } from '../../src/model/changes.ts';
import type { Entry } from '../../src/model/cluster.ts';
import type { Value } from '../../src/model/kinds.ts';
import type { StoredIso } from '../../src/model/values.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const iso = (sha256: string, ...repositories: string[]): StoredIso => ({
  ...{ sha256: sha256.repeat(64), size: 1, mtime: 0, repositories },
  ...{ installer: null, reason: 'x' },
});

function repo() {
  const fake = new FakeCluster();
  const create = planCreate(
    fake.context(),
    'repo',
    [{ name: 'R' }],
    [{ iso: iso('a', 'BaseOS', 'App Stream'), isolabel: 'L' }],
  );
  fake.apply(create.changes);
  const entry = (name = 'R') => fake.cluster.byName('repo', name) as Entry<'repo'>;
  const urls = (name = 'R') => entry(name).value.urls;
  const update = (fields: Record<string, unknown>, fixed: Record<string, unknown> = {}): Value<'repo'> | undefined => {
    const { changes } = planUpdate(fake.context(), 'repo', [entry()], fields, fixed);
    fake.apply(changes);
    return changes[0]?.value as Value<'repo'> | undefined;
  };
  return { fake, entry, urls, update };
}

const OWN = ['<BASE_URL>/isomount/R/BaseOS/', '<BASE_URL>/isomount/R/App%20Stream/'];

test('each repository of the image is a URL; the root has no path', t => {
  const { urls, update } = repo();
  t.deepEqual(urls(), OWN);
  update({}, { iso: iso('b', '') });
  t.deepEqual(urls(), ['<BASE_URL>/isomount/R/']);
});

test("other URLs stay, the image's follow image and name, and go with it", t => {
  const { urls, update, entry } = repo();
  const other = 'http://mirror.example.org/extras/';
  update({ urls: [...OWN, other] });
  t.deepEqual(urls(), [...OWN, other]);
  update({ name: 'S' });
  t.deepEqual(urls('S'), ['<BASE_URL>/isomount/S/BaseOS/', '<BASE_URL>/isomount/S/App%20Stream/', other]);
  const { fake, update: again, urls: all } = repo();
  fake.change(fake.cluster.byName('repo', 'R') as Entry<'repo'>, { urls: [...OWN, other] });
  again({ iso: '' });
  t.deepEqual(all(), [other]);
  t.is((fake.cluster.byName('repo', 'R') as Entry<'repo'>).value.isolabel, '');
  t.is(entry('S').value.isolabel, 'L');
});

test('an administrator may remove one of them; removing all brings them back', t => {
  const { urls, update } = repo();
  update({ urls: OWN.slice(0, 1) });
  update({ description: 'x' });
  t.deepEqual(urls(), OWN.slice(0, 1));
  update({ urls: '' });
  t.deepEqual(urls(), OWN);
});

test('a clone gets its own URLs, and a replacement keeps those of the image', t => {
  const { fake, entry, urls } = repo();
  fake.apply(planClone(fake.context(), entry(), { name: 'C' }).changes);
  t.deepEqual(urls('C'), ['<BASE_URL>/isomount/C/BaseOS/', '<BASE_URL>/isomount/C/App%20Stream/']);
  fake.apply(planReplace(fake.context(), 'repo', [entry()], { name: 'R', description: 'new' }).changes);
  t.deepEqual(urls(), OWN);
});
