import test from 'ava';
import type { TemplateSource } from '../../src/files/template-protocol.ts';
import { type Batch, Templates, type World } from '../../src/files/templates.ts';
import { loadLibc } from '../../src/libc.ts';

const libc = await loadLibc();

const WORLD: World = {
  shared: { values: { cluster: { name: 'kepler' } }, digest: 's1' },
  nodes: ['n0', 'n1'].map(name => ({ uid: name, digest: name, value: { name } })),
  nodesDigest: 'd1',
};

function source(text: string): TemplateSource {
  return { name: 'base:/etc/x.tmpl', text, digest: text, secret: false, partials: {} };
}

function batch(...texts: string[]): Batch {
  return { world: WORLD, values: { node: { name: 'n7' } }, secretNames: [], templates: texts.map(source) };
}

const ALL = '{% for n in nodes %}{{ n.name }} {% endfor %}';

function textsOf(outcomes: Awaited<ReturnType<Templates['render']>>): string[] {
  return outcomes.map(({ result }) => ('failed' in result ? result.failed.reason : (result.main?.text ?? '')));
}

test('templates are rendered in a thread, and a change of the nodes reaches it', async t => {
  const templates = new Templates(libc, { failed: reason => t.log(reason) });
  t.teardown(() => templates.close());
  t.deepEqual(textsOf(await templates.render(batch('{{ node.name }}', ALL, '{{ cluster.name }}'))), [
    'n7',
    'n0 n1 ',
    'kepler',
  ]);
  const world = { ...WORLD, nodes: [{ uid: 'n1', digest: 'new', value: { name: 'm1' } }], nodesDigest: 'd2' };
  t.deepEqual(textsOf(await templates.render({ ...batch(ALL), world })), ['m1 ']);
});

test('threads that are warm render as others', async t => {
  const templates = new Templates(libc, { failed: reason => t.log(reason) });
  t.teardown(() => templates.close());
  await templates.warm(batch());
  await templates.warm(batch('{{ node.name }}', '{{ nothing }}'));
  t.deepEqual(textsOf(await templates.render(batch('{{ node.name }}', ALL))), ['n7', 'n0 n1 ']);
});

test('a thread that forgets old texts has those of the next request', async t => {
  const templates = new Templates(libc, { failed: reason => t.log(reason) });
  t.teardown(() => templates.close());
  const texts = Array.from({ length: 1000 }, (_, at) => `${at} {{ node.name }}`);
  await templates.render(batch(...texts));
  const [first] = batch(texts[0] ?? '').templates;
  if (!first) return t.fail();
  const clone = { ...first, name: 'clone:/etc/x.tmpl' };
  const next = { ...batch(), templates: [clone, source('new {{ node.name }}')] };
  t.deepEqual(textsOf(await templates.render(next)), ['0 n7', 'new n7']);
});

test('of many templates the one that hangs is found, and the results of the others come', async t => {
  const ended: string[] = [];
  const templates = new Templates(libc, { failed: reason => ended.push(reason), patience: 1000 });
  t.teardown(() => templates.close());
  await templates.render(batch('{{ node.name }}'));
  const loop = '{% for a in (1..4000) %}{% for b in (1..4000) %}{% endfor %}{% endfor %}';
  const texts = Array.from({ length: 20 }, (_, at) => `${at} {{ node.name }}`);
  const both = [...texts.slice(0, 12), loop, ...texts.slice(12), loop];
  const expected = both.map(text =>
    text === loop ? 'the template takes more than 2 s or too much memory' : text.replace('{{ node.name }}', 'n7'),
  );
  t.deepEqual(textsOf(await templates.render(batch(...both))), expected);
  t.is(ended.length, 1);
  t.deepEqual(textsOf(await templates.render(batch(...both))), expected);
  t.is(ended.length, 1, 'it is not sent to a thread again, wherever it stands');
});

test('a template that hangs fails alone: its thread is ended, and what waited behind it is rendered by another', async t => {
  const ended: string[] = [];
  const templates = new Templates(libc, { failed: reason => ended.push(reason), patience: 1000 });
  t.teardown(() => templates.close());
  await templates.render(batch('{{ node.name }}'));
  // The head waits less than the thread's own limit
  const loop = '{% for a in (1..4000) %}{% for b in (1..4000) %}{% endfor %}{% endfor %}';
  const [bad, good] = await Promise.all([
    templates.render(batch('{{ node.name }}', loop, '{{ node.name }}!')),
    Promise.all([1, 2, 3].map(async () => templates.render(batch('{{ node.name }}')))),
  ]);
  t.deepEqual(textsOf(bad), ['n7', 'the template takes more than 2 s or too much memory', 'n7!']);
  t.deepEqual(good.map(textsOf), [['n7'], ['n7'], ['n7']]);
  t.is(ended.length, 1);
  // It is not tried again at once
  t.deepEqual(textsOf(await templates.render(batch(loop))), ['the template takes more than 2 s or too much memory']);
  t.is(ended.length, 1);
});

test('a template that needs too much memory fails alone', async t => {
  const templates = new Templates(libc, { failed: () => undefined });
  t.teardown(() => templates.close());
  const big =
    '{% assign a = (1..4000000) %}{% assign b = (1..4000000) | concat: a %}{% assign c = b | concat: b | concat: b %}{{ c | size }}';
  const [text = '', fine] = textsOf(await templates.render(batch(big, '{{ node.name }}')));
  t.regex(text, /too large lists or texts|too much memory|takes more than 2 s/);
  t.is(fine, 'n7');
});

test('closing ends what waits', async t => {
  const templates = new Templates(libc, { failed: () => undefined });
  const waiting = templates.render(
    batch('{{ node.name }}', '{% for a in (1..4000) %}{% for b in (1..4000) %}{% endfor %}{% endfor %}'),
  );
  templates.close();
  await t.throwsAsync(waiting, { message: 'the head stops' });
});

test('without threads a template fails with the reason, and does not wait for ever', async t => {
  const none = { ...libc, eventfd: () => ({ code: 'EMFILE', text: 'too many open files' }) };
  const ended: string[] = [];
  const templates = new Templates(none, { failed: reason => ended.push(reason), patience: 50 });
  t.teardown(() => templates.close());
  await t.throwsAsync(templates.render(batch('x')), { message: /cannot start a thread to render templates/ });
  t.regex(ended[0] ?? '', /could not be started/);
});
