// What the doctor says of DHCP's ears, and of nodes whose address is of no network.
import test from 'ava';
import type { Health } from '../../src/api/daemon.ts';
import { defaultConfig, networksOf } from '../../src/config.ts';
import { checkAddresses, checkDhcpHearing } from '../../src/doctor/dhcp-checks.ts';
import { homelessNodes, homelessWarning } from '../../src/model/homeless.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const health: Health = {
  ...{
    version: '1',
    name: 'head',
    pid: 1,
    uptime: 1,
    memory: 1,
    address: '10.54.0.1/24',
    http_port: 8080,
    sequence: 1,
  },
};
const config = defaultConfig();

test('DHCP on its own interface is fine; on no interface, or on all where there are others, it is a finding', t => {
  const check = (dhcp: Health['dhcp'], others: string[]) =>
    checkDhcpHearing({ config, health: { ...health, ...(dhcp && { dhcp }) } }, () => others).map(
      ({ verdict, text }) => `${verdict}: ${text}`,
    );
  t.deepEqual(check([{ interface: 'eth1', hears: 'its own' }], ['eth0']), [
    'ok: DHCP receives on eth1 and no other interface.',
  ]);
  t.deepEqual(check([{ interface: 'eth1', hears: 'nothing', reason: 'the interface eth1 is gone' }], []), [
    'fail: DHCP receives nothing on eth1: the interface eth1 is gone.',
  ]);
  const all = [{ interface: 'eth1', hears: 'all' as const, reason: 'no koffi' }];
  t.regex(check(all, ['eth0'])[0] ?? '', /^warn: DHCP also receives and answers machines on eth0,/);
  t.regex(check(all, [])[0] ?? '', /^ok: /, 'with one interface there is nobody else to hear');
  t.regex(check(undefined, [])[0] ?? '', /^skip: /);
});

test('nodes with addresses outside every network are a warning at the start and a finding of the doctor', t => {
  const fake = new FakeCluster();
  for (const number of [1, 2]) fake.create('node', { mac: `52:54:00:00:00:0${number}`, name: `n${number}` });
  const networks = (address: string) => networksOf({ ...config, 'head.address': address });
  const values = () => fake.cluster.all('node').map(({ value }) => value);
  t.is(homelessNodes(values(), networks('10.54.0.1/24')), undefined);
  const homeless = homelessNodes(values(), networks('10.99.0.1/24'));
  t.deepEqual(homeless, { count: 2, nodes: 'n[1-2]' });
  if (!homeless) return;
  t.regex(homelessWarning(homeless, 2), /^2 of 2 nodes have an address of no network, and cannot boot: n\[1-2\]/);
  const nodes = { addressed: 2, attached: 0, homeless };
  t.like(checkAddresses({ config, health: { ...health, nodes } }), {
    verdict: 'fail',
    text: '2 of 2 nodes have an address of no network: n[1-2].',
  });
  t.is(checkAddresses({ config, health: { ...health, nodes: { addressed: 2, attached: 2 } } }).verdict, 'ok');
});
