import test from 'ava';
import { Commander } from '../../src/admin/commander.ts';
import { defaultConfig, networksOf } from '../../src/config.ts';
import { NewNodes } from '../../src/daemon/new-nodes.ts';
import { UnknownMachines } from '../../src/daemon/unknown-machines.ts';
import { type Log, silentLog } from '../../src/log.ts';
import { planCreate } from '../../src/model/changes.ts';
import type { Entry } from '../../src/model/cluster.ts';
import type { Commit, Store } from '../../src/store/store.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const mac = (number: number): string =>
  `52:54:00:00:${[number >> 8, number].map(part => (part & 255).toString(16).padStart(2, '0')).join(':')}`;

function world(accepts = true) {
  const fake = new FakeCluster();
  fake.change(fake.cluster.byName('cluster', 'cluster') as Entry<'cluster'>, { accept_new_nodes: accepts });
  const commits: Commit[] = [];
  const store = {
    commit: async (commit: Commit) => {
      commits.push(commit);
      fake.apply(commit.changes);
    },
  } as unknown as Store;
  const lines: string[] = [];
  const say = (_fields: unknown, text: string): void => void lines.push(text);
  const log = { ...silentLog(), info: say, warn: say } as unknown as Log;
  const clock = { now: 0 };
  const commander = new Commander(fake.cluster, store, 10);
  const newNodes = new NewNodes({ context: fake.context(), commander, log, now: () => clock.now });
  const discover = async (number: number, discovers = true): Promise<void> =>
    newNodes.seen({ mac: mac(number), architecture: 'x64 UEFI (7)', discovers });
  return { fake, commits, lines, clock, discover };
}

test('an unknown machine becomes a node on its first DISCOVER, made by muster, and is logged once', async t => {
  const { fake, commits, lines, discover } = world();
  await Promise.all([discover(1), discover(1), discover(1)]);
  await discover(1);
  t.is(fake.cluster.count('node'), 1);
  t.like(fake.cluster.nodeByMac(mac(1))?.value, {
    name: 'n0',
    ip: '10.54.0.100',
    description: 'added on its first DISCOVER: x64 UEFI (7)',
  });
  t.like(commits[0], { who: 'muster (DHCP)', what: 'accept the new node 52:54:00:00:00:01' });
  t.deepEqual(lines, ['52:54:00:00:00:01 is the new node n0']);
});

test('only when the settings say so, and only for DISCOVER', async t => {
  const off = world(false);
  await off.discover(1);
  const on = world();
  await on.discover(1, false);
  t.is(off.commits.length + on.commits.length, 0);
});

test('invented addresses: a burst at once, then a steady rate; a real machine asks again', async t => {
  const { fake, clock, discover } = world();
  for (let number = 1; number <= 100; number += 1) await discover(number);
  t.is(fake.cluster.count('node'), 64);
  clock.now += 1000;
  for (let number = 101; number <= 200; number += 1) await discover(number);
  t.is(fake.cluster.count('node'), 80);
});

test('a full pool is logged once, not for each machine, and again when the reason changes', async t => {
  const { fake, lines, discover } = world();
  fake.change(fake.cluster.byName('pool', 'default') as Entry<'pool'>, { size: 1 });
  for (let number = 1; number <= 10; number += 1) await discover(number);
  t.is(fake.cluster.count('node'), 1);
  t.deepEqual(lines, [
    '52:54:00:00:00:01 is the new node n0',
    'an unknown machine could not become a node: The naming pool default is full: of its 1 indices none is free with a free address in the boot network.',
  ]);
  fake.change(fake.cluster.byName('cluster', 'cluster') as Entry<'cluster'>, { default_pool: '' });
  await discover(11);
  t.is(lines.length, 3);
});

test('unknown machines: when, where, what and how often; the latest first; bounded', t => {
  const unknown = new UnknownMachines();
  const seen = (number: number, at: number, more = {}): void =>
    unknown.seen({
      mac: mac(number),
      architecture: 'x64 UEFI (7)',
      vendorClass: 'PXE\u0007Client',
      relay: undefined,
      at,
      ...more,
    });
  seen(1, 10);
  seen(2, 20, { relay: '10.9.0.1' });
  seen(1, 30);
  const list = unknown.list(() => false);
  t.deepEqual(list[0], {
    mac: mac(1),
    first: 10,
    last: 30,
    count: 2,
    arch: 'x64 UEFI (7)',
    vendor: 'PXE?Client',
    where: 'the boot network',
  });
  t.is(list[1]?.where, 'behind the relay 10.9.0.1');
  t.deepEqual(
    unknown.list(candidate => candidate === mac(1)).map(machine => machine.mac),
    [mac(2)],
  );
  for (let number = 0; number < 5000; number += 1) seen(number, 100 + number);
  t.is(unknown.list(() => false).length, 2000);
});

test('a machine of another network gets a node by the naming pool that has its addresses there, or a line that says what to make', async t => {
  const { fake, lines } = world();
  const config = { ...defaultConfig(), 'head.address': '10.54.0.1/24' };
  const networks = networksOf({ ...config, networks: [{ name: 'east', address: '10.60.0.1/24' }] });
  const store = { commit: async (commit: Commit) => fake.apply(commit.changes) } as unknown as Store;
  const say = (_fields: unknown, text: string): void => void lines.push(text);
  const newNodes = new NewNodes({
    context: { ...fake.context(), networks },
    commander: new Commander(fake.cluster, store, 10),
    log: { ...silentLog(), info: say, warn: say } as unknown as Log,
    now: () => 0,
  });
  const seen = async (number: number) =>
    newNodes.seen({ mac: mac(number), architecture: 'x64 UEFI (7)', discovers: true, network: 'east' });
  await seen(1);
  t.regex(lines.at(-1) ?? '', /no naming pool has its ip_base in the network east: muster pool create name=east/);
  const { changes } = planCreate(fake.context(), 'pool', [{ name: 'east', pattern: 'e{}', ip_base: '10.60.0.100' }]);
  fake.apply(changes);
  await seen(2);
  t.like(fake.cluster.nodeByMac(mac(2))?.value, { name: 'e0', ip: '10.60.0.100' });
});

test('the pool of another network is found by what it inherits, and not by a network that its addresses are not of', async t => {
  const { fake, lines } = world();
  const config = { ...defaultConfig(), 'head.address': '10.54.0.1/24' };
  const networks = networksOf({ ...config, networks: [{ name: 'east', address: '10.60.0.1/24' }] });
  const context = { ...fake.context(), networks };
  const store = { commit: async (commit: Commit) => fake.apply(commit.changes) } as unknown as Store;
  const say = (_fields: unknown, text: string): void => void lines.push(text);
  const newNodes = new NewNodes({
    context,
    commander: new Commander(fake.cluster, store, 10),
    log: { ...silentLog(), info: say, warn: say } as unknown as Log,
    now: () => 0,
  });
  for (const pool of [
    { name: 'astray', pattern: 'a{}', network: 'east', ip_base: '10.54.0.200' },
    { name: 'racks', pattern: 'r{}', network: 'east' },
    { name: 'rack1', pattern: 'k{}', parent: 'racks', ip_offset: 50 },
  ])
    fake.apply(planCreate(context, 'pool', [pool]).changes);
  await newNodes.seen({ mac: mac(1), architecture: 'x64 UEFI (7)', discovers: true, network: 'east' });
  t.deepEqual(lines, [`${mac(1)} is the new node k0`]);
  t.like(fake.cluster.nodeByMac(mac(1))?.value, { name: 'k0', ip: '10.60.0.50' });
});
