import test from 'ava';
import fc from 'fast-check';
import { MusterError } from '../../src/errors.ts';
import { attributeProblem, effectiveAttributes, isTrue } from '../../src/model/attributes.ts';
import { planAttributes } from '../../src/model/changes.ts';
import type { Entry } from '../../src/model/cluster.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const names = fc.constantFrom('rack', 'role', 'gpu', '_boot_style', '_status_secs');
const values: Record<string, fc.Arbitrary<string>> = {
  rack: fc.constantFrom('a', 'b', 'c'),
  role: fc.constantFrom('login', 'compute', ''),
  gpu: fc.constantFrom('0', '1'),
  _boot_style: fc.constantFrom('rwram', 'roram'),
  _status_secs: fc.constantFrom('5', '10'),
};
const attributes = fc
  .array(
    names.chain(name => (values[name] ?? fc.constant('')).map(value => [name, value] as const)),
    { maxLength: 5 },
  )
  .map(pairs => Object.fromEntries(pairs));

/** The specification, said naively: for each name, the last of default group, groups in order, node that has it. */
function oracle(layers: readonly { source: string; attributes: Record<string, string> }[]) {
  const all = new Set(layers.flatMap(layer => Object.keys(layer.attributes)));
  return Object.fromEntries(
    [...all].map(name => {
      const having = layers.filter(layer => Object.hasOwn(layer.attributes, name)).reverse();
      const [first, ...rest] = having.map(layer => ({ value: layer.attributes[name], source: layer.source }));
      return [name, { ...first, shadows: rest }];
    }),
  );
}

test('the default group first, the groups in order, the node last: later values win, and show what they hide', t => {
  fc.assert(
    fc.property(
      fc.tuple(attributes, attributes, attributes, attributes, attributes),
      fc.shuffledSubarray(['g0', 'g1', 'g2', 'DefaultAttribs']),
      fc.boolean(),
      ([own, standard, ...groups], members, hasDefault) => {
        const fake = new FakeCluster();
        const standardGroup = fake.cluster.byName('attrib', 'DefaultAttribs') as Entry<'attrib'>;
        fake.change(standardGroup, { attributes: standard });
        for (const [index, given] of groups.entries()) fake.create('attrib', { name: `g${index}`, attributes: given });
        const settings = fake.cluster.byName('cluster', 'cluster') as Entry<'cluster'>;
        if (!hasDefault) fake.change(settings, { default_group: '' });
        const node = fake.create('node', { mac: '52:54:00:00:00:01', groups: members, attributes: own });
        const joined = members.filter(name => !hasDefault || name !== 'DefaultAttribs');
        const layers = [
          ...(hasDefault ? [{ source: 'default group DefaultAttribs', attributes: standard }] : []),
          ...joined.map(name => ({
            source: `group ${name}`,
            attributes: name === 'DefaultAttribs' ? standard : (groups[Number(name.slice(1))] ?? {}),
          })),
          { source: 'node n0', attributes: own },
        ];
        t.deepEqual(Object.fromEntries(effectiveAttributes(fake.cluster, node.value)), oracle(layers));
      },
    ),
    { numRuns: 300 },
  );
});

