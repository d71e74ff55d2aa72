import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { defaultConfig, networksOf } from '../../src/config.ts';
import { MusterError } from '../../src/errors.ts';
import { heldIps, heldMacs } from '../../src/model/addresses.ts';
import { planAttributes, planCreate, planGroups, planUpdate } from '../../src/model/changes.ts';
import { planDelete } from '../../src/model/deletion.ts';
import type { Input } from '../../src/model/fields.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const [A, B, C] = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03'];

function refused(t: ExecutionContext, work: () => unknown, text: RegExp): void {
  const error = t.throws(work, { instanceOf: MusterError, message: text });
  t.is(error?.code, 'duplicate');
}

function world() {
  const fake = new FakeCluster();
  const n0 = fake.create('node', {
    mac: A,
    attributes: { _altmacs: C, _macs: 'bmc=52:54:00:00:00:b0', _ips: 'bmc=10.54.0.240' },
  });
  const n1 = fake.create('node', { mac: B });
  return { fake, n0, n1 };
}

test('an address of another node is refused in every field', t => {
  const { fake, n1 } = world();
  const set = (name: string, value: string) => () => planAttributes(fake.context(), 'node', [n1], { [name]: value });
  refused(
    t,
    set('_altmacs', A),
    /^n1: the hardware address 52:54:00:00:00:01 is that of n0 already; nothing was changed\.$/,
  );
  refused(t, set('_altmacs', `52:54:00:00:00:09,${C}`), /00:03 is that of n0 already/);
  refused(t, () => planCreate(fake.context(), 'node', [{ mac: C }]), /00:03 is that of n0 already/);
  refused(t, () => planUpdate(fake.context(), 'node', [n1], { mac: '52:54:00:00:00:b0' }), /b0 is that of n0 already/);
  const bmc = { _macs: 'bmc=52:54:00:00:00:b0', _ips: 'bmc=10.54.0.241' };
  refused(t, () => planAttributes(fake.context(), 'node', [n1], bmc), /b0 is that of n0 already/);
});

test('a controller gets no address that another has', t => {
  const { fake, n0, n1 } = world();
  const bmc = (ip: string) => () =>
    planAttributes(fake.context(), 'node', [n1], { _macs: 'bmc=52:54:00:00:00:b1', _ips: `bmc=${ip}` });
  refused(
    t,
    bmc('10.54.0.240'),
    /^n1: the controller's address 10\.54\.0\.240 is that of the controller of n0 already;/,
  );
  refused(t, bmc(n0.value.ip), /is that of n0 already;/);
  t.notThrows(bmc('10.54.0.241'));
});

test('one address for several nodes at once is refused; a swap, its own again, and other changes are not', t => {
  const { fake, n0, n1 } = world();
  const { cluster } = fake;
  refused(
    t,
    () => planAttributes(fake.context(), 'node', [n0, n1], { _altmacs: '52:54:00:00:00:09' }),
    /00:09 is that of n0/,
  );
  refused(
    t,
    () =>
      planCreate(fake.context(), 'node', [
        { mac: '52:54:00:00:00:0a' },
        { mac: '52:54:00:00:00:0b', attributes: { _altmacs: '52:54:00:00:00:0a' } },
      ]),
    /00:0a is that of/,
  );
  t.notThrows(() => planAttributes(fake.context(), 'node', [n0], { _altmacs: `${C},${A}` }));
  t.notThrows(() => planAttributes(fake.context(), 'node', [n0, n1], { rack: '1' }));
  // A clash that is there from before keeps nobody from other changes.
  fake.change(n1, { attributes: { _altmacs: C } });
  const now = cluster.get('node', n1.uid);
  t.notThrows(() => now && planAttributes(fake.context(), 'node', [now], { rack: '2' }));
});

