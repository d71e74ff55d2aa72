import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import { type Cluster, Cluster as Objects } from '../../src/model/cluster.ts';
import type { Kind } from '../../src/model/kinds.ts';
import { select, selectOne } from '../../src/model/select.ts';
import { FakeCluster } from '../fakes/cluster.ts';

function three(): FakeCluster {
  const fake = new FakeCluster();
  fake.create('attrib', { name: 'gpu' });
  for (const [end, groups] of [
    ['01', 'gpu'],
    ['02', ''],
    ['03', 'gpu'],
  ])
    fake.create('node', { mac: `52:54:00:00:00:${end}`, groups });
  return fake;
}

const names = (cluster: Cluster, ...ids: string[]): string[] =>
  select(cluster, 'node', ids).map(entry => entry.value.name);

function refused(t: ExecutionContext, work: () => unknown, code: string, text: string): MusterError | undefined {
  const error = t.throws(work, { instanceOf: MusterError });
  t.is(error?.message, text);
  t.is(error?.code, code as MusterError['code']);
  return error;
}

test('nodes by name, UID, prefix, MAC in any writing, IP, index, set and group, each once', t => {
  const { cluster } = three();
  const uid = cluster.byName('node', 'n1')?.uid ?? '';
  for (const id of ['n1', uid, '52:54:00:00:00:02', '52-54-00-00-00-02', '5254.0000.0002', '10.54.0.101', '1'])
    t.deepEqual(names(cluster, id), ['n1'], id);
  t.deepEqual(names(cluster, 'n[0-2]'), ['n0', 'n1', 'n2']);
  t.deepEqual(names(cluster, '%gpu'), ['n0', 'n2']);
  t.deepEqual(names(cluster, 'n[1-2],%gpu', 'n1'), ['n1', 'n2', 'n0']);
  t.deepEqual(names(cluster, '%gpu,n1'), ['n0', 'n2', 'n1']);
  t.deepEqual(names(cluster, '%DefaultAttribs'), ['n0', 'n1', 'n2'], 'every node is in the default group');
});

test('a unique prefix of a UID is enough, from five digits on', t => {
  const cluster = new Objects();
  const entry = (uid: string, name: string) => ({
    kind: 'attrib' as const,
    uid,
    entry: {
      kind: 'attrib' as Kind,
      uid,
      revision: 1,
      created: 0,
      modified: 0,
      value: { name, description: '', attributes: {} },
    },
  });
  cluster.apply(1, [
    entry('bf0f61d24ce84064a8c7c7e872332c07', 'one'),
    entry('bf0f61d24ce84064a8c7c7e872332c08', 'two'),
    entry('cafe5'.padEnd(32, '0'), 'three'),
  ]);
  t.is(selectOne(cluster, 'attrib', 'cafe5').value.name, 'three');
  refused(
    t,
    () => select(cluster, 'attrib', ['bf0f6']),
    'ambiguous-id',
    "'bf0f6' begins 2 UIDs (one, two); give more digits or the name.",
  );
  refused(t, () => select(cluster, 'attrib', ['cafe']), 'no-such-object', 'No attribute group found for ID=cafe');
});

test("an unknown name gives the specification's sentence, with the nearest name as a hint", t => {
  const { cluster } = three();
  refused(t, () => select(cluster, 'node', ['n123']), 'no-such-object', 'No node found for ID=n123');
  const typo = refused(
    t,
    () => select(cluster, 'attrib', ['gpus']),
    'no-such-object',
    'No attribute group found for ID=gpus',
  );
  t.is(typo?.hint, 'Did you mean gpu?');
  refused(
    t,
    () => select(cluster, 'image', ['d67501a26509486ebaad00827d7fac23']),
    'no-such-object',
    'No image found for ID=d67501a26509486ebaad00827d7fac23',
  );
  refused(t, () => select(cluster, 'node', ['n[1-7]']), 'no-such-object', 'No node found for ID=n3');
  refused(t, () => select(cluster, 'node', ['%gpus']), 'no-such-object', 'No attribute group found for ID=gpus');
});

test('an index that nodes of two pools have selects neither', t => {
  const fake = three();
  fake.create('pool', { name: 'other', pattern: 'o{}', ip_base: '10.54.0.50', size: 9 });
  fake.create('node', { mac: '52:54:00:00:00:0a', naming_pool: 'other' });
  refused(
    t,
    () => select(fake.cluster, 'node', ['0']),
    'ambiguous-id',
    "'0' is the index of 2 nodes (n0, o0); give the name.",
  );
});

test('several names are refused where one is needed', t => {
  const { cluster } = three();
  refused(
    t,
    () => selectOne(cluster, 'node', 'n[0-1]'),
    'ambiguous-id',
    "'n[0-1]' names 2 nodes; expected exactly one.",
  );
});

test('the order of a list survives changes: nodes by index, others by creation', t => {
  const fake = three();
  const first = fake.cluster.byName('node', 'n0');
  if (first) fake.change(first, { description: 'changed last' });
  t.deepEqual(
    fake.cluster.all('node').map(entry => entry.value.name),
    ['n0', 'n1', 'n2'],
  );
});
