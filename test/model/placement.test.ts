import test from 'ava';
import fc from 'fast-check';
import { defaultConfig, networksOf } from '../../src/config.ts';
import { MusterError } from '../../src/errors.ts';
import { planCreate, planUpdate } from '../../src/model/changes.ts';
import { Cluster, type Entry } from '../../src/model/cluster.ts';
import type { Input } from '../../src/model/fields.ts';
import { firstObjects } from '../../src/model/first-objects.ts';
import type { Value } from '../../src/model/kinds.ts';
import { parseSubnet, type Subnet, subnetHost } from '../../src/wire/ip.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const mac = (number: number): string => `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;

/** Few of each, so that they clash often; .1 is the head, .255 the broadcast address, .99 below the pool. */
const input = fc.record(
  {
    mac: fc.nat(15).map(mac),
    index: fc.nat(12),
    ip: fc.constantFrom(
      '10.54.0.100',
      '10.54.0.101',
      '10.54.0.103',
      '10.54.0.99',
      '10.54.0.1',
      '10.54.0.255',
      '10.55.0.1',
    ),
    name: fc.constantFrom('n0', 'n1', 'n3', 'login', 'gpu0'),
  },
  { requiredKeys: ['mac'] },
);

const command = fc.oneof(
  fc.record({ create: fc.array(input, { minLength: 1, maxLength: 4 }) }),
  fc.record({
    update: fc.record({
      node: fc.nat(8),
      fields: fc.oneof(
        input,
        input.map(({ index }) => ({ index })),
      ),
    }),
  }),
);

function oneOfEach(t: { is(left: unknown, right: unknown, text?: string): void }, fake: FakeCluster): void {
  const nodes = fake.cluster.all('node').map(entry => entry.value);
  for (const field of ['name', 'mac', 'ip', 'index'] as const)
    t.is(new Set(nodes.map(node => node[field])).size, nodes.length, `every ${field} once`);
  for (const { ip } of nodes) {
    t.is(subnetHost(fake.network, ip), true, `${ip} is a host address of the boot network`);
    t.is(ip === fake.network.address, false, "nobody has the head's address");
  }
}

test('after any creations and changes no MAC, IP, name or index is duplicate, and no address outside the network', t => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 12 }), commands => {
      const fake = new FakeCluster();
      for (const step of commands) {
        const before = fake.cluster.count('node');
        try {
          if ('create' in step) {
            fake.apply(planCreate(fake.context(), 'node', step.create as Input[]).changes);
            t.is(fake.cluster.count('node'), before + step.create.length);
          } else {
            const nodes = fake.cluster.all('node');
            const node = nodes[step.update.node % Math.max(1, nodes.length)];
            const fields = Object.fromEntries(
              Object.entries(step.update.fields).filter(([, value]) => value !== undefined),
            );
            if (node) fake.apply(planUpdate(fake.context(), 'node', [node], fields).changes);
          }
        } catch (error) {
          t.true(error instanceof MusterError, String(error));
          t.is(fake.cluster.count('node'), before, 'a refused command creates nothing');
        }
        oneOfEach(t, fake);
      }
    }),
    { numRuns: 300 },
  );
});

test('nodes get the next index, its name and its address', t => {
  const fake = new FakeCluster();
  const first = fake.create('node', { mac: mac(1) });
  const second = fake.create('node', { mac: mac(2), index: 10 });
  const third = fake.create('node', { mac: mac(3) });
  t.deepEqual([first.value.name, first.value.ip], ['n0', '10.54.0.100']);
  t.deepEqual([second.value.name, second.value.ip], ['n10', '10.54.0.110']);
  t.deepEqual([third.value.name, third.value.index], ['n1', 1]);
});

test('an index whose address or name is already taken by hand is skipped', t => {
  const fake = new FakeCluster();
  fake.create('node', { mac: mac(1), ip: '10.54.0.101' });
  fake.create('node', { mac: mac(2), name: 'n2' });
  const next = fake.create('node', { mac: mac(3) });
  t.is(next.value.name, 'n3');
  t.is(next.value.ip, '10.54.0.103');
});

test('each duplicate is an error that names the holder, and nothing is created', t => {
  const fake = new FakeCluster();
  fake.create('node', { mac: mac(1) });
  const refusals: [Input, string][] = [
    [{ mac: mac(1) }, 'n1: MAC 52:54:00:00:00:01 belongs to n0 already; nothing was changed.'],
    [{ mac: mac(2), ip: '10.54.0.100' }, 'n1: IP 10.54.0.100 belongs to n0 already; nothing was changed.'],
    [{ mac: mac(2), name: 'n0' }, 'n0: name n0 belongs to n0 already; nothing was changed.'],
    [{ mac: mac(2), index: 0, name: 'x', ip: '10.54.0.9' }, 'The index 0 belongs to n0 already; nothing was changed.'],
    [{ mac: mac(2), ip: '10.54.0.1' }, "n1: IP 10.54.0.1 is the head's own; nothing was changed."],
  ];
  for (const [fields, text] of refusals) {
    const error = t.throws(() => planCreate(fake.context(), 'node', [{ mac: mac(9) }, fields]), {
      instanceOf: MusterError,
    });
    t.is(error?.code, 'duplicate');
    t.is(error?.message.replace(/^n2/, 'n1'), text);
  }
});