test('reserved attributes are checked, each with its sentence', t => {
  const fake = new FakeCluster();
  fake.create('boot', { name: 'DefaultBoot' });
  const refusals: [string, string, string, string][] = [
    [
      '_boot_style',
      'rwrom',
      'bad-value',
      "attribute '_boot_style': 'rwrom' must be one of rwram, roram, iscsi, disked, live, next, sanboot.",
    ],
    [
      '_boot_config',
      'mpiBoot',
      'bad-value',
      "attribute '_boot_config': 'mpiBoot' names no boot config; there is DefaultBoot.",
    ],
    ['_boot_rw_layer', 'aufs', 'bad-value', "attribute '_boot_rw_layer': 'aufs' must be overlayfs or rwtab."],
    [
      '_disk_cache',
      'sda2',
      'bad-value',
      "attribute '_disk_cache': 'sda2' must be a device (/dev/sda2), LABEL=X or UUID=Y.",
    ],
    ['_status_secs', '0', 'bad-value', "attribute '_status_secs': '0' must be whole seconds, from 1 to 86400."],
    ['_hostname', 'n_0', 'bad-value', "attribute '_hostname': 'n_0' must be a host name (RFC 1123)."],
    ['_altmacs', 'aa:bb', 'bad-value', "attribute '_altmacs': 'aa:bb' must be MAC addresses with commas between."],
    [
      '_ips',
      'bmc=10.1',
      'bad-value',
      "attribute '_ips': 'bmc=10.1' must be a list such as bmc=10.10.10.100,ib0=10.55.10.100.",
    ],
    ['_macs', 'bmc', 'bad-value', "attribute '_macs': 'bmc' must be a list such as bmc=11:22:33:44:55:66."],
    [
      '_boot_stile',
      'rwram',
      'unknown-attribute',
      "attribute '_boot_stile': names with '_' are reserved; did you mean '_boot_style'?",
    ],
    [
      '0rack',
      'a',
      'unknown-attribute',
      "attribute '0rack': the name must be an identifier: letters, digits and '_', not beginning with a digit.",
    ],
    ['rack', 'a\nb', 'bad-value', "attribute 'rack': the value must be one line."],
    ['__proto__', 'x', 'unknown-attribute', ''],
    [
      '_ignition',
      'http://10.54.0.1/x.ign',
      'bad-value',
      "attribute '_ignition': 'http://10.54.0.1/x.ign' must be the name of a file in the kickstarts folder: letters, digits, '_', '.', '+' or '-'.",
    ],
  ];
  for (const [name, value, code, text] of refusals) {
    const problem = attributeProblem(name, value, fake.cluster);
    t.true(problem instanceof MusterError, name);
    t.is(problem?.code, code as MusterError['code'], name);
    if (text) t.is(problem?.message, text);
  }
});

test('correct attributes pass: references by name and UID, and attributes of the site', t => {
  const fake = new FakeCluster();
  const boot = fake.create('boot', { name: 'DefaultBoot' });
  const right = {
    _boot_config: 'DefaultBoot',
    _boot_style: 'sanboot',
    _ipxe_sanboot: '--no-describe --drive 0x80',
    _disk_root: 'LABEL=root',
    _macs: 'bmc=11:22:33:44:55:66',
    _altmacs: 'aa:bb:cc:dd:ee:f2,aa:bb:cc:dd:ee:f4',
    rack: 'r 1',
    constructor: 'no property of every object is taken for an attribute',
  };
  for (const [name, value] of Object.entries(right)) t.is(attributeProblem(name, value, fake.cluster), undefined, name);
  t.is(attributeProblem('_boot_config', boot.uid, fake.cluster), undefined);
});

test('set and clear change the attributes of all or of none', t => {
  const fake = new FakeCluster();
  const nodes = ['01', '02'].map(end => fake.create('node', { mac: `52:54:00:00:00:${end}` }));
  t.throws(() => planAttributes(fake.context(), 'node', nodes, { rack: 'a', _boot_style: 'no' }), {
    instanceOf: MusterError,
  });
  fake.apply(planAttributes(fake.context(), 'node', nodes, { rack: 'a' }).changes);
  t.is(fake.cluster.byName('node', 'n1')?.value.attributes['rack'], 'a');
  const again = fake.cluster.all('node');
  t.deepEqual(
    planAttributes(fake.context(), 'node', again, { rack: 'a' }).changes,
    [],
    'setting it again is no change',
  );
  fake.apply(planAttributes(fake.context(), 'node', again, { rack: null }).changes);
  t.deepEqual(fake.cluster.byName('node', 'n0')?.value.attributes, {});
});

test('an object without attributes names the kinds that have them', t => {
  const fake = new FakeCluster();
  const boot = fake.create('boot', { name: 'DefaultBoot' });
  const error = t.throws(() => planAttributes(fake.context(), 'boot', [boot], { rack: 'a' }), {
    instanceOf: MusterError,
  });
  t.is(error?.message, 'A boot config has no attributes; nodes and attribute groups have.');
  t.is(error?.code, 'bad-usage');
});

test('an attribute is true unless it is empty, 0, false, no or off', t => {
  for (const text of ['1', 'true', 'yes', 'on', 'whatever']) t.true(isTrue(text), text);
  for (const text of ['', '0', 'False', 'no', 'OFF', ' ']) t.false(isTrue(text), text);
});