const ENTRIES = [{ name: 'east', address: '10.60.0.1/24', router: '10.60.0.254', relays: ['10.54.0.7'] }];
const NETWORKS = networksOf({
  ...defaultConfig(),
  'head.address': '10.54.0.1/24',
  'dhcp.router': '10.54.0.102',
  'dhcp.range': '10.54.0.103-10.54.0.104',
  networks: ENTRIES,
});
/** The surroundings of a daemon: two heads, routers, a relay agent, a range, and a machine that was lent 10.54.0.106. */
const surrounded = (fake: FakeCluster) => ({
  ...fake.context(),
  networks: NETWORKS,
  usedBy: (ip: string, macs: ReadonlySet<string>) =>
    ip === '10.54.0.106' && !macs.has(C) ? `lent to ${C}` : undefined,
});

test('an address of the head, a router, a relay agent, the range or a lease is refused for nodes, controllers and interfaces', t => {
  const { fake, n1 } = world();
  const reasons: [ip: string, reason: RegExp, code: string][] = [
    ['10.54.0.1', /10\.54\.0\.1 (of ib0 )?is the head's own; nothing was changed\.$/, 'duplicate'],
    ['10.60.0.1', /is the head's own;/, 'duplicate'],
    ['10.54.0.102', /is the router of the network boot;/, 'duplicate'],
    ['10.60.0.254', /is the router of the network east;/, 'duplicate'],
    ['10.54.0.7', /is a relay agent of the network east;/, 'duplicate'],
    ['10.54.0.104', /is in the range for unknown machines of the network boot;/, 'bad-value'],
    ['10.54.0.106', /is lent to 52:54:00:00:00:03;/, 'duplicate'],
  ];
  for (const [ip, message, code] of reasons) {
    const works = [
      () => planCreate(surrounded(fake), 'node', [{ mac: '52:54:00:00:00:09', ip }]),
      () => planUpdate(surrounded(fake), 'node', [n1], { ip }),
      () => planAttributes(surrounded(fake), 'node', [n1], { _ips: `bmc=${ip}` }),
      () => planAttributes(surrounded(fake), 'node', [n1], { _ips: `ib0=${ip}` }),
    ];
    for (const work of works) t.is(t.throws(work, { instanceOf: MusterError, message })?.code, code as 'duplicate');
  }
  t.notThrows(() => planUpdate(surrounded(fake), 'node', [n1], { mac: '52:54:00:00:00:0c', ip: '10.54.0.108' }));
});

test('the machine that was lent an address may keep it as a node', t => {
  const fake = new FakeCluster();
  t.notThrows(() => planCreate(surrounded(fake), 'node', [{ mac: C, ip: '10.54.0.106' }]));
});

test('two nodes in one command: neither gets an address that the other keeps', t => {
  const { fake, n0, n1 } = world();
  refused(
    t,
    () => planAttributes(fake.context(), 'node', [n1, n0], { _altmacs: A }),
    /^n1: the hardware address 52:54:00:00:00:01 is that of n0 already;/,
  );
  refused(
    t,
    () => planAttributes(fake.context(), 'node', [n1, n0], { _ips: `eth0=${n0.value.ip}` }),
    /^n1: the address 10\.54\.0\.100 of eth0 is that of n0 already;/,
  );
});

/** Few addresses, so that they clash often. */
const address = fc.constantFrom(...[1, 7, 100, 101, 102, 103, 104, 105, 106, 107].map(last => `10.54.0.${last}`));
const hardware = fc.nat(5).map(number => `52:54:00:00:00:0${number}`);
const attributes = fc.record(
  {
    _ips: fc
      .uniqueArray(fc.tuple(fc.constantFrom('bmc', 'ib0', 'eth0'), address), {
        selector: ([name]) => name,
        maxLength: 2,
      })
      .filter(pairs => pairs.length > 0)
      .map(pairs => pairs.map(pair => pair.join('=')).join(',')),
    _macs: hardware.map(mac => `bmc=${mac}`),
    _altmacs: hardware,
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  fc.record({
    create: fc.array(fc.record({ mac: hardware, ip: address, attributes }, { requiredKeys: ['mac'] }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  fc.record({ nodes: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }), set: attributes }),
  fc.record({ node: fc.nat(5), update: fc.record({ ip: address, mac: hardware }, { requiredKeys: [] }) }),
);

test('after any creations and changes no two machines hold one address', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), steps => {
      const fake = new FakeCluster();
      for (const what of steps) {
        const nodes = fake.cluster.all('node');
        const at = (index: number) => nodes[index % Math.max(1, nodes.length)];
        try {
          if ('create' in what) fake.apply(planCreate(surrounded(fake), 'node', what.create as Input[]).changes);
          else if ('set' in what) {
            const chosen = [...new Set(what.nodes.map(at))].filter(node => node !== undefined);
            const given = Object.fromEntries(Object.entries(what.set).filter(([, value]) => value !== undefined));
            fake.apply(planAttributes(surrounded(fake), 'node', chosen, given as Record<string, string>).changes);
          } else {
            const node = at(what.node);
            const given = Object.fromEntries(Object.entries(what.update).filter(([, value]) => value !== undefined));
            if (node) fake.apply(planUpdate(surrounded(fake), 'node', [node], given).changes);
          }
        } catch (error) {
          t.true(error instanceof MusterError, String(error));
        }
        const holders = new Map<string, Set<string>>();
        const hold = (key: string, machine: string) => holders.set(key, (holders.get(key) ?? new Set()).add(machine));
        for (const { uid, value } of fake.cluster.all('node')) {
          for (const { ip, name } of heldIps(value)) {
            hold(ip, name === 'bmc' ? `${uid} bmc` : uid);
            t.true(fake.cluster.hasIp(ip), `a lease of ${ip} is not to be had`);
            t.is(NETWORKS.holderOf(ip) ?? NETWORKS.ofRange(ip), undefined, ip);
            if (ip === '10.54.0.106') t.true(heldMacs(value).has(C));
          }
          for (const mac of heldMacs(value)) hold(mac, uid);
        }
        for (const [key, machines] of holders) t.is(machines.size, 1, `${key}: ${[...machines].join()}`);
      }
    }),
    { numRuns: 300 },
  );
});

test('addresses of further interfaces belong to one node, with the index added', t => {
  const { fake, n0, n1 } = world();
  const set = (node: typeof n0, attributes: Record<string, string>) => () =>
    planAttributes(fake.context(), 'node', [node], attributes);
  const first = set(n0, { _interfaces: 'ib0=ip:10.55.0.8/16,ip:fd00::8/64,mac:52:54:00:00:00:c0' });
  fake.apply(first().changes);
  refused(
    t,
    set(n1, { _interfaces: 'ib0=ip:10.55.0.7+index/16' }),
    /10\.55\.0\.8 of ib0 is that of the interface ib0 of n0/,
  );
  refused(t, set(n1, { _ips: 'ib0=10.55.0.8' }), /10\.55\.0\.8 of ib0 is that of the interface ib0 of n0/);
  refused(t, set(n1, { _interfaces: 'ib0=ip:fd00:0::8/64' }), /fd00::8 of ib0 is that of the interface ib0 of n0/);
  refused(t, set(n1, { _interfaces: 'eno2=mac:52:54:00:00:00:c0' }), /c0 is that of n0 already/);
  refused(t, set(n1, { _macs: 'eno2=52:54:00:00:00:c0' }), /c0 is that of n0 already/);
  t.notThrows(set(n1, { _interfaces: 'ib0=ip:10.55.0.8+index/16,mac:52:54:00:00:00:c1' }));
  t.notThrows(set(n0, { _interfaces: 'ib0=ip:10.55.0.8/16,ip:fd00::8/64,mac:52:54:00:00:00:c0,mtu:9000' }));
});

test('a group gives no address to several nodes, whichever command would do it', t => {
  const fake = new FakeCluster();
  const [n0, n1] = [fake.create('node', { mac: A }), fake.create('node', { mac: B })];
  const fixed = { _interfaces: 'ib0=ip:10.55.0.9/16' };
  const group = fake.create('attrib', { name: 'compute' });
  const set = (given: Record<string, string>) => () => planAttributes(fake.context(), 'attrib', [group], given);
  const join = (node: typeof n0) => () => planGroups(fake.cluster, [node], [group], true);
  fake.apply(join(n0)().changes);
  fake.apply(set(fixed)().changes);
  refused(
    t,
    join(n1),
    /^The address 10\.55\.0\.9 of ib0 \(group compute\) would be that of 2 nodes: n0, n1; nothing was changed\. Write ip:ADDRESS\+index/,
  );
  refused(
    t,
    () => planCreate(fake.context(), 'node', [{ mac: '52:54:00:00:00:0a', groups: ['compute'] }]),
    /that of 2 nodes: n0, n2;/,
  );
  refused(t, () => planAttributes(fake.context(), 'node', [n1], fixed), /that of 2 nodes: n0, n1;/);
  refused(t, () => planAttributes(fake.context(), 'node', [n1], { _ips: 'eth1=10.55.0.9' }), /: n0, n1;/);
  fake.apply(set({ _interfaces: 'ib0=ip:10.55.0.9+index/16' })().changes);
  t.notThrows(() => fake.apply(join(n1)().changes));
  refused(t, set(fixed), /that of 2 nodes: n0, n1;/);
  refused(t, set({ _ips: 'eth1=10.55.0.9' }), /10\.55\.0\.9 of eth1 \(group compute\) would be that of 2 nodes/);
  refused(
    t,
    set({ _interfaces: 'e=mac:52:54:00:00:00:c0' }),
    /hardware address 52:54:00:00:00:c0 of e .* 2 nodes: n0, n1/,
  );
  refused(t, set({ _macs: 'e=52:54:00:00:00:c0' }), /hardware address 52:54:00:00:00:c0 of e .* 2 nodes: n0, n1/);
  t.notThrows(set({ _macs: 'bmc=52:54:00:00:00:c0', _ips: 'bmc=10.54.0.250' }), 'one controller of a chassis');
});

test('nodes get no address twice by different groups, the default group, or the end of a group', t => {
  const { fake, n0, n1 } = world();
  const give = (name: string, _interfaces: string) => fake.create('attrib', { name, attributes: { _interfaces } });
  const [one, two] = [give('one', 'ib0=ip:10.55.0.8/16'), give('two', 'ib0=ip:10.55.0.7+index/16')];
  fake.apply(planGroups(fake.cluster, [n0], [one], true).changes);
  refused(t, () => planGroups(fake.cluster, [n1], [two], true), /10\.55\.0\.8 of ib0 \(group one\) .* 2 nodes: n0, n1/);
  const all = fake.cluster.byName('attrib', 'DefaultAttribs');
  if (!all) return t.fail();
  const fixed = { _interfaces: 'ib0=ip:10.55.1.1/16' };
  const base = () => planAttributes(fake.context(), 'attrib', [all], fixed);
  t.notThrows(() => fake.apply(base().changes), 'one node has it from the default group');
  const now = (entry: typeof n0 | typeof one) => fake.cluster.any(entry.uid) as typeof entry;
  refused(t, () => planGroups(fake.cluster, [now(n0) as typeof n0], [one], false), /default group .* 2 nodes: n0, n1/);
  refused(t, () => planDelete(fake.cluster, [now(one)], true), /default group .* 2 nodes: n0, n1/);
  // A clash that is there from before keeps nobody from other changes.
  fake.change(n0, { groups: [] });
  t.notThrows(() => planAttributes(fake.context(), 'node', [now(n1) as typeof n0], { _ips: 'eth5=10.55.9.9' }));
});

test('a group gives no node the address of the head', t => {
  const { fake } = world();
  const group = fake.cluster.byName('attrib', 'DefaultAttribs');
  if (!group) return t.fail();
  const give = (ip: string) => () =>
    planAttributes(surrounded(fake), 'attrib', [group], { _interfaces: `e=ip:${ip}+index/16` });
  refused(
    t,
    give('10.60.0.1'),
    /^n0: the address 10\.60\.0\.1 of e \(default group DefaultAttribs\) is the head's own;/,
  );
  t.notThrows(give('10.60.0.2'));
});
