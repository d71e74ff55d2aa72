import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import { planClone, planCreate, planGroups, planReplace, planUpdate } from '../../src/model/changes.ts';
import type { Entry } from '../../src/model/cluster.ts';
import { planHead } from '../../src/model/head.ts';
import { DIGEST, FakeCluster } from '../fakes/cluster.ts';

function refused(t: ExecutionContext, work: () => unknown, code: string, text: string): void {
  const error = t.throws(work, { instanceOf: MusterError });
  t.is(error?.message, text);
  t.is(error?.code, code as MusterError['code']);
}

test('fields are checked, each refusal with its sentence', t => {
  const fake = new FakeCluster();
  const boot = fake.create('boot', { name: 'DefaultBoot' });
  const update = (fields: Record<string, unknown>) => () => planUpdate(fake.context(), 'boot', [boot], fields);
  refused(t, update({ cmdlin: 'x' }), 'unknown-field', "A boot config has no field 'cmdlin'; did you mean 'cmdline'?");
  refused(
    t,
    update({ zzzzzz: 'x' }),
    'unknown-field',
    "A boot config has no field 'zzzzzz'; the fields are name, description, kernel, initramfs, cmdline, image, boot_style, release, repo, kickstart, frozen",
  );
  refused(
    t,
    update({ _boot_style: 'x' }),
    'unknown-field',
    "A boot config has no field '_boot_style'; did you mean 'boot_style'? Attributes are changed with `set`.",
  );
  refused(
    t,
    update({ release: '6.1' }),
    'read-only-field',
    "The field 'release' of a boot config is kept by muster: version of the kernel, read from the kernel file.",
  );
  refused(t, update({ frozen: 'maybe' }), 'bad-value', "boot config: frozen='maybe' must be true or false");
  refused(
    t,
    update({ boot_style: 'ram' }),
    'bad-value',
    "boot config: boot_style='ram' must be one of rwram, roram, iscsi, disked, live, next, sanboot",
  );
  refused(
    t,
    update({ name: '1st' }),
    'bad-value',
    "boot config: name='1st' must begin with a letter and go on with letters, digits, '_', '.' or '-', 63 characters at most",
  );
  refused(t, update({ cmdline: 7 }), 'bad-value', 'boot config: cmdline=7 must be a text');
  refused(
    t,
    update({ cmdline: 'a\nb' }),
    'bad-value',
    "boot config: cmdline='a\nb' must be one line without control characters",
  );
  refused(
    t,
    update({ kernel: '/boot/vmlinuz' }),
    'bad-value',
    "boot config: kernel='/boot/vmlinuz' must be a local file: write kernel=@/boot/vmlinuz",
  );
  refused(t, update({ image: 'nothing' }), 'no-such-object', 'No image found for ID=nothing');
  const node = (fields: Record<string, unknown>) => () => planCreate(fake.context(), 'node', [fields]);
  refused(t, node({}), 'bad-value', 'A node needs mac=…: hardware address of the boot interface.');
  refused(t, node({ mac: '52:54' }), 'bad-value', "node: mac='52:54' must be a MAC address such as 08:00:27:f0:44:35");
  refused(
    t,
    node({ mac: '01:00:5e:00:00:01' }),
    'bad-value',
    "node: mac='01:00:5e:00:00:01' must be the address of one station, not a group",
  );
  refused(
    t,
    node({ mac: '52:54:00:00:00:01', ip: '10.54' }),
    'bad-value',
    "node: ip='10.54' must be an IPv4 address such as 10.54.0.100",
  );
  refused(
    t,
    node({ mac: '52:54:00:00:00:01', index: 'one' }),
    'bad-value',
    "node: index='one' must be a whole number from 0 to 1000000",
  );
  refused(
    t,
    node({ mac: '52:54:00:00:00:01', power_uri: 'ipmi ///a:b@c' }),
    'bad-value',
    'node: power_uri must be a URI such as ipmi:///admin:***@172.45.88.1, without blanks',
  );
  const repo = (fields: Record<string, unknown>) => () => planCreate(fake.context(), 'repo', [fields]);
  refused(
    t,
    repo({ name: '7_base' }),
    'bad-value',
    "repo: name='7_base' must begin with a letter and go on with letters, digits, '_', '.' or '-', 63 characters at most",
  );
  refused(
    t,
    repo({ name: 'base', urls: 'mirror.example.org' }),
    'bad-value',
    "repo: urls='mirror.example.org' must be URLs such as http://mirror.example.org/os/",
  );
});

