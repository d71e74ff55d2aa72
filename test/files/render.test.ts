import { createHash } from 'node:crypto';
import test from 'ava';
import { hiddenFiles } from '../../src/files/hidden.ts';
import { indexText, readIndex } from '../../src/files/index-text.ts';
import { renderFiles } from '../../src/files/render.ts';
import type { Rendered } from '../../src/files/rendered.ts';
import { ResultCache } from '../../src/files/result-cache.ts';
import { TemplateEngine } from '../../src/files/template-engine.ts';
import { traceFile } from '../../src/files/trace.ts';
import { TemplateValues } from '../../src/files/values.ts';
import type { RenderSet } from '../../src/files/visible.ts';
import { planHead } from '../../src/model/head.ts';
import { Networks } from '../../src/networks.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { setEntry as entry, renderSet as set, withoutThread } from './build.ts';

/** The engine without its thread, with a count of what it renders. */
function setup() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const n1 = fake.create('node', { mac: '52:54:00:54:00:02', attributes: { rack: 'r2', root_password: 'pw1' } });
  const engine = new TemplateEngine({});
  const rendered: string[] = [];
  const templates = withoutThread(engine, rendered);
  const networks = new Networks({
    ...{ address: '10.54.0.1/24', interface: '', router: '', dns: [], domain: '', leaseSeconds: 60 },
  });
  const values = new TemplateValues({
    cluster: fake.cluster,
    networks,
    head: () => ({ name: 'head', address: '10.54.0.1' }),
    hardware: () => ({ cpus: '4' }),
  });
  const cache = new ResultCache();
  const render = async (sets: RenderSet[], of = node) => renderFiles(sets, of, values, { templates, cache });
  const trace = async (sets: RenderSet[], path: string) => traceFile(sets, node, values, { templates, cache }, path);
  return { fake, node, n1, render, rendered, trace, values, cache };
}

function filesOf(answer: Rendered | { refused: string }): Record<string, string> {
  if ('refused' in answer) return { refused: answer.refused };
  return Object.fromEntries(
    answer.entries.map(({ path, type, content }) => [path, type === 'file' ? content.toString() : type]),
  );
}

test('plain files, templates, links, and the folders above them', async t => {
  const { render } = setup();
  const answer = await render([
    set('base', [
      entry('/etc/motd.tmpl', 'on {{ node.name }}\n', {
        mode: 0o600,
        rule: { owner: 'x', merge: 'block', localEdits: 'keep' },
      }),
      entry('/etc/ssh', '', { type: 'folder', mode: 0o700 }),
      entry('/etc/ssh/k', 'k', { rule: { secret: true, context: 'system_u:object_r:etc_t:s0' } }),
      entry('/etc/localtime', '', { type: 'link', target: '../usr', mode: 0o777 }),
    ]),
  ]);
  t.deepEqual(filesOf(answer), {
    '/etc': 'folder',
    '/etc/localtime': 'link',
    '/etc/motd': 'on n0\n',
    '/etc/ssh': 'folder',
    '/etc/ssh/k': 'k',
  });
  if ('refused' in answer) return;
  const of = (path: string) => answer.entries.find(one => one.path === path);
  t.like(of('/etc/motd'), {
    mode: 0o600,
    owner: 'x',
    group: 'root',
    merge: 'block',
    keepsLocalEdits: true,
    secret: false,
    sha256: createHash('sha256').update('on n0\n').digest('hex'),
  });
  t.deepEqual(of('/etc/motd')?.origin, { set: 'base', file: '/etc/motd.tmpl' });
  t.like(of('/etc'), { mode: 0o755, owner: 'root', keepsLocalEdits: true });
  t.like(of('/etc/ssh'), { keepsLocalEdits: false });
  t.like(of('/etc/ssh'), { mode: 0o700 });
  t.like(of('/etc/ssh/k'), { secret: true, xattrs: [['security.selinux', Buffer.from('system_u:object_r:etc_t:s0')]] });
});

