import { networkInterfaces } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { type InitOptions, type Interfaces, planInit } from '../../src/cli/init-plan.ts';
import { MusterError } from '../../src/errors.ts';
import { type ClusterConf, parseClusterConf } from '../../src/model/cluster-conf.ts';

const one = (address: string, prefix: number, internal = false) => [
  { family: 'IPv4' as const, internal, address, cidr: `${address}/${prefix}`, netmask: '', mac: '' },
];
const LO = one('127.0.0.1', 8, true);
const ETH1 = one('10.54.0.1', 24);
const TWO: Interfaces = { lo: LO, eth0: one('192.0.2.7', 24), eth1: ETH1 };
const NONE: ClusterConf = { macs: [] };

function refused(t: ExecutionContext, options: InitOptions, interfaces: Interfaces, text: string, conf = NONE): void {
  const error = t.throws(() => planInit(options, conf, interfaces), { instanceOf: MusterError });
  t.is(error?.message, text);
}

test('a single interface is taken; of several, one must be named', t => {
  const { config } = planInit({}, NONE, { lo: LO, eth1: ETH1 });
  t.deepEqual(config, { 'head.address': '10.54.0.1/24', 'head.interface': 'eth1' });
  refused(
    t,
    {},
    TWO,
    'Which one is the boot network? There are: eth0 192.0.2.7/24, eth1 10.54.0.1/24. Use --interface NAME, or --address ADDRESS.',
  );
  for (const options of [{ interface: 'eth1' }, { address: '10.54.0.1' }, { address: '10.54.0.1/24' }])
    t.deepEqual(planInit(options, NONE, TWO).config, config);
  refused(
    t,
    {},
    { lo: LO },
    'No interface has an IPv4 address; use --interface NAME and --address ADDRESS/PREFIX for the boot network.',
  );
  refused(
    t,
    { interface: 'eth9' },
    TWO,
    'The interface eth9 has no IPv4 address; there are: eth0 192.0.2.7/24, eth1 10.54.0.1/24. Give it one, or use --address ADDRESS/PREFIX.',
  );
  refused(
    t,
    { address: '10.9.0.1' },
    TWO,
    'No interface has 10.9.0.1; there are: eth0 192.0.2.7/24, eth1 10.54.0.1/24. Give the address with its prefix, such as 10.9.0.1/24.',
  );
});

test('an address that the machine has not yet is taken with a remark', t => {
  const plan = planInit({ interface: 'eth2', address: '10.9.0.1/16' }, NONE, TWO);
  t.deepEqual(plan.config, { 'head.address': '10.9.0.1/16', 'head.interface': 'eth2' });
  t.deepEqual(plan.remarks, ['give the head its address: ip address add 10.9.0.1/16 dev eth2']);
});

test('ranges and numbers become the naming pool', t => {
  const pool = (options: InitOptions) => planInit({ interface: 'eth1', ...options }, NONE, TWO).pool;
  t.deepEqual(pool({}), {});
  t.deepEqual(pool({ range: '10.54.0.100-10.54.0.199' }), { ip_base: '10.54.0.100', size: 100 });
  t.deepEqual(pool({ range: '10.54.0.100' }), { ip_base: '10.54.0.100', size: 155 });
  t.deepEqual(pool({ range: '10.54.0.100-10.54.0.199', nodes: '64' }), { ip_base: '10.54.0.100', size: 64 });
  t.deepEqual(pool({ nodes: '64' }), { size: 64 });
  const wrong = (options: InitOptions, text: string) => refused(t, { interface: 'eth1', ...options }, TWO, text);
  wrong(
    { range: '10.54.0.9-10.54.0.1' },
    '--range 10.54.0.9-10.54.0.1 is not a range; give FIRST or FIRST-LAST, such as 10.54.0.100-10.54.0.199.',
  );
  wrong(
    { range: '10.55.0.9' },
    'The range begins with 10.55.0.9, which is not a host address in the boot network 10.54.0.0/24.',
  );
  wrong(
    { range: '10.54.0.9-10.54.1.9' },
    'The range ends with 10.54.1.9, which is not a host address in the boot network 10.54.0.0/24.',
  );
  wrong({ range: '10.54.0.9-10.54.0.10', nodes: '3' }, '3 nodes do not fit into 2 addresses from 10.54.0.9 on.');
  wrong({ nodes: 'many' }, '--nodes many must be a whole number, 1 or more.');
});

test("the specified system's cluster-conf says the same, and options win", t => {
  const text = `# of the old head
domain cluster.local
interface eth1
nodes 64
iprange 10.54.0.100/255.255.255.0 10.54.0.163
nodename compute{}
node 08:00:27:F0:44:35   # the first
node 08-00-27-f0-44-36
`;
  const conf = parseClusterConf(text, 'cluster-conf');
  t.deepEqual(conf, {
    domain: 'cluster.local',
    interface: 'eth1',
    nodes: 64,
    range: { first: '10.54.0.100', last: '10.54.0.163', prefix: 24 },
    nodename: 'compute{}',
    macs: ['08:00:27:f0:44:35', '08:00:27:f0:44:36'],
  });
  const plan = planInit({ range: '10.54.0.50', nodes: '10' }, conf, TWO);
  t.deepEqual(plan.config, {
    'head.address': '10.54.0.1/24',
    'head.interface': 'eth1',
    'dhcp.domain': 'cluster.local',
  });
  t.deepEqual(plan.pool, { ip_base: '10.54.0.50', size: 10, pattern: 'compute{}' });
  t.is(plan.macs.length, 2);
});

test('every mistake in a cluster-conf is reported with its line', t => {
  const text =
    'nods 4\nnodes none\niprange 10.54.0.9 10.54.0.1\nnode 01:00:5e:00:00:01\nnode 52:54:00:00:00:01\nnode 525400000001\nnodename 1{}\ninterface\n';
  const error = t.throws(() => parseClusterConf(text, 'f'), { instanceOf: MusterError });
  t.deepEqual(error?.message.split('\n'), [
    "f, line 1: there is no keyword 'nods'; did you mean 'nodes'?",
    "f, line 2: 'nodes' wants the largest number of nodes",
    "f, line 3: 'iprange' wants FIRST, with /BITS or /MASK if you like, and LAST if you like",
    "f, line 4: 'node' wants the hardware address of one machine",
    "f, line 6: 'node' names 52:54:00:00:00:01 a second time",
    "f, line 7: 'nodename' wants letters and one {} or {:03d}, such as compute{}",
    "f, line 8: 'interface' wants the name of one interface",
  ]);
});

test("this machine's interfaces have the shape that is read", t => {
  t.notThrows(() => planInit({ interface: 'x', address: '10.9.0.1/16' }, NONE, networkInterfaces()));
});
