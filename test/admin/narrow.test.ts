import test from 'ava';
import { fitting, inState } from '../../src/admin/narrow.ts';
import type { NodeStatus } from '../../src/boot/status.ts';
import type { Entry } from '../../src/model/cluster.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const STATUS: Record<string, Partial<NodeStatus>> = {
  n0: { state: 'up', facts: { ram_free: '900000', kernel: '6.1.0' }, hardware: { cpus: '4', memory_kb: '16000000' } },
  n1: { state: 'up', facts: { ram_free: '9000000' } },
  n2: { state: 'failed', reason: 'image: digest differs' },
};

/** Three nodes, the first two in the group gpu, the second with an attribute of its own. */
function world() {
  const fake = new FakeCluster();
  fake.create('attrib', { name: 'gpu', attributes: { _boot_style: 'roram', rack: 'b' } });
  fake.create('node', { mac: '08:00:27:00:00:01', groups: 'gpu', description: 'a'.repeat(60) });
  fake.create('node', { mac: '08:00:27:00:00:02', groups: 'gpu', attributes: { rack: 'c', bmc_pw: 'geheim' } });
  fake.create('node', { mac: '08:00:27:00:00:03', power_uri: 'ipmi:///admin:secret@10.0.0.1' });
  const { cluster } = fake;
  const nodes = cluster.all('node');
  const statuses = {
    of: (uid: string): NodeStatus => {
      const name = cluster.get('node', uid)?.value.name ?? '';
      return { state: 'unknown', facts: {}, hardware: {}, ...STATUS[name] };
    },
  };
  return { facts: { cluster, statuses }, nodes };
}

function names(entries: readonly Entry<'node'>[]): string {
  return entries.map(entry => entry.value.name).join(' ');
}

const selections: [string, string][] = [
  ['status[ram_free] < 1GB', 'n0'],
  ['status[ram_free]', 'n0 n1'],
  ['not status[ram_free] < 1GB', 'n1 n2'],
  ['status == failed', 'n2'],
  ['status[state] == up', 'n0 n1'],
  ['status[reason] =~ digest', 'n2'],
  ['hardware[cpus] >= 4 and hardware[memory_kb] > 16GB', 'n0'],
  ['attributes[rack] == b', 'n0'],
  ['attributes[rack]', 'n0 n1'],
  ['_boot_style == roram', 'n0 n1'],
  ['gpu in groups', 'n0 n1'],
  ['naming_pool == default', 'n0 n1 n2'],
  ['power_uri =~ secret', ''],
  ['attributes[bmc_pw] =~ geheim', ''],
  ['attributes[bmc_pw]', 'n1'],
  ['uid =~ "^0"', 'n0 n1 n2'],
  ['attributes[__proto__] or status[constructor]', ''],
];

for (const [text, expected] of selections) {
  test(`nodes with ${text}: ${expected || 'none'}`, t => {
    const { facts, nodes } = world();
    t.is(names(fitting(facts, 'node', nodes, text)), expected);
  });
}

test('by state', t => {
  const { facts, nodes } = world();
  t.is(names(inState(facts, 'node', nodes, ['up'])), 'n0 n1');
  t.is(names(inState(facts, 'node', nodes, ['down', 'failed'])), 'n2');
  t.throws(() => inState(facts, 'image', [], ['up']), { message: /neither up nor down/ });
});

test('other kinds are selected by their fields; unknown fields are refused', t => {
  const { facts } = world();
  const groups = facts.cluster.all('attrib');
  t.deepEqual(
    fitting(facts, 'attrib', groups, 'attributes[rack] == b or _boot_style == none').map(entry => entry.value.name),
    ['gpu'],
  );
  t.throws(() => fitting(facts, 'attrib', groups, 'status == up'), { message: /has no 'status' to select by/ });
  t.throws(() => fitting(facts, 'node', [], 'rack == b'), {
    message: / Write an attribute as attributes\[rack\]\.$/,
  });
});

test('a pattern that would never end is broken off', t => {
  const { facts, nodes } = world();
  const error = t.throws(() =>
    fitting(facts, 'node', nodes, "description =~ '^(a+)+$' and description !~ '^(a|a)+b$'"),
  );
  t.regex(error?.message ?? '', /took longer than 1000 ms/);
});
