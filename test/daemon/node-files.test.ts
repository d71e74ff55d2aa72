import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { previewOf } from '../../src/admin/file-preview.ts';
import { NodeFiles } from '../../src/daemon/node-files.ts';
import { fileLines } from '../../src/daemon/rehearsal-files.ts';
import { RenderedFiles } from '../../src/daemon/rendered-files.ts';
import { ResultCache } from '../../src/files/result-cache.ts';
import type { FileRules, SetContent } from '../../src/files/set-content.ts';
import { Templates } from '../../src/files/templates.ts';
import { loadLibc } from '../../src/libc.ts';
import { copyOf } from '../../src/model/what-if.ts';
import { Networks } from '../../src/networks.ts';
import { Sealing } from '../../src/sealing.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const libc = await loadLibc();

/** A set of files: names that end in `.tmpl` are templates, names that begin with `!` are secret. */
function content(files: Record<string, string>): SetContent {
  const entries = Object.entries(files).map(([name, text]) => {
    const secret = name.startsWith('!');
    const rules: FileRules = { merge: 'replace', optional: false, secret, localEdits: 'replace' };
    const path = name.replace('!', '');
    return {
      ...{ type: 'file' as const, path: path.replace(/\.tmpl$/, ''), isTemplate: path.endsWith('.tmpl') },
      ...{ content: Buffer.from(text), target: '', mode: 0o644, owner: 'root', group: 'root', xattrs: [], rules },
    };
  });
  return { entries, scripts: [], changes: [], partials: {}, secret: entries.some(({ rules }) => rules.secret) };
}

async function world(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'muster-node-files-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const n1 = fake.create('node', { mac: '52:54:00:54:00:02' });
  const sets = new Map<string, SetContent>();
  const templates = new Templates(libc, { failed: reason => t.log(reason) });
  t.teardown(() => templates.close());
  const failed = (error: unknown): void => t.log(error);
  const store = await RenderedFiles.open({ folder, sealing: new Sealing(Buffer.alloc(32), 'rendered'), failed });
  t.teardown(async () => store.settled());
  const clock = { now: 0 };
  const reads: string[] = [];
  const files = new NodeFiles({
    ...{ store, templates, cache: new ResultCache(), now: () => clock.now, hardware: () => ({}) },
    networks: new Networks({
      ...{ address: '10.54.0.1/24', interface: '', router: '', dns: [], domain: '', leaseSeconds: 60 },
    }),
    head: () => ({ name: 'head' }),
    content: async ({ sha256 }, name) => {
      reads.push(name);
      const found = sets.get(sha256);
      if (!found) throw new Error(`The content of the file set ${name} is no longer in storage; store it again.`);
      return found;
    },
  });
  let stored = 0;
  const set = (name: string, files: Record<string, string>): void => {
    stored += 1;
    const sha256 = String(stored).padStart(64, '0');
    sets.set(sha256, content(files));
    const given = { content: { sha256, size: 1, mtime: 0, files: 1, secret: false } };
    const known = fake.cluster.byName('files', name);
    if (known) fake.change(known, given);
    else fake.create('files', { name }, given);
  };
  const give = (entry: typeof node, list: string): void => fake.change(entry, { attributes: { _file_sets: list } });
  return { fake, node, n1, sets, files, store, clock, reads, set, give };
}

test('a node without file sets has no files', async t => {
  const { fake, node, files } = await world(t);
  t.deepEqual(await files.planned(fake.cluster, node.uid), {});
  t.deepEqual(fileLines(await files.list(fake.cluster, node)), ['file sets: none']);
});

test('the files of a boot are planned by the digest of their index, which the store has', async t => {
  const { fake, node, files, store, set, give } = await world(t);
  set('base', { '/etc/motd.tmpl': 'on {{ node.name }}', '!/etc/key': 'k' });
  give(node, 'base');
  const planned = await files.planned(fake.cluster, node.uid);
  if ('refused' in planned || !planned.files) return t.fail();
  t.like(planned.files, { secret: true, sets: ['base'] });
  const text = (await store.get(planned.files.index))?.toString() ?? '';
  t.regex(text, /^muster-files 1\n/);
  t.is(planned.files.size, text.length + 'on n0'.length + 'k'.length);
  t.deepEqual(files.indexes(fake.cluster), [planned.files.index]);
});

test('a refusal names set, file, line and reason; a set without its content refuses too, and is read again', async t => {
  const { fake, node, files, sets, set, give } = await world(t);
  set('base', { '/etc/motd.tmpl': '{{ attributes.rack }}' });
  give(node, 'base');
  const refusal = await files.planned(fake.cluster, node.uid);
  t.regex('refused' in refusal ? refusal.refused : '', /^base:\/etc\/motd\.tmpl:1:4: attributes\.rack is unknown/);
  fake.change(node, { attributes: { _file_sets: 'base', rack: 'r1' } });
  t.true('files' in (await files.planned(fake.cluster, node.uid)));
  set('base', {});
  const kept = new Map(sets);
  sets.clear();
  await t.throwsAsync(files.planned(fake.cluster, node.uid), { message: /no longer in storage/ });
  for (const [sha256, one] of kept) sets.set(sha256, one);
  t.true('files' in (await files.planned(fake.cluster, node.uid)));
});