test("the specification's repos and distros", t => {
  const fake = new FakeCluster();
  fake.create('repo', { name: 'CentOS_base', urls: 'http://mirror.centos.org/centos/$releasever/os/$basearch/' });
  fake.create('repo', { name: 'CentOS-vault', urls: 'http://a/,http://b/' });
  const distro = fake.create('distro', { name: 'CentOS_7.3', repos: 'CentOS_base,CentOS-vault', release: '7.3.1611' });
  t.is(distro.value.repos.length, 2);
  t.deepEqual(fake.cluster.byName('repo', 'CentOS-vault')?.value.urls, ['http://a/', 'http://b/']);
});

test('a duplicate name is refused, also within one command', t => {
  const fake = new FakeCluster();
  fake.create('attrib', { name: 'gpu' });
  const text = (name: string): string => `There is an attribute group with name ${name} already; nothing was changed.`;
  refused(t, () => planCreate(fake.context(), 'attrib', [{ name: 'gpu' }]), 'duplicate', text('gpu'));
  refused(t, () => planCreate(fake.context(), 'attrib', [{ name: 'x' }, { name: 'x' }]), 'duplicate', text('x'));
  const other = fake.create('attrib', { name: 'other' });
  refused(t, () => planUpdate(fake.context(), 'attrib', [other], { name: 'gpu' }), 'duplicate', text('gpu'));
  const all = fake.cluster.all('attrib');
  refused(t, () => planUpdate(fake.context(), 'attrib', all, { name: 'same' }), 'duplicate', text('same'));
});

test('frozen: only frozen itself can change, and only alone', t => {
  const fake = new FakeCluster();
  for (const kind of ['boot', 'image'] as const) {
    const entry = fake.create(kind, { name: 'prod', frozen: 'true' });
    const text = `The ${kind === 'boot' ? 'boot config' : 'image'} prod is frozen; run 'update frozen=false' first.`;
    const update =
      (fields: Record<string, unknown>, fixed = {}) =>
      () =>
        planUpdate(fake.context(), kind, [entry], fields, fixed);
    refused(t, update({ description: 'x' }), 'frozen', text);
    refused(t, update({ name: 'other' }), 'frozen', text);
    refused(t, update({ frozen: 'false', description: 'x' }), 'frozen', text);
    refused(t, update({}, { release: '6.1' }), 'frozen', text);
    refused(t, () => planReplace(fake.context(), kind, [entry], { name: 'prod' }), 'frozen', text);
    t.deepEqual(update({ frozen: 'true' })().changes, []);
    fake.apply(update({ frozen: 'false' })().changes);
    const thawed = fake.cluster.get(kind, entry.uid) as Entry;
    t.is(planUpdate(fake.context(), kind, [thawed], { description: 'x' }).changes.length, 1);
  }
});

test('a renamed boot config keeps its nodes and groups in the same commit', t => {
  const fake = new FakeCluster();
  const { config } = fake.bootable();
  const node = fake.create('node', {
    mac: '52:54:00:00:00:09',
    attributes: { _boot_config: 'DefaultBoot', rack: 'a' },
  });
  const plan = planUpdate(fake.context(), 'boot', [config], { name: 'NewName', description: 'New description' });
  t.is(plan.changes.length, 3);
  fake.apply(plan.changes);
  t.deepEqual(fake.cluster.get('node', node.uid)?.value.attributes, { _boot_config: 'NewName', rack: 'a' });
  t.is(fake.cluster.byName('attrib', 'DefaultAttribs')?.value.attributes['_boot_config'], 'NewName');
});

