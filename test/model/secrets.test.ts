import test from 'ava';
import { show } from '../../src/admin/show.ts';
import { planAttributes, planUpdate } from '../../src/model/changes.ts';
import { fieldsOf, KIND_NAMES } from '../../src/model/kinds.ts';
import { maskAttributes, openAttributes, secretAttributes } from '../../src/model/secrets.ts';
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

test('what a node gets in the clear has no secret, by whatever name, and nothing that its power_uri names', t => {
  const fake = new FakeCluster();
  const node = fake.create('node', { mac: '52:54:00:00:00:01', power_uri: 'ipmi:///<a[user]>:<a[lock]>@b' });
  fake.create('node', { mac: '52:54:00:00:00:02', power_uri: 'ipmi:///x:<a[theirs]>@b' });
  const attributes = { rack: 'a', user: 'u', lock: 'one', theirs: 'two', root_password: 'three', apiKey: 'four' };
  fake.change(node, { attributes });
  const now = fake.cluster.get('node', node.uid) ?? node;
  const sent = Array.from(openAttributes(fake.cluster, now.value), ([name, { value }]) => `${name}=${value}`);
  t.deepEqual(
    sent.filter(text => !text.startsWith('_')),
    ['rack=a'],
  );
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

test('the login of a repository is hidden where it is shown and in errors, and stars mean what is stored', t => {
  const fake = new FakeCluster();
  const urls = ['https://joe:s3cr:t@h.example.org/x/', 'http://h:8080/@scope/', 'https://ann:s3c/r@h/'];
  const keys = ['https://joe:s3cret@h.example.org/key'];
  const repo = fake.create('repo', { name: 'R', urls, keys });
  const now = () => fake.cluster.get('repo', repo.uid) ?? repo;
  const shown = show(fake.cluster, now());
  t.deepEqual(shown['urls'], ['https://joe:***@h.example.org/x/', 'http://h:8080/@scope/', 'https://ann:***@h/']);
  t.notRegex(JSON.stringify(shown), /s3c/);
  t.deepEqual(show(fake.cluster, now(), true)['urls'], urls);
  const update = (fields: Record<string, unknown>) => planUpdate(fake.context(), 'repo', [now()], fields);
  fake.apply(update({ urls: [...(shown['urls'] as string[]), 'http://new/'] }).changes);
  t.deepEqual(now().value.urls, [...urls, 'http://new/']);
  t.throws(() => update({ urls: ['https://joe:***@elsewhere/'] }), { message: /has stars for a password/ });
  const error = t.throws(() => update({ urls: ['https://joe:s3cret@h/', 'no-url'] }));
  t.regex(error?.message ?? '', /urls=\["https:\/\/joe:\*\*\*@h\/","no-url"\] must be URLs/);
});

test('a login in a description, of whatever kind of object, is hidden, and stars mean what is stored', t => {
  const description = 'BMC: ipmi:///admin:s3cret@10.0.0.9, wiki: https://joe:s3cret@h/';
  const masked = 'BMC: ipmi:///admin:***@10.0.0.9, wiki: https://joe:***@h/';
  for (const kind of KIND_NAMES) {
    const field = fieldsOf(kind).find(({ name }) => name === 'description');
    if (field) t.is(field.meta.secret, 'urls', kind);
  }
  const fake = new FakeCluster();
  const repo = fake.create('repo', { name: 'R', description });
  const now = () => fake.cluster.get('repo', repo.uid) ?? repo;
  t.is(show(fake.cluster, now())['description'], masked);
  t.deepEqual(planUpdate(fake.context(), 'repo', [now()], { description: masked }).changes, []);
});

test('a token instead of a login, and logins in command lines and attributes, are hidden like passwords', t => {
  const fake = new FakeCluster();
  const line = 'inst.repo=https://t0ken@h/x/ quiet';
  const rows = [
    [fake.create('repo', { name: 'R', urls: ['https://t0ken@h/x/'] }), { urls: ['https://***@h/x/'] }],
    [fake.create('boot', { name: 'B', cmdline: line }), { cmdline: 'inst.repo=https://***@h/x/ quiet' }],
    [fake.create('node', { mac: '52:54:00:00:00:01', cmdline: line }), { cmdline: 'inst.repo=https://***@h/x/ quiet' }],
    [
      fake.create('attrib', { name: 'G', attributes: { mirror: 'http://u:t0ken@h/', rack: 'a' } }),
      {
        attributes: { mirror: 'http://u:***@h/', rack: 'a' },
      },
    ],
  ] as const;
  for (const [entry, masked] of rows) {
    t.like(show(fake.cluster, entry), masked);
    t.deepEqual(planUpdate(fake.context(), entry.kind, [entry], masked).changes, [], 'stars mean what is stored');
    t.throws(
      () => planUpdate(fake.context(), entry.kind, [entry], JSON.parse(JSON.stringify(masked).replace('@h', '@other'))),
      { message: /has stars for/ },
    );
  }
});