test('a later set hides the files of an earlier one, and only what counts is rendered', async t => {
  const { render, rendered } = setup();
  const sets = [
    set('base', [entry('/etc/x.tmpl', '{% fail "hidden" %}'), entry('/etc/y', 'base')]),
    set('gpu', [entry('/etc/x', 'gpu')]),
  ];
  t.deepEqual(filesOf(await render(sets)), { '/etc': 'folder', '/etc/x': 'gpu', '/etc/y': 'base' });
  t.deepEqual(rendered, []);
  t.deepEqual(hiddenFiles(sets), [{ path: '/etc/x', by: 'gpu', sets: ['base'] }]);
});

test('a template that fails refuses the files with set, file, line and reason; an optional one is left out', async t => {
  const { render } = setup();
  const bad = '\n{{ attributes.rak }}';
  t.deepEqual(filesOf(await render([set('base', [entry('/etc/x.tmpl', bad)])])), {
    refused:
      'base:/etc/x.tmpl:2:4: attributes.rak is unknown: the node has no such attribute; use if or the filter default',
  });
  const answer = await render([
    set('base', [entry('/etc/x.tmpl', bad, { rule: { optional: true } }), entry('/etc/y', 'y')]),
  ]);
  t.deepEqual(filesOf(answer), { '/etc': 'folder', '/etc/y': 'y' });
  if (!('refused' in answer)) t.like(answer.leftOut[0], { path: '/etc/x', set: 'base' });
});

test('further files of a template: their paths, and what they may hide', async t => {
  const { render } = setup();
  const many = entry(
    '/etc/many.tmpl',
    '{% skip %}{% file "/etc/a" mode: "0640" %}A{% endfile %}{% file "/etc/b" %}B{% endfile %}',
  );
  t.deepEqual(filesOf(await render([set('base', [entry('/etc/a', 'old')]), set('more', [many])])), {
    '/etc': 'folder',
    '/etc/a': 'A',
    '/etc/b': 'B',
  });
  for (const entries of [
    [many, entry('/etc/a', 'own')],
    [entry('/etc/a', 'own'), many],
  ])
    t.regex(
      filesOf(await render([set('base', entries)]))['refused'] ?? '',
      /\/etc\/a is written by .* of the set; remove one/,
    );
  const to = async (path: string, more = '') =>
    filesOf(await render([set('base', [entry('/x.tmpl', `{% skip %}{% file "${path}" ${more} %}{% endfile %}`)])]))[
      'refused'
    ] ?? '';
  t.regex(await to('/etc/../shadow'), /base:\/x\.tmpl: '\/etc\/\.\.\/shadow' leaves its folder/);
  t.regex(await to('etc/x'), /is no path of a file on a node/);
  t.regex(await to('/proc/x'), /is below \/proc/);
  t.regex(await to('/x/y', 'owner: "a b"'), /'a b' is no name of an owner or group/);
});

test('the trace of a file is that of the set whose file the node gets', async t => {
  const { render, trace } = setup();
  const writes = (path: string) => entry('/etc/many.tmpl', `{% skip %}{% file "${path}" %}written{% endfile %}`);
  const broken = entry('/etc/broken.tmpl', '{{ nothing }}', { rule: { optional: true } });
  for (const own of [entry('/etc/a', 'own'), entry('/etc/a.tmpl', 'own')])
    for (const sets of [
      [set('one', [own, broken]), set('two', [writes('/etc/a'), broken])],
      [set('one', [writes('/etc/a')]), set('two', [own, broken])],
      [set('one', [own]), set('two', [writes('/etc/b')])],
    ]) {
      const text = filesOf(await render(sets))['/etc/a'] ?? '';
      const traced = await trace(sets, '/etc/a');
      t.like(traced, { path: '/etc/a', lines: [{ text }] });
    }
  const both = [set('one', [entry('/etc/a', 'own')]), set('two', [writes('/etc/a')])];
  t.like(await trace(both, '/etc/a'), { set: 'two', hidden: ['one'] });
  t.is(await trace(both, '/etc/c'), undefined);
  t.regex(JSON.stringify(await trace([set('one', [broken])], '/etc/broken')), /nothing is unknown/);
});

