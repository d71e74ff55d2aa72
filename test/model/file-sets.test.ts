import test from 'ava';
import { attributeProblem, effectiveAttributes } from '../../src/model/attributes.ts';
import { planClone, planUpdate } from '../../src/model/changes.ts';
import { planDelete } from '../../src/model/deletion.ts';
import { fileSetsOf } from '../../src/model/file-sets.ts';
import { storedFilesOf } from '../../src/model/kinds.ts';
import { withVersions } from '../../src/model/versions.ts';
import { FakeCluster } from '../fakes/cluster.ts';

function world() {
  const fake = new FakeCluster();
  for (const name of ['hosts', 'people', 'slurm', 'motd']) fake.create('files', { name });
  const all = fake.cluster.byName('attrib', 'DefaultAttribs');
  if (all) fake.change(all, { attributes: { _file_sets: 'hosts, people,motd' } });
  fake.create('attrib', { name: 'gpu', attributes: { _file_sets: 'slurm,hosts' } });
  const plain = fake.create('node', { mac: '52:54:00:00:00:01' });
  const node = fake.create('node', {
    mac: '52:54:00:00:00:02',
    groups: 'gpu',
    attributes: { _file_sets: '-motd,-slurm' },
  });
  const setsOf = (uid: string) => {
    const entry = fake.cluster.get('node', uid);
    return entry && fileSetsOf(fake.cluster, entry.value);
  };
  return { fake, plain, node, setsOf };
}

test('the lists of the default group, the groups and the node add up, and a node can leave one out', t => {
  const { fake, plain, node, setsOf } = world();
  const shown = (uid: string) => {
    const found = setsOf(uid);
    if (!found || 'refused' in found) throw new Error('refused');
    return { sets: found.sets.map(({ name, source }) => `${name}: ${source}`), leftOut: found.leftOut };
  };
  t.deepEqual(shown(plain.uid), {
    sets: [
      'hosts: default group DefaultAttribs',
      'people: default group DefaultAttribs',
      'motd: default group DefaultAttribs',
    ],
    leftOut: [],
  });
  // The group names hosts again, so that its files win over those of people.
  t.deepEqual(shown(node.uid), {
    sets: ['people: default group DefaultAttribs', 'hosts: group gpu'],
    leftOut: [
      { name: 'motd', source: 'default group DefaultAttribs', by: 'node n1' },
      { name: 'slurm', source: 'group gpu', by: 'node n1' },
    ],
  });
  t.deepEqual(effectiveAttributes(fake.cluster, node.value).get('_file_sets'), {
    value: 'people,hosts',
    source: 'default group DefaultAttribs and group gpu and node n1',
    shadows: [],
  });
});

test('a list names sets that exist', t => {
  const { fake } = world();
  const problem = (value: string) => attributeProblem('_file_sets', value, fake.cluster)?.message;
  t.is(problem('hosts,-people'), undefined);
  t.is(problem(''), undefined);
  t.is(problem('host'), "attribute '_file_sets': 'host' names no file set 'host'; did you mean 'hosts'?");
  t.regex(
    problem('x,y') ?? '',
    /'x,y' names no file set 'x'; there are hosts, motd, people, slurm, authorized_keys, chrony,/,
  );
  t.is(problem('chrony,-resolv'), undefined, 'sets that come with muster need no object');
  t.is(problem('hosts,-hosts'), "attribute '_file_sets': 'hosts,-hosts' names hosts twice.");
});

