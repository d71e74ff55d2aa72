import test from 'ava';
import { planAttributes, planUpdate } from '../../src/model/changes.ts';
import { maskAttributes, secretAttributes } from '../../src/model/secrets.ts';
import { FakeCluster } from '../fakes/cluster.ts';

test('an attribute that a power_uri has for a password is secret, whatever its name; others in the URI are not', t => {
  const fake = new FakeCluster();
  const node = fake.create('node', { mac: '52:54:00:00:00:01' });
  const namesFor = (power_uri: string): string[] => {
    fake.change(node, { power_uri });
    return [...secretAttributes(fake.cluster)].sort();
  };
  t.deepEqual(namesFor('ipmi:///<a[user]>:<a[lock]>@<a[bmc]>:<a[port]>'), ['lock']);
  t.deepEqual(namesFor('ipmi://root:<a[outer]>@<a[server]>/admin:x<a[one]><a[two]>@10.0.0.1'), ['one', 'outer', 'two']);
  t.deepEqual(namesFor('redfish://u:<attributes[a.b]>@bmc/<node[name]>,vbox:///<a[name]>'), ['a.b']);
  t.deepEqual(namesFor('site://u:<a[lock]>@x/<a[slot]>'), ['lock']);
  t.deepEqual(namesFor('libvirt:///<a[domain]>'), []);
  t.deepEqual(namesFor(''), []);
});

test('stars mean what is stored, for every way to give them and every reason to hide it', t => {
  const fake = new FakeCluster();
  const node = fake.create('node', { mac: '52:54:00:00:00:01', power_uri: 'ipmi:///a:<a[lock]>@b' });
  fake.change(node, { attributes: { lock: 'one', bmc_pw: 'two', rack: 'a' } });
  const now = () => fake.cluster.get('node', node.uid) ?? node;
  t.deepEqual(maskAttributes(fake.cluster, now().value.attributes), { lock: '***', bmc_pw: '***', rack: 'a' });
  const shown = { lock: '***', bmc_pw: '***', rack: 'b' };
  fake.apply(planUpdate(fake.context(), 'node', [now()], { attributes: shown }).changes);
  t.deepEqual(now().value.attributes, { lock: 'one', bmc_pw: 'two', rack: 'b' });
  t.deepEqual(planAttributes(fake.context(), 'node', [now()], { lock: '***' }).changes, []);
  t.throws(() => planAttributes(fake.context(), 'node', [now()], { api_key: '***' }), {
    message: /has stars for its value/,
  });
});