test('a template that loops for ever refuses the boot with set, file, line and limit', async t => {
  const { fake, node, files, set, give } = await world(t);
  set('base', {
    '/etc/loop.tmpl':
      'x\n{% for a in (1..4000) %}{% for b in (1..4000) %}{% for c in (1..4000) %}{% endfor %}{% endfor %}{% endfor %}',
  });
  give(node, 'base');
  const refusal = await files.planned(fake.cluster, node.uid);
  t.regex(
    'refused' in refusal ? refusal.refused : '',
    /^base:\/etc\/loop\.tmpl(:2:\d+)?: the template takes more than 2 s/,
  );
});

test('a set that is deleted while a node boots: that boot gets its files, and the next one has none', async t => {
  const { fake, node, files, store, sets, set, give, clock } = await world(t);
  set('base', { '/etc/motd.tmpl': 'on {{ node.name }}' });
  give(node, 'base');
  const planned = await files.planned(fake.cluster, node.uid);
  if ('refused' in planned || !planned.files) return t.fail();
  const { index } = planned.files;
  const entry = fake.cluster.byName('files', 'base');
  if (!entry) return t.fail();
  // By force, while the node still names it
  fake.apply([{ kind: 'files', uid: entry.uid, expected: entry.revision, value: null }]);
  sets.clear();
  const next = await files.planned(fake.cluster, node.uid);
  t.regex('refused' in next ? next.refused : '', /_file_sets \(node n0\) names base, and there is no such file set/);
  const changed = fake.cluster.get('node', node.uid);
  if (changed) give(changed, '');
  clock.now += 3_600_000;
  t.deepEqual(await files.planned(fake.cluster, node.uid), {});
  // A sweep of the head keeps what the plans of boots name
  await store.settled();
  await store.sweep([index]);
  t.regex((await files.content(index))?.toString() ?? '', /\/etc\/motd\nend\n$/);
  t.is((await files.content(createHash('sha256').update('on n0').digest('hex')))?.toString(), 'on n0');
});

test('the sets of a copy of the objects are those of the copy', async t => {
  const { fake, node, files, set, give } = await world(t);
  set('base', { '/a': '1' });
  set('gpu', { '/a': '2', '/b': '3' });
  give(node, 'base');
  const copy = copyOf(fake.cluster);
  const entry = copy.get('node', node.uid);
  if (!entry) return t.fail();
  const value = { ...entry.value, attributes: { _file_sets: 'base,gpu' } };
  copy.apply(copy.sequence + 1, [{ kind: 'node', uid: node.uid, entry: { ...entry, value } }]);
  const lines = fileLines(await files.list(copy, { ...entry, value }));
  t.deepEqual(lines.slice(0, 2), ['file sets: base (node n0), gpu (node n0)', 'hidden: /a of base, by gpu']);
  t.regex(lines[2] ?? '', /^file \/a: 0644 root:root, 1 bytes, sha256 [0-9a-f]{12}, from gpu:\/a$/);
  t.is(fileLines(await files.list(fake.cluster, fake.cluster.get('node', node.uid) ?? node)).length, 2);
});

test('a file is shown line by line with template, line, and the attributes with their groups', async t => {
  const { fake, node, files, set } = await world(t);
  set('base', { '/etc/x': 'hidden', '/etc/y': 'one\ntwo\n' });
  set('gpu', {
    '/etc/x.tmpl': '# x\nrack {{ attributes.rack }}\n{% skip %}',
    '/etc/many.tmpl': '{% file "/etc/x" %}a\n{% endfile %}',
  });
  const group = fake.create('attrib', { name: 'g', attributes: { rack: 'r1', _file_sets: 'base' } });
  fake.change(node, { groups: [group.uid] });
  const of = async (path: string) => files.trace(fake.cluster, fake.cluster.get('node', node.uid) ?? node, path);
  t.deepEqual(await of('/etc/y'), {
    ...{ path: '/etc/y', set: 'base', secret: false, hidden: [] },
    lines: [
      { text: 'one', template: 'base:/etc/y', line: 1, reads: [] },
      { text: 'two', template: 'base:/etc/y', line: 2, reads: [] },
    ],
  });
  set('gpu', { '/etc/x.tmpl': '# x\nrack {{ attributes.rack }}\n' });
  fake.change(node, { groups: [group.uid], attributes: { _file_sets: 'gpu' } });
  t.deepEqual(await of('/etc/x'), {
    ...{ path: '/etc/x', set: 'gpu', secret: false, hidden: ['base'] },
    lines: [
      { text: '# x', template: 'gpu:/etc/x.tmpl', line: 1, reads: [] },
      {
        text: 'rack r1',
        template: 'gpu:/etc/x.tmpl',
        line: 2,
        reads: [{ name: 'attributes.rack', source: 'group g' }],
      },
    ],
  });
  set('gpu', { '/etc/many.tmpl': '{% file "/etc/z" %}{{ node.name }}\n{% endfile %}' });
  t.like(await of('/etc/z'), { set: 'gpu', lines: [{ text: 'n0', template: 'gpu:/etc/many.tmpl', line: 1 }] });
  t.is(await of('/etc/nothing'), undefined);
  set('gpu', { '/etc/x.tmpl': '{{ nod }}' });
  t.deepEqual(await of('/etc/x'), { refused: "gpu:/etc/x.tmpl:1:4: nod is unknown; did you mean 'node'?" });
});