test('a file below a file or a link is refused', async t => {
  const { render } = setup();
  const answer = await render([
    set('one', [entry('/etc/x', '', { type: 'link', target: '/tmp' })]),
    set('two', [entry('/etc/x/y', 'y')]),
  ]);
  t.deepEqual(filesOf(answer), { refused: 'two:/etc/x/y: /etc/x is a link of the set one, and no folder' });
});

test('scripts and changes of all sets: each script has the name of its set before its name', async t => {
  const { render } = setup();
  const script = (stage: 'root' | 'called', text: string) => ({
    ...{ stage, name: 'a', content: Buffer.from(text), required: true, seconds: 9 },
  });
  const run = { paths: ['/etc/x'], action: 'run' as const, what: 'a' };
  const reload = { paths: ['/etc/x'], action: 'reload' as const, what: 'x' };
  const answer = await render([
    set('one', [], { scripts: [script('called', '1')], changes: [run, reload] }),
    set('two', [], { scripts: [script('root', '2')], changes: [reload] }),
  ]);
  if ('refused' in answer) return t.fail(answer.refused);
  t.deepEqual(
    answer.scripts.map(({ stage, name, content }) => `${stage} ${name} ${content}`),
    ['called one/a 1', 'root two/a 2'],
  );
  t.deepEqual(
    answer.changes.map(({ action, what }) => `${action} ${what}`),
    ['run one/a', 'reload x', 'reload x'],
  );
  t.false('refused' in readIndex(indexText(answer)), 'the node finds the script that a change calls');
});

test('a result serves every node with the same reads, and is made again when one changes', async t => {
  const { fake, node, n1, render, rendered } = setup();
  const sets = [
    set('base', [
      entry('/etc/hosts.tmpl', '{% for n in nodes %}{{ n.name }} {% endfor %}'),
      entry('/etc/rack.tmpl', '{{ attributes.rack | default: "none" }}'),
    ]),
  ];
  t.like(filesOf(await render(sets)), { '/etc/hosts': 'n0 n1 ', '/etc/rack': 'none' });
  t.like(filesOf(await render(sets, n1)), { '/etc/hosts': 'n0 n1 ', '/etc/rack': 'r2' });
  t.deepEqual(rendered, ['base:/etc/hosts.tmpl', 'base:/etc/rack.tmpl', 'base:/etc/rack.tmpl']);
  // What no template reads changes nothing
  fake.change(node, { power_uri: 'ipmi://10.54.0.9' });
  await render(sets, fake.cluster.get('node', node.uid) ?? node);
  t.is(rendered.length, 3);
  fake.create('node', { mac: '52:54:00:54:00:03' });
  t.like(filesOf(await render(sets, n1)), { '/etc/hosts': 'n0 n1 n2 ', '/etc/rack': 'r2' });
  t.deepEqual(rendered.slice(3), ['base:/etc/hosts.tmpl']);
});

test('secrets of a node are for its own secret files, and are not among the values of other nodes', async t => {
  const { node, n1, render, values } = setup();
  const show = (secret: boolean) => [
    set('base', [entry('/x.tmpl', '{{ attributes.root_password }}', { rule: { secret } })]),
  ];
  t.regex(filesOf(await render(show(false), n1))['refused'] ?? '', /root_password is secret/);
  t.is(filesOf(await render(show(true), n1))['/x'], 'pw1');
  const all = [
    set('base', [entry('/x.tmpl', '{{ nodes | to_json }}{{ all_groups | to_json }}', { rule: { secret: true } })]),
  ];
  t.false((filesOf(await render(all, node))['/x'] ?? '').includes('pw1'));
  t.false(JSON.stringify(values.world()).includes('pw1'));
});

test('the address of a head is one, without the prefix that head.address has', async t => {
  const { fake, render } = setup();
  fake.apply(planHead(fake.context(), { name: 'alpha', address: '10.54.0.1/16', http_port: 80, version: '1' }).changes);
  const answer = await render([
    set('base', [entry('/etc/x.tmpl', '{% for h in heads %}{{ h.name }} {{ h.address }}{% endfor %}')]),
  ]);
  t.is(filesOf(answer)['/etc/x'], 'alpha 10.54.0.1');
});

