import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import type { Entry } from '../../src/model/cluster.ts';
import { planDelete } from '../../src/model/deletion.ts';
import { fieldsOf, KIND_NAMES } from '../../src/model/kinds.ts';
import { FakeCluster } from '../fakes/cluster.ts';

function refused(t: ExecutionContext, work: () => unknown, code: string, text: string): void {
  const error = t.throws(work, { instanceOf: MusterError });
  t.is(error?.message, text);
  t.is(error?.code, code as MusterError['code']);
}

test('deleting an object in use is refused with its users; force reports what it breaks, and breaks only that', t => {
  const fake = new FakeCluster();
  const { config, image, node } = fake.bootable();
  const own = fake.create('node', { mac: '52:54:00:00:00:09', attributes: { _boot_config: config.uid, rack: 'a' } });
  refused(
    t,
    () => planDelete(fake.cluster, [config], false),
    'in-use',
    'The boot config DefaultBoot is used by node n1, attribute group DefaultAttribs; change those first, or delete with --force.',
  );
  refused(
    t,
    () => planDelete(fake.cluster, [image], false),
    'in-use',
    'The image DefaultImage is used by boot config DefaultBoot; change those first, or delete with --force.',
  );
  const plan = planDelete(fake.cluster, [config], true);
  t.deepEqual(plan.broken, ['node n1 loses DefaultBoot', 'attribute group DefaultAttribs loses DefaultBoot']);
  fake.apply(plan.changes);
  t.deepEqual(fake.cluster.get('node', own.uid)?.value.attributes, { rack: 'a' });
  t.deepEqual(fake.cluster.byName('attrib', 'DefaultAttribs')?.value.attributes, {});
  t.truthy(fake.cluster.get('node', node.uid));
});

test('many users are counted', t => {
  const fake = new FakeCluster();
  const group = fake.create('attrib', { name: 'gpu' });
  for (let index = 1; index <= 10; index += 1)
    fake.create('node', { mac: `52:54:00:00:00:${String(index).padStart(2, '0')}`, groups: 'gpu' });
  const error = t.throws(() => planDelete(fake.cluster, [group], false));
  t.is(
    error?.message,
    'The attribute group gpu is used by node n0, node n1, node n2, node n3, node n4, node n5, node n6, node n7 and 2 more; change those first, or delete with --force.',
  );
});

test('users that the same command deletes do not count', t => {
  const fake = new FakeCluster();
  const { config, image } = fake.bootable();
  const group = fake.cluster.byName('attrib', 'DefaultAttribs') as Entry;
  const plan = planDelete(fake.cluster, [image, config, group], false);
  t.deepEqual(plan.broken, []);
  fake.apply(plan.changes);
  t.is(fake.cluster.settings?.default_group, '');
});

test("the specification's way to recreate the defaults: group, boot config, image, in this order", t => {
  const fake = new FakeCluster();
  fake.bootable();
  for (const [kind, name] of [
    ['attrib', 'DefaultAttribs'],
    ['boot', 'DefaultBoot'],
    ['image', 'DefaultImage'],
  ] as const)
    fake.apply(planDelete(fake.cluster, [fake.cluster.byName(kind, name) as Entry], false).changes);
  t.is(fake.cluster.count('boot') + fake.cluster.count('image') + fake.cluster.count('attrib'), 0);
});

test('one command removes default group, pool and distro from the settings', t => {
  const fake = new FakeCluster();
  const distro = fake.create('distro', { name: 'CentOS' });
  const settings = fake.cluster.byName('cluster', 'cluster') as Entry<'cluster'>;
  fake.change(settings, { default_distro: distro.uid });
  const all = [...fake.cluster.all('attrib'), ...fake.cluster.all('pool'), distro] as Entry[];
  fake.apply(planDelete(fake.cluster, all, false).changes);
  t.like(fake.cluster.settings, { default_group: '', default_pool: '', default_distro: '' });
});

test('a frozen object is not deleted, and force takes no reference from one', t => {
  const fake = new FakeCluster();
  const { config, image } = fake.bootable();
  fake.change(config, { frozen: true });
  const frozen = fake.cluster.get('boot', config.uid) as Entry;
  const text = "The boot config DefaultBoot is frozen; run 'update frozen=false' first.";
  refused(t, () => planDelete(fake.cluster, [frozen], true), 'frozen', text);
  refused(t, () => planDelete(fake.cluster, [image], true), 'frozen', text);
});

test('a parent image is history and may be deleted', t => {
  const fake = new FakeCluster();
  const parent = fake.create('image', { name: 'base' });
  fake.create('image', { name: 'derived', parent: 'base' });
  t.is(planDelete(fake.cluster, [parent], false).changes.length, 1);
});

test('the settings cannot be deleted', t => {
  const fake = new FakeCluster();
  const settings = fake.cluster.byName('cluster', 'cluster') as Entry;
  refused(t, () => planDelete(fake.cluster, [settings], true), 'bad-usage', 'The cluster settings cannot be deleted.');
});

test('a naming pool with pools inside it is in use; a distro that images came from is history', t => {
  const fake = new FakeCluster();
  const top = fake.create('pool', { name: 'top', ip_base: '10.54.0.150' });
  const sub = fake.create('pool', { name: 'sub', parent: 'top' });
  refused(
    t,
    () => planDelete(fake.cluster, [top], false),
    'in-use',
    'The naming pool top is used by naming pool sub; change those first, or delete with --force.',
  );
  fake.apply(planDelete(fake.cluster, [top], true).changes);
  t.is(fake.cluster.get('pool', sub.uid)?.value.parent, '');
  const distro = fake.create('distro', { name: 'CentOS' });
  const image = fake.create('image', { name: 'base', distro: 'CentOS' });
  fake.apply(planDelete(fake.cluster, [distro], false).changes);
  t.is(fake.cluster.get('image', image.uid)?.value.distro, distro.uid);
});

// The kind: a reference is use unless its field is marked as history, and history is never use.
test('a reference by any field that is not history prevents deletion', t => {
  for (const kind of KIND_NAMES.filter(kind => !['cluster', 'head'].includes(kind))) {
    for (const { name, meta, schema } of fieldsOf(kind)) {
      if (!meta.refers) continue;
      const fake = new FakeCluster();
      const target = fake.create(meta.refers, {
        name: 'target',
        ...(meta.refers === 'pool' && { ip_base: '10.54.0.50' }),
      });
      const needed = kind === 'node' ? { mac: '52:54:00:00:00:01' } : {};
      const isList = schema.safeParse(['a'.repeat(32)]).success;
      fake.create(kind, { name: 'user', ...needed, [name]: isList ? ['target'] : 'target' });
      const work = () => planDelete(fake.cluster, [target], false);
      if (meta.history) t.notThrows(work, `${kind}.${name}`);
      else t.throws(work, { message: /is used by .* user/ }, `${kind}.${name}`);
    }
  }
});