test('a set that is in use is not deleted; by force the lists lose it', t => {
  const { fake, node, setsOf } = world();
  const motd = fake.cluster.byName('files', 'motd');
  if (!motd) throw new Error('no set');
  t.is(
    t.throws(() => planDelete(fake.cluster, [motd], false)).message,
    'The file set motd is used by node n1, attribute group DefaultAttribs; change those first, or delete with --force.',
  );
  const plan = planDelete(fake.cluster, [motd], true);
  t.deepEqual(plan.broken, ['node n1 loses motd', 'attribute group DefaultAttribs loses motd']);
  fake.apply(plan.changes);
  t.is(fake.cluster.get('node', node.uid)?.value.attributes['_file_sets'], '-slurm');
  t.is(fake.cluster.byName('attrib', 'DefaultAttribs')?.value.attributes['_file_sets'], 'hosts,people');
  // Another way to lose a set: a database that a stranger changed.
  const gone = fake.cluster.byName('files', 'people');
  if (gone) fake.apply([{ kind: 'files', uid: gone.uid, expected: 1, value: null }]);
  t.deepEqual(setsOf(node.uid), {
    refused: '_file_sets (default group DefaultAttribs) names people, and there is no such file set',
  });
});

test('a set that comes with muster has no object, and one of the same name counts instead', t => {
  const { fake, plain, setsOf } = world();
  fake.change(plain, { attributes: { _file_sets: 'chrony' } });
  const setOf = () => {
    const found = setsOf(plain.uid);
    return !found || 'refused' in found ? undefined : found.sets.find(({ name }) => name === 'chrony');
  };
  t.deepEqual(setOf(), { name: 'chrony', set: undefined, source: 'node n0' });
  const own = fake.create('files', { name: 'chrony' });
  t.is(setOf()?.set?.uid, own.uid);
});

test('a renamed set keeps its nodes', t => {
  const { fake, node } = world();
  const motd = fake.cluster.byName('files', 'motd');
  if (!motd) throw new Error('no set');
  fake.apply(planUpdate(fake.context(), 'files', [motd], { name: 'banner' }).changes);
  t.is(fake.cluster.get('node', node.uid)?.value.attributes['_file_sets'], '-banner,-slurm');
  t.is(fake.cluster.byName('attrib', 'DefaultAttribs')?.value.attributes['_file_sets'], 'hosts,people,banner');
});

test('each new content is a version, the newest stay, and storage keeps them', t => {
  const { fake } = world();
  const digest = (letter: string) => letter.repeat(64);
  for (const letter of ['a', 'b', 'b', 'c', 'd']) {
    const set = fake.cluster.byName('files', 'hosts');
    if (!set) throw new Error('no set');
    const content = { sha256: digest(letter), size: 1024, mtime: 5, files: 1, secret: false };
    const { changes } = planUpdate(fake.context(), 'files', [set], {}, { content });
    fake.apply(withVersions(fake.cluster, changes, { who: 'root', what: `edit ${letter}`, keep: 3 }));
  }
  const value = fake.cluster.byName('files', 'hosts')?.value;
  if (!value) throw new Error('no set');
  t.deepEqual(
    value.versions.map(({ number, sha256, why }) => [number, sha256[0], why]),
    [
      [2, 'b', 'edit b'],
      [3, 'c', 'edit c'],
      [4, 'd', 'edit d'],
    ],
  );
  t.deepEqual(
    storedFilesOf('files', value).map(({ sha256 }) => sha256[0]),
    ['d', 'b', 'c'],
  );
});

test('a copy remembers its parent and has no earlier contents; a copy of a pool stays below the same pool', t => {
  const { fake } = world();
  const set = fake.cluster.byName('files', 'hosts');
  if (!set) throw new Error('no set');
  const content = { sha256: 'a'.repeat(64), size: 1024, mtime: 5, files: 1, secret: false };
  const version = { ...content, number: 1, who: 'root', why: 'edit' };
  fake.change(set, { content, versions: [version] });
  const now = fake.cluster.get('files', set.uid) ?? set;
  const [copy] = planClone(fake.context(), now, {}).changes;
  t.like(copy?.value, { name: 'hosts_clone', content, parent: set.uid, versions: [] });
  const top = fake.create('pool', { name: 'top' });
  const [pool] = planClone(fake.context(), fake.create('pool', { name: 'sub', parent: 'top' }), {}).changes;
  t.like(pool?.value, { name: 'sub_clone', parent: top.uid });
});