test('a preview puts nodes with equal changes together, and shows no secret', async t => {
  const { fake, node, n1, files, store, set, give } = await world(t);
  const n2 = fake.create('node', { mac: '52:54:00:54:00:03' });
  set('base', { '/etc/a': 'one\ntwo\n', '!/key': 'k1', '/etc/n.tmpl': '{{ node.name }}' });
  const nodes = [node, n1, n2];
  for (const one of nodes) give(one, 'base');
  const before = new Map<string, string | undefined>();
  for (const { uid } of nodes) {
    const planned = await files.planned(fake.cluster, uid);
    if ('files' in planned && planned.files) before.set(uid, (await store.get(planned.files.index))?.toString());
  }
  const preview = async () =>
    previewOf(nodes, {
      content: async sha256 => store.get(sha256),
      filesOf: async ({ uid }) => {
        const planned = await files.planned(fake.cluster, uid);
        if ('refused' in planned) return { before: before.get(uid), after: planned };
        const index = planned.files && (await store.get(planned.files.index))?.toString();
        return { before: before.get(uid), after: { index } };
      },
    });
  t.deepEqual(await preview(), { same: 3, groups: [], failed: [] });
  set('base', { '/etc/a': 'one\n2\n', '!/key': 'k2', '/etc/n.tmpl': '{{ node.name }}' });
  give(n2, '');
  const { same, groups, failed } = await preview();
  t.deepEqual([same, failed], [0, []]);
  t.deepEqual(groups[0], {
    nodes: ['n0', 'n1'],
    changes: [
      { path: '/etc/a', change: 'changed', secret: false, lines: ['- two', '+ 2'] },
      { path: '/key', change: 'changed', secret: true, lines: ['- ***', '+ ***'] },
    ],
  });
  t.deepEqual(groups[1]?.nodes, ['n2']);
  t.deepEqual(
    groups[1]?.changes.map(({ path, change }) => `${change} ${path}`),
    ['removed /etc', 'removed /etc/a', 'removed /etc/n', 'removed /key'],
  );
  set('base', { '/etc/n.tmpl': '{{ nod }}' });
  t.deepEqual(
    (await preview()).failed.map(one => one.nodes),
    [['n0', 'n1']],
  );
});

test('other files in a set are tried without a change of the set', async t => {
  const { fake, node, files, set, give } = await world(t);
  set('base', { '/a': '1' });
  give(node, 'base');
  const entry = fake.cluster.get('node', node.uid) ?? node;
  const tried = await files.tried(fake.cluster, entry, new Map([['base', content({ '/b.tmpl': '{{ node.name }}' })]]));
  t.deepEqual(tried && 'entries' in tried && tried.entries.map(({ path }) => path), ['/b']);
  t.regex(fileLines(await files.list(fake.cluster, entry))[1] ?? '', /^file \/a:/);
  const bad = await files.tried(fake.cluster, entry, new Map([['base', content({ '/b.tmpl': '{{ nod }}' })]]));
  t.true(bad !== undefined && 'refused' in bad);
});

test('what was prepared is not rendered again, and what several nodes need is rendered once', async t => {
  const { fake, node, n1, files, reads, set, give } = await world(t);
  set('base', { '/a.tmpl': '{% for n in nodes %}{{ n.name }} {% endfor %}', '/b.tmpl': '{{ node.name }}' });
  for (const one of [node, n1]) give(one, 'base');
  t.true(await files.prepare(fake.cluster, node.uid));
  t.deepEqual(reads, ['base']);
  const answers = await Promise.all([node, n1, node].map(async ({ uid }) => files.planned(fake.cluster, uid)));
  t.true(answers.every(answer => 'files' in answer && answer.files));
  t.deepEqual(files.indexes(fake.cluster).length, 2);
});