test('replace: absent fields get their defaults; values assigned by muster and files stay', t => {
  const fake = new FakeCluster();
  const { config } = fake.bootable();
  fake.apply(planReplace(fake.context(), 'boot', [config], { name: 'DefaultBoot', boot_style: 'roram' }).changes);
  const replaced = fake.cluster.get('boot', config.uid)?.value;
  t.like(replaced, { cmdline: '', image: '', boot_style: 'roram', release: '6.1.0' });
  t.is(replaced?.kernel?.sha256, DIGEST.kernel);
  const node = fake.create('node', { mac: '52:54:00:00:00:09', description: 'old', attributes: { rack: 'a' } });
  fake.apply(planReplace(fake.context(), 'node', [node], { mac: '52:54:00:00:00:0a' }).changes);
  const { name, index, ip, naming_pool } = node.value;
  t.like(fake.cluster.get('node', node.uid)?.value, {
    name,
    index,
    ip,
    naming_pool,
    description: '',
    attributes: {},
    mac: '52:54:00:00:00:0a',
  });
  refused(
    t,
    () => planReplace(fake.context(), 'boot', [config], {}),
    'bad-value',
    'A boot config needs name=…: name of the boot config.',
  );
});

test('clone: a new name, never frozen, an image with its parent; names are found within their length', t => {
  const fake = new FakeCluster();
  const image = fake.create('image', { name: 'DefaultImage', frozen: true });
  fake.apply(planClone(fake.context(), image, { name: 'mpiImage' }).changes);
  t.like(fake.cluster.byName('image', 'mpiImage')?.value, { frozen: false, parent: image.uid });
  for (const name of ['DefaultImage_clone', 'DefaultImage_clone2']) {
    fake.apply(planClone(fake.context(), image, {}).changes);
    t.truthy(fake.cluster.byName('image', name), name);
  }
  const long = fake.create('image', { name: `a${'b'.repeat(62)}` });
  const [change] = planClone(fake.context(), long, {}).changes;
  t.is(change?.value?.name, `a${'b'.repeat(56)}_clone`);
  refused(
    t,
    () => planClone(fake.context(), image, { name: 'mpiImage' }),
    'duplicate',
    'There is an image with name mpiImage already; nothing was changed.',
  );
  const node = fake.create('node', { mac: '52:54:00:00:00:09' });
  refused(t, () => planClone(fake.context(), node, {}), 'bad-usage', 'A node cannot be cloned; create one.');
});

test('join and leave keep the order of groups; joining again moves nothing', t => {
  const fake = new FakeCluster();
  const [one, two, three] = ['g1', 'g2', 'g3'].map(name => fake.create('attrib', { name })) as Entry<'attrib'>[];
  const node = fake.create('node', { mac: '52:54:00:00:00:01', groups: 'g2' });
  const change = (groups: Entry<'attrib'>[], joins: boolean) => {
    fake.apply(planGroups(fake.cluster, fake.cluster.all('node'), groups, joins).changes);
    return fake.cluster.get('node', node.uid)?.value.groups;
  };
  t.deepEqual(change([one, two, three] as Entry<'attrib'>[], true), [two?.uid, one?.uid, three?.uid]);
  t.deepEqual(change([one] as Entry<'attrib'>[], false), [two?.uid, three?.uid]);
});

test('a power URI with stars for its password means the stored one, and never replaces a password', t => {
  const fake = new FakeCluster();
  const uri = 'ipmi:///admin:password@172.45.88.1';
  const node = fake.create('node', { mac: '52:54:00:00:00:01', power_uri: uri });
  const masked = 'ipmi:///admin:***@172.45.88.1';
  t.deepEqual(planUpdate(fake.context(), 'node', [node], { power_uri: masked }).changes, []);
  refused(
    t,
    () => planUpdate(fake.context(), 'node', [node], { power_uri: 'ipmi:///root:***@172.45.88.1' }),
    'bad-value',
    "power_uri='ipmi:///root:***@172.45.88.1' has stars for a password; give the password itself.",
  );
});

test("the head's own object is created once and kept up to date", t => {
  const fake = new FakeCluster();
  const facts = { name: 'head1', address: '10.54.0.1/24', http_port: 8080, version: '1' };
  fake.apply(planHead(fake.context(), facts).changes);
  t.deepEqual(planHead(fake.context(), facts).changes, []);
  fake.apply(planHead(fake.context(), { ...facts, version: '2' }).changes);
  t.is(fake.cluster.byName('head', 'head1')?.value.version, '2');
  t.is(fake.cluster.count('head'), 1);
});