test('an address outside of the boot network, and an index outside of the pool, are refused', t => {
  const fake = new FakeCluster();
  const outside = t.throws(() => planCreate(fake.context(), 'node', [{ mac: mac(1), ip: '10.55.0.9' }]));
  t.is(outside?.message, 'n0: IP 10.55.0.9 is no host address in the boot network 10.54.0.0/24.');
  const index = t.throws(() => planCreate(fake.context(), 'node', [{ mac: mac(1), index: 155 }]));
  t.is(index?.message, 'The index 155 is not in the naming pool default, which has 0 to 154.');
});

test('a full pool and a missing pool are reported', t => {
  const fake = new FakeCluster();
  const pool = fake.cluster.byName('pool', 'default') as Entry<'pool'>;
  fake.change(pool, { size: 2 });
  const three = [1, 2, 3].map(number => ({ mac: mac(number) }));
  const full = t.throws(() => planCreate(fake.context(), 'node', three), { instanceOf: MusterError });
  t.is(full?.code, 'not-ready');
  t.is(
    full?.message,
    'The naming pool default is full: of its 2 indices none is free with a free address in the boot network.',
  );
  fake.change(fake.cluster.byName('cluster', 'cluster') as Entry<'cluster'>, { default_pool: '' });
  const missing = t.throws(() => planCreate(fake.context(), 'node', [{ mac: mac(1) }]));
  t.is(missing?.message, 'There is no naming pool for new nodes; create one and set default_pool.');
});

test('a second pool: pattern, first index, address, and the group that its nodes join', t => {
  const fake = new FakeCluster();
  const group = fake.create('attrib', { name: 'gpu' });
  fake.create('pool', {
    name: 'gpus',
    pattern: 'gpu{:03d}',
    first_index: 5,
    ip_base: '10.54.0.40',
    size: 10,
    group: 'gpu',
  });
  const node = fake.create('node', { mac: mac(1), naming_pool: 'gpus' });
  t.like(node.value, { name: 'gpu005', index: 5, ip: '10.54.0.40', groups: [group.uid] });
  const other = fake.create('node', { mac: mac(2), naming_pool: 'gpus', groups: [] });
  t.like(other.value, { name: 'gpu006', ip: '10.54.0.41', groups: [] });
  const plain = fake.create('pool', { name: 'plain', pattern: 'x{}' });
  const error = t.throws(() => planCreate(fake.context(), 'node', [{ mac: mac(3), naming_pool: plain.uid }]));
  t.is(error?.message, 'x0 needs ip=…: the naming pool plain has neither ip_base nor ip_offset.');
});

test('a pool by offset in a network, and a pool inside another one', t => {
  const fake = new FakeCluster();
  const entries = [{ name: 'east', address: '10.60.0.1/24' }];
  const networks = networksOf({ ...defaultConfig(), 'head.address': '10.54.0.1/24', networks: entries });
  const context = { ...fake.context(), networks };
  const create = (kind: 'pool' | 'node', fields: Input): Value => {
    const { changes } = planCreate(context, kind, [fields]);
    fake.apply(changes);
    return changes[0]?.value as Value;
  };
  const group = fake.create('attrib', { name: 'gpu' });
  create('pool', { name: 'racks', pattern: 'r{}', first_index: 1, ip_offset: '100', network: 'east', group: 'gpu' });
  t.like(create('node', { mac: mac(1), naming_pool: 'racks' }), { name: 'r1', ip: '10.60.0.100', groups: [group.uid] });
  create('pool', { name: 'rack2', pattern: 's{}', parent: 'racks', ip_offset: 200 });
  t.like(create('node', { mac: mac(2), naming_pool: 'rack2' }), { name: 's0', ip: '10.60.0.200', groups: [group.uid] });
  create('pool', { name: 'here', pattern: 'h{}', ip_offset: 50 });
  t.like(create('node', { mac: mac(3), naming_pool: 'here' }), { name: 'h0', ip: '10.54.0.50', groups: [] });
  create('pool', { name: 'astray', pattern: 'a{}', ip_offset: 1, network: 'west' });
  const error = t.throws(() => create('node', { mac: mac(4), naming_pool: 'astray' }));
  t.is(error?.message, 'The naming pool astray names the network west; there are: boot, east.');
});

