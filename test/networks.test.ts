// The networks of a configuration: what is taken, what is refused with which words, and which network an address means.
import test from 'ava';
import { defaultConfig, networksOf, parseConfig } from '../src/config.ts';
import { nodesInRanges } from '../src/daemon/leases.ts';
import { planCreate } from '../src/model/changes.ts';
import { FakeCluster } from './fakes/cluster.ts';

const HEAD = '[head]\naddress = "10.54.0.1/24"\n';

function problemOf(entries: string): string {
  try {
    parseConfig(`${HEAD}${entries}`, 'muster.toml');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'no problem';
}

test('a table for each network, at an interface or behind relays', t => {
  const config = parseConfig(
    `${HEAD}[[networks]]\nname = "east"\naddress = "10.60.0.1/24"\n[[networks]]\nname = "rack2"\nsubnet = "10.56.0.0/24"\nlease_seconds = 900\n`,
    'muster.toml',
  );
  const networks = networksOf(config);
  t.deepEqual(
    networks.all.map(({ name, head, attached, leaseSeconds }) => ({ name, head, attached, leaseSeconds })),
    [
      { name: 'boot', head: '10.54.0.1', attached: true, leaseSeconds: 3600 },
      { name: 'east', head: '10.60.0.1', attached: true, leaseSeconds: 3600 },
      { name: 'rack2', head: '10.54.0.1', attached: false, leaseSeconds: 900 },
    ],
  );
  t.is(networks.of('10.56.0.9')?.name, 'rack2');
  t.is(networks.of('10.99.0.9'), undefined);
});

test('mistakes in a network are reported with its name and the remedy', t => {
  for (const [entries, words] of [
    ['[networks]\nname = "x"\n', /must be a list: write \[\[networks\]\]/],
    ['[[networks]]\nname = "x"\n', /'x' needs either 'address' .* or 'subnet'/],
    ['[[networks]]\nsubnet = "10.56.0.0/24"\n', /'name' must be a name such as "rack2" \(entry 1\)/],
    ['[[networks]]\nname = "x"\nsubnet = "10.56.0.0/24"\nvlan = 5\n', /has no key 'vlan'; there are name, address/],
    ['[[networks]]\nname = "x"\nsubnet = "10.56.0.0"\n', /'subnet' must be a network with its prefix/],
    ['[[networks]]\nname = "x"\nsubnet = "10.54.0.128/25"\n', /'x' \(10\.54\.0\.128\/25\) overlaps network 'boot'/],
    ['[[networks]]\nname = "boot"\nsubnet = "10.56.0.0/24"\n', /two networks have the name 'boot'/],
    [
      '[[networks]]\nname = "x"\nsubnet = "10.56.0.0/24"\nrouter = "10.57.0.1"\n',
      /the router 10\.57\.0\.1 is no host of it/,
    ],
    ['[[networks]]\nname = "x"\naddress = "10.56.0.0/24"\n', /network's own or its broadcast address/],
    [
      '[[networks]]\nname = "x"\nsubnet = "10.56.0.0/24"\nvia = "10.9.9.9"\n',
      /via 10\.9\.9\.9 is no address of the head/,
    ],
    ['[[networks]]\nname = "x"\nsubnet = "10.56.0.0/24"\ninterface = "eth2"\n', /behind relays, so no 'interface'/],
  ] as const) {
    t.regex(problemOf(entries), words);
  }
});

test('a node may have an address in any of the networks, but not the head’s own, and none outside', t => {
  const fake = new FakeCluster();
  const entries = [{ name: 'east', address: '10.60.0.1/24' }];
  const networks = networksOf({ ...defaultConfig(), 'head.address': '10.54.0.1/24', networks: entries });
  const context = { ...fake.context(), networks };
  const create = (ip: string) => () => planCreate(context, 'node', [{ mac: '52:54:00:00:00:01', ip }]);
  t.notThrows(create('10.60.0.9'));
  t.notThrows(create('10.54.0.9'));
  t.throws(create('10.60.0.1'), { message: /10\.60\.0\.1 is the head's own/ });
  t.throws(create('10.70.0.1'), { message: /boot network 10\.54\.0\.0\/24, or in east 10\.60\.0\.0\/24/ });
});

test('a range for unknown machines lies in its network, and no node is placed in it', t => {
  const entry = (range: string) => `[[networks]]\nname = "rack2"\nsubnet = "10.56.0.0/24"\nrange = "${range}"\n`;
  t.is(problemOf(entry('10.56.0.200-10.56.0.250')), 'no problem');
  t.regex(
    problemOf(entry('10.56.0.200-10.56.1.2')),
    /the range 10\.56\.0\.200-10\.56\.1\.2 is not all of host addresses/,
  );
  for (const wrong of ['10.56.0.9', '10.56.0.9-10.56.0.8', '10.56.0.0/28', '10.0.0.0-10.9.0.0'])
    t.regex(problemOf(entry(wrong)), /'range' must be two addresses/, wrong);
  t.regex(problemOf('[dhcp]\nrange = "10.54.0.1"\n'), /dhcp\.range' must be two addresses/);
  t.regex(
    problemOf('[dhcp]\nrange = "10.54.0.1-10.54.0.99"\n'),
    /the range 10\.54\.0\.1-10\.54\.0\.99 holds the head's own address 10\.54\.0\.1; leave it out/,
  );
  const fake = new FakeCluster();
  const networks = networksOf({ ...defaultConfig(), 'dhcp.range': '10.54.0.100-10.54.0.101' });
  const create = (fields: object) =>
    planCreate({ ...fake.context(), networks }, 'node', [{ mac: '52:54:00:00:00:01', ...fields }]);
  t.throws(() => create({ ip: '10.54.0.101' }), {
    message: /is in the range for unknown machines of the network boot; nothing was changed/,
  });
  t.notThrows(() => create({ ip: '10.54.0.102' }));
});

test('a range over the addresses of nodes is reported, with the nodes', t => {
  const fake = new FakeCluster();
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8])
    fake.create('node', { mac: `52:54:00:00:00:0${number}`, name: `n${number}`, ip: `10.54.0.${number + 1}` });
  const warnings = (range: string) =>
    nodesInRanges(fake.cluster, networksOf({ ...defaultConfig(), 'dhcp.range': range }));
  t.deepEqual(warnings(''), []);
  t.deepEqual(warnings('10.54.0.20-10.54.0.30'), []);
  t.regex(warnings('10.54.0.9-10.54.0.30').join(), /network boot holds addresses of nodes, .*: n8 \(10\.54\.0\.9\);/);
  t.regex(warnings('10.54.0.2-10.54.0.30').join(), /n1 \(10\.54\.0\.2\), .*n5 \(10\.54\.0\.6\) and 3 more;/);
});

test('the settings of a reload are in force in each network', t => {
  const networks = networksOf(defaultConfig());
  const { main } = networks;
  networks.adopt(networksOf({ ...defaultConfig(), 'dhcp.router': '10.54.0.254', 'dhcp.lease_seconds': 77 }));
  t.like(main, { router: '10.54.0.254', leaseSeconds: 77, name: 'boot' });
});