test('a template that took too long is tried again, because the head may have been busy', async t => {
  const { node, values } = setup();
  let times = 0;
  const failed = { template: 'base:/etc/x.tmpl', line: 3, column: 1, reason: 'the template takes more than 2 s' };
  const templates = {
    render: async () => {
      times += 1;
      const result =
        times === 1 ? { failed: { ...failed, mayPass: true as const } } : { main: { text: 'x' }, further: [] };
      return [{ result, reads: [['node.name']] as const }];
    },
  };
  const cache = new ResultCache();
  const sets = [set('base', [entry('/etc/x.tmpl', 'x')])];
  const render = async () => filesOf(await renderFiles(sets, node, values, { templates, cache }));
  t.regex((await render())['refused'] ?? '', /more than 2 s/);
  t.is((await render())['/etc/x'], 'x');
  t.is((await render())['/etc/x'], 'x');
  t.is(times, 2);
});

test('an attribute that becomes secret is in no result that was kept before, and one that is secret no more is read', async t => {
  const { fake, n1, render } = setup();
  const before = fake.cluster.get('node', n1.uid);
  if (!before) return t.fail();
  const sets = (secret: boolean) => [
    set('base', [
      entry('/a.tmpl', '{{ attributes.rack }}', { rule: { secret } }),
      entry('/b.tmpl', '{% for one in attributes %}{{ one[0] }} {% endfor %}', { rule: { secret, optional: true } }),
    ]),
  ];
  const uri = (power_uri: string) => {
    fake.change(n1, { power_uri });
    return fake.cluster.get('node', n1.uid) ?? before;
  };
  t.like(filesOf(await render(sets(false), before)), { '/a': 'r2' });
  const listed = filesOf(await render(sets(false), before))['/b'] ?? '';
  t.regex(listed, /\brack\b/);
  const now = uri('ipmi:///admin:<a[rack]>@10.54.0.9');
  t.regex(filesOf(await render(sets(false), now))['refused'] ?? '', /the attribute rack is secret/);
  t.like(filesOf(await render(sets(true), now)), { '/a': 'r2' });
  t.like(filesOf(await render(sets(false), uri('ipmi:///admin:x@10.54.0.9'))), { '/a': 'r2', '/b': listed });
});

test('the cache is bounded, and drops what was used longest ago', async t => {
  const cache = new ResultCache(10_000);
  const source = (name: string) => ({ name, text: '', digest: name, secret: false, partials: {} });
  const made = { files: [{ content: Buffer.alloc(1000), sha256: '' }] };
  for (let at = 0; at < 100; at += 1) {
    await cache.keep(source(`t${at}`), [['node.name']], made, () => 'n');
    await cache.find(source('t0'), () => 'n');
  }
  t.true(cache.size <= 10_000);
  t.true('made' in (await cache.find(source('t0'), () => 'n')));
  t.true('made' in (await cache.find(source('t99'), () => 'n')));
  t.true('missing' in (await cache.find(source('t50'), () => 'n')));
  t.true('missing' in (await cache.find(source('t99'), () => 'other')));
});

test('nodes that ask at the same moment wait for one rendering of what they share', async t => {
  const { node, n1, render, rendered } = setup();
  const sets = [
    set('base', [
      entry('/a.tmpl', '{% for n in nodes %}{{ n.name }} {% endfor %}'),
      entry('/b.tmpl', '{{ node.name }}'),
    ]),
  ];
  const answers = await Promise.all([node, n1, node, n1].map(async of => render(sets, of)));
  t.deepEqual(
    answers.map(answer => filesOf(answer)['/b']),
    ['n0', 'n1', 'n0', 'n1'],
  );
  t.deepEqual(rendered.sort(), ['base:/a.tmpl', 'base:/b.tmpl', 'base:/b.tmpl']);
});