test('pools inside each other cause no endless loop', t => {
  const fake = new FakeCluster();
  const one = fake.create('pool', { name: 'one', pattern: 'o{}' });
  const two = fake.create('pool', { name: 'two', pattern: 't{}', parent: 'one' });
  fake.change(one, { parent: two.uid });
  const error = t.throws(() => planCreate(fake.context(), 'node', [{ mac: mac(1), naming_pool: 'two' }]));
  t.regex(error?.message ?? '', /has neither ip_base nor ip_offset/);
});

test('a new index brings its name and address, unless they were chosen', t => {
  const fake = new FakeCluster();
  const node = fake.create('node', { mac: mac(1) });
  fake.apply(planUpdate(fake.context(), 'node', [node], { index: 7 }).changes);
  const moved = fake.cluster.get('node', node.uid) as Entry<'node'>;
  t.like(moved.value, { name: 'n7', ip: '10.54.0.107' });
  fake.apply(planUpdate(fake.context(), 'node', [moved], { index: 8, name: 'login' }).changes);
  const named = fake.cluster.get('node', node.uid) as Entry<'node'>;
  t.like(named.value, { name: 'login', ip: '10.54.0.108' });
  fake.apply(planUpdate(fake.context(), 'node', [named], { index: 9 }).changes);
  t.is(fake.cluster.get('node', node.uid)?.value.name, 'login');
});

test("a node can be described although the head's network changed, or its pool is gone", t => {
  const fake = new FakeCluster();
  const node = fake.create('node', { mac: mac(1) });
  const network = parseSubnet('10.99.0.1/24') as Subnet;
  const context = { ...fake.context(), network };
  t.is(planUpdate(context, 'node', [node], { description: 'old' }).changes.length, 1);
  fake.change(node, { naming_pool: '' });
  const orphan = fake.cluster.get('node', node.uid) as Entry<'node'>;
  const [change] = planUpdate(fake.context(), 'node', [orphan], { description: 'old' }).changes;
  t.like(change?.value, { description: 'old', naming_pool: '' });
});

test('ten thousand nodes are placed in one plan', t => {
  const fake = new FakeCluster();
  const network = parseSubnet('10.54.0.1/16') as Subnet;
  fake.change(fake.cluster.byName('pool', 'default') as Entry<'pool'>, { ip_base: '10.54.10.0', size: 20_000 });
  const inputs = Array.from({ length: 10_000 }, (_, index) => ({
    mac: `52:54:00:${[index >> 16, index >> 8, index].map(part => (part & 255).toString(16).padStart(2, '0')).join(':')}`,
  }));
  const plan = planCreate({ ...fake.context(), network }, 'node', inputs);
  t.is(plan.changes.length, 10_000);
  t.is(new Set(plan.changes.map(change => (change.value as { ip: string }).ip)).size, 10_000);
});

// Every head address that the configuration takes (prefixes up to 30) begins with a pool that its schema takes too.
test('the first naming pool fits every boot network', t => {
  for (let prefix = 0; prefix <= 30; prefix += 1) {
    const network = parseSubnet(`10.54.0.1/${prefix}`) as Subnet;
    const context = { cluster: new Cluster(), network, newUid: () => 'a'.repeat(32) };
    const pool = firstObjects(context).changes.find(change => change.kind === 'pool')?.value as Value<'pool'>;
    t.is(subnetHost(network, pool.ip_base), true, `/${prefix}: ${pool.ip_base}`);
    t.is(pool.size >= 1 && pool.size <= 1_000_000, true, `/${prefix}: ${pool.size}`);
  }
});

test('a conflict names the given value: the index, or a value that appears twice in one request', t => {
  const fake = new FakeCluster();
  fake.create('node', { mac: mac(1) });
  const refusal = (inputs: Input[]) => t.throws(() => planCreate(fake.context(), 'node', inputs))?.message;
  t.is(refusal([{ mac: mac(2), index: 0 }]), 'The index 0 belongs to n0 already; nothing was changed.');
  t.is(refusal([{ mac: mac(1) }]), 'n1: MAC 52:54:00:00:00:01 belongs to n0 already; nothing was changed.');
  t.is(
    refusal([{ mac: mac(2) }, { mac: mac(3) }, { mac: mac(2) }]),
    'n3: MAC 52:54:00:00:00:02 is given twice, also for the new node n1; nothing was changed.',
  );
  t.is(
    refusal([
      { mac: mac(2), index: 7 },
      { mac: mac(3), index: 7 },
    ]),
    'The index 7 is given twice, also for the new node n7; nothing was changed.',
  );
});
