import { statSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { Explained } from '../../src/api/nodes.ts';
import type { Changed, Shown } from '../../src/api/objects.ts';
import { MusterError } from '../../src/errors.ts';
import { temporaryFolder } from '../store/folder.ts';
import { type Answer, ask, startWorld, type World, type WorldOptions } from './world.ts';

async function world(t: ExecutionContext, options: WorldOptions = {}) {
  const started = await startWorld(temporaryFolder(t), options);
  t.teardown(async () => started.stop());
  const asking = async (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer> => ask(started.socket, method, `/api/v1${path}`, body, headers);
  return { ...started, ask: asking };
}

const mac = (number: number): string => `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;
const namesOf = (cluster: World['cluster'], kind: 'node' | 'boot' | 'attrib'): string[] =>
  cluster.all(kind).map(entry => entry.value.name);

function refused(t: ExecutionContext, answer: Answer, status: number, code: string, reason: string): void {
  t.deepEqual(
    { status: answer.status, code: answer.json.code, reason: answer.json.reason, success: answer.json.success },
    { status, code, reason, success: false },
  );
}

test('answers have the shapes of the specification: success with data, or with a reason', async t => {
  const { ask } = await world(t);
  const created = await ask('POST', '/nodes', { mac: mac(1) });
  t.is(created.status, 201);
  t.true(created.json.success);
  const { uids } = created.json.data as Changed;
  t.regex(uids[0] ?? '', /^[0-9a-f]{32}$/);
  const one = await ask('GET', `/node/${uids[0]}`);
  t.like(one.json, { success: true, data: { name: 'n0', mac: mac(1), ip: '10.54.0.100', type: 'compute' } });
  t.like((await ask('GET', '/nodes')).json, { success: true, data: [{ name: 'n0' }] });
  refused(t, await ask('GET', '/node/n123'), 404, 'no-such-object', 'No node found for ID=n123');
  const uid = 'd67501a26509486ebaad00827d7fac23';
  refused(t, await ask('GET', `/image/${uid}`), 404, 'no-such-object', `No image found for ID=${uid}`);
  refused(t, await ask('GET', '/nothing'), 404, 'no-such-object', 'There is no GET /api/v1/nothing in this API.');
});

test("only the socket's owner and group may use it", async t => {
  const group = process.getgid?.() ?? 0;
  const { socket } = await world(t, { group });
  const { mode, gid } = statSync(socket);
  t.is(mode & 0o777, 0o660);
  t.is(gid, group);
});

test('a second daemon on a socket that answers is refused; the socket of a killed one is taken over', async t => {
  const folder = temporaryFolder(t);
  const first = await startWorld(folder);
  const other = await t.throwsAsync(startWorld(folder), { instanceOf: MusterError });
  t.is(other?.code, 'store-failed');
  await first.stop();
  const again = await startWorld(folder);
  t.is((await ask(again.socket, 'GET', '/api/v1/health')).status, 200);
  await again.stop();
});

test('each kind of bad body is refused with its sentence, and changes nothing', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/bootconfigs', { name: 'DefaultBoot' });
  const before = cluster.sequence;
  const patch = async (body: unknown) => ask('PATCH', '/bootconfig/DefaultBoot', body);
  refused(
    t,
    await patch({ cmdlin: 'x' }),
    400,
    'unknown-field',
    "A boot config has no field 'cmdlin'; did you mean 'cmdline'?",
  );
  refused(
    t,
    await patch({ release: '6.1' }),
    400,
    'read-only-field',
    "The field 'release' of a boot config is kept by muster: version of the kernel, read from the kernel file.",
  );
  refused(t, await patch({ frozen: 7 }), 400, 'bad-value', 'boot config: frozen=7 must be true or false');
  refused(t, await patch([]), 400, 'bad-usage', 'The body must be a JSON object of fields.');
  refused(
    t,
    await patch({ kernel: { path: '/etc/shadow' } }),
    400,
    'bad-value',
    'kernel must be a finished upload: {"upload": "<id>"}.',
  );
  refused(
    t,
    await patch({ kernel: { upload: 'nothing' } }),
    400,
    'upload-incomplete',
    'There is no upload nothing any more; begin it again.',
  );
  refused(
    t,
    await ask('PATCH', '/nodes', { description: 'x' }),
    400,
    'bad-usage',
    'Nothing is selected: give id=… or all=true.',
  );
  refused(
    t,
    await ask('PATCH', '/nodes/attributes?id=', {}),
    400,
    'bad-usage',
    'No attribute is given: write name=value, or a name to clear.',
  );
  refused(t, await ask('PATCH', '/attribs/attributes', { a: ['b'] }), 400, 'bad-value', 'a must be a text.');
  refused(
    t,
    await ask('PATCH', '/nodes/groups?all=true', { join: 'gpu' }),
    400,
    'bad-usage',
    "join='gpu' must be a list of names of attribute groups.",
  );
  refused(
    t,
    await ask('PATCH', '/nodes/groups?all=true', { join: [] }),
    400,
    'bad-usage',
    'No attribute group is given: the body must be a list of names.',
  );
  t.is((await ask('POST', '/nodes', undefined, { 'content-type': 'application/json' })).status, 400);
  t.is(cluster.sequence, before);
});

test('a wrong reserved attribute is refused with what there is', async t => {
  const { ask } = await world(t);
  await ask('POST', '/bootconfigs', { name: 'DefaultBoot' });
  refused(
    t,
    await ask('PATCH', '/attribs/attributes', { _boot_style: 'rwrom' }),
    400,
    'bad-value',
    "attribute '_boot_style': 'rwrom' must be one of rwram, roram, iscsi, disked, live, next, sanboot.",
  );
  refused(
    t,
    await ask('PATCH', '/attribs/attributes', { _boot_cnfig: 'DefaultBoot' }),
    400,
    'unknown-attribute',
    "attribute '_boot_cnfig': names with '_' are reserved; did you mean '_boot_config'?",
  );
});

test('bodies are bounded, and membership is one thing at a time with its own words in the audit trail', async t => {
  const { ask } = await world(t);
  await ask('POST', '/nodes', { mac: mac(1) });
  await ask('POST', '/attribs', { name: 'gpu' });
  const nested: unknown = JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`);
  const reason = 'The body has more than 32 lists or objects inside each other.';
  t.like(await ask('PATCH', '/node/n0', { description: nested }), { status: 400, json: { reason } });
  t.like(await ask('POST', '/distros/import', {}), {
    status: 400,
    json: { reason: 'name must be the name of the new distro.' },
  });
  t.is((await ask('PATCH', '/nodes/groups?all=true', { join: ['gpu'], leave: ['gpu'] })).status, 400);
  for (const verb of ['join', 'leave']) {
    t.is((await ask('PATCH', '/nodes/groups?all=true', { [verb]: ['gpu'] })).status, 200);
    const trail = (await ask('GET', '/audit')).json.data as { what: string }[];
    t.true(
      trail.some(({ what }) => what === `${verb} groups`),
      verb,
    );
  }
});

test('no login in a URL is shown by explain, unless secrets are asked for', async t => {
  const { ask } = await world(t);
  await ask('POST', '/repos', { name: 'R', urls: 'https://geheim@mirror/tree/' });
  await ask('POST', '/bootconfigs', { name: 'B', repo: 'R', cmdline: 'inst.repo=http://u:geheim@h/x quiet' });
  await ask('POST', '/nodes', { mac: mac(1), cmdline: 'inst.ks=http://u:geheim@h/y' });
  await ask('PATCH', '/node/n0/attributes', { _boot_config: 'B', _boot_style: 'next', site: 'http://u:geheim@h/z' });
  const text = 'url --url=<root_url()>\nrepo --baseurl=<a[site]> # <node[cmdline]>\n';
  for (const [method, path, body] of [
    ['GET', '/nodes/explain?id=n0'],
    ['GET', '/nodes?id=n0'],
    ['GET', '/bootconfigs?id=B'],
    ['POST', '/kickstarts/render?', { node: 'n0', name: 'x.ks', text }],
  ] as const) {
    const shown = async (query: string): Promise<string> =>
      JSON.stringify((await ask(method, `${path}${query}`, body)).json.data);
    t.false((await shown('')).includes('geheim'), path);
    t.regex(await shown(''), /http:\/\/u:\*\*\*@h\/[xyz]/, path);
    t.true((await shown('&secrets=true')).includes('geheim'), path);
  }
  const update = {
    'node.power_uri': 'ipmi:///a:geheim@b',
    _site: 'http://u:geheim@h/',
    'boot.cmdline': 'x=https://geheim@h/',
  };
  const rehearsed = (await ask('POST', '/nodes/rehearse?id=n0', { update: { ...update, _site: null } })).json;
  t.false(JSON.stringify(rehearsed).includes('geheim'), JSON.stringify(rehearsed));
});

test('the settings need no identifier; the list of groups of a node can be replaced', async t => {
  const { ask } = await world(t);
  t.is((await ask('PATCH', '/cluster', { cluster_name: 'lab' })).status, 200);
  t.is(((await ask('GET', '/cluster')).json.data as Shown)['cluster_name'], 'lab');
  await ask('POST', '/nodes', { mac: mac(1) });
  await ask('POST', '/attribs', [{ name: 'gpu' }, { name: 'rack' }]);
  const groups = async (): Promise<unknown> => ((await ask('GET', '/node/n0')).json.data as Shown)['groups'];
  await ask('POST', '/node/n0/groups', ['gpu']);
  t.is((await ask('PATCH', '/node/n0/groups', ['rack', 'gpu'])).status, 200);
  t.deepEqual(await groups(), ['rack', 'gpu']);
  t.is((await ask('PATCH', '/node/n0/groups', [])).status, 200);
  t.deepEqual(await groups(), []);
  refused(
    t,
    await ask('PATCH', '/node/n0/groups', { groups: ['gpu'] }),
    400,
    'bad-usage',
    'The body must be a list of names of attribute groups.',
  );
});

test('a limit that is not a number is refused', async t => {
  const { ask } = await world(t);
  refused(t, await ask('GET', '/audit?limit=x'), 400, 'bad-value', "limit='x' must be a whole number from 1 on.");
  refused(t, await ask('GET', '/audit?after=-1'), 400, 'bad-value', "after='-1' must be a whole number from 0 on.");
  for (const timeout of ['', '0x1', '1e1', '-1', '3601'])
    refused(
      t,
      await ask('GET', `/nodes/waitfor?all=true&timeout=${timeout}`),
      400,
      'bad-value',
      `timeout='${timeout}' must be seconds, from 0 to 3600.`,
    );
  t.is(((await ask('GET', '/audit?limit=1')).json.data as unknown[]).length, 1);
});

test('a body of another type is refused with the type that is wanted', async t => {
  const { ask } = await world(t);
  refused(
    t,
    await ask('POST', '/attribs', 'name=gpu', { 'content-type': 'application/x-www-form-urlencoded' }),
    400,
    'bad-usage',
    'The body must be JSON, sent with the header Content-Type: application/json.',
  );
});

test('set on attribute groups without a selection acts on the default group', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/attribs', { name: 'gpu' });
  await ask('PATCH', '/attribs/attributes', { rack: 'a' });
  t.deepEqual(cluster.byName('attrib', 'DefaultAttribs')?.value.attributes, { rack: 'a' });
  t.deepEqual(cluster.byName('attrib', 'gpu')?.value.attributes, {});
  await ask('DELETE', '/attrib/DefaultAttribs');
  refused(
    t,
    await ask('PATCH', '/attribs/attributes', { rack: 'a' }),
    409,
    'not-ready',
    'There is no default group; create an attribute group and set it as default_group, or give -i.',
  );
});

test('duplicates are a conflict and create nothing, also in the midst of a list', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/nodes', { mac: mac(1) });
  const before = cluster.sequence;
  refused(
    t,
    await ask('POST', '/nodes', [{ mac: mac(2) }, { mac: mac(3) }, { mac: mac(1) }, { mac: mac(4) }]),
    409,
    'duplicate',
    'n3: MAC 52:54:00:00:00:01 belongs to n0 already; nothing was changed.',
  );
  t.deepEqual(namesOf(cluster, 'node'), ['n0']);
  t.is(cluster.sequence, before);
});

test('a dry run answers the difference and changes nothing', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/nodes', { mac: mac(1) });
  const before = JSON.stringify([cluster.sequence, cluster.all('node'), cluster.all('attrib')]);
  const runs: [string, string, unknown][] = [
    ['POST', '/nodes?dry_run=true', { mac: mac(2) }],
    ['PATCH', '/node/n0?dry_run=true', { description: 'x' }],
    ['PUT', '/node/n0?dry_run=true', { mac: mac(7) }],
    ['PATCH', '/attribs/attributes?dry_run=true', { rack: 'a' }],
    ['POST', '/attribs/clone?id=DefaultAttribs&dry_run=true', { name: 'copy' }],
    ['POST', '/node/n0/groups?dry_run=true', ['DefaultAttribs']],
    ['DELETE', '/node/n0?dry_run=true', undefined],
  ];
  for (const [method, path, body] of runs) {
    const answer = await ask(method, path, body);
    t.is(answer.status, 200, `${method} ${path}: ${answer.text}`);
    const data = answer.json.data as Changed;
    t.true(data.dryRun);
    t.is(data.differences.length, 1, path);
  }
  t.is(JSON.stringify([cluster.sequence, cluster.all('node'), cluster.all('attrib')]), before);
});

test('If-Match: of two clients that read the same, the second gets a clear conflict, whatever it does', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/attribs', { name: 'gpu' });
  const read = async (): Promise<string> => String((await ask('GET', '/attrib/gpu')).headers['etag']);
  const stale = await read();
  t.is((await ask('PATCH', '/attrib/gpu', { description: 'first' }, { 'if-match': stale })).status, 200);
  const text = 'gpu was changed by somebody else after you read it; read it again and retry.';
  const attempts: [string, string, unknown][] = [
    ['PATCH', '/attrib/gpu', { description: 'second' }],
    ['PATCH', '/attribs?id=gpu', { description: 'second' }],
    ['PUT', '/attrib/gpu', { name: 'gpu' }],
    ['PATCH', '/attrib/gpu/attributes', { rack: 'b' }],
    ['PATCH', '/attribs/attributes?id=gpu', { rack: 'b' }],
    ['POST', '/attribs/clone?id=gpu', { name: 'copy' }],
    ['DELETE', '/attrib/gpu', undefined],
    ['DELETE', '/attribs?id=gpu', undefined],
  ];
  for (const [method, path, body] of attempts)
    refused(t, await ask(method, path, body, { 'if-match': stale }), 409, 'conflict', text);
  t.is(cluster.byName('attrib', 'gpu')?.value.description, 'first');
  const fresh = await read();
  t.is((await ask('PATCH', '/attrib/gpu', { description: 'second' }, { 'if-match': `"x", ${fresh}` })).status, 200);
  refused(
    t,
    await ask('PATCH', '/attribs?all=true', { description: 'all' }, { 'if-match': fresh }),
    400,
    'bad-usage',
    'If-Match applies to exactly one object.',
  );
});

test('a new object of an old name is another one for If-Match', async t => {
  const { ask } = await world(t);
  await ask('POST', '/attribs', { name: 'gpu' });
  const stale = String((await ask('GET', '/attrib/gpu')).headers['etag']);
  await ask('DELETE', '/attrib/gpu');
  await ask('POST', '/attribs', { name: 'gpu' });
  t.is((await ask('DELETE', '/attrib/gpu', undefined, { 'if-match': stale })).status, 409);
});

test('objects in use are not deleted; force reports what it breaks', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/bootconfigs', { name: 'xyzBoot' });
  await ask('PATCH', '/attribs/attributes', { _boot_config: 'xyzBoot' });
  await ask('POST', '/nodes', { mac: mac(1), attributes: { _boot_config: 'xyzBoot' } });
  refused(
    t,
    await ask('DELETE', '/bootconfig/xyzBoot'),
    409,
    'in-use',
    'The boot config xyzBoot is used by node n0, attribute group DefaultAttribs; change those first, or delete with --force.',
  );
  const dry = await ask('DELETE', '/bootconfig/xyzBoot?force=true&dry_run=true');
  const broken = ['node n0 loses xyzBoot', 'attribute group DefaultAttribs loses xyzBoot'];
  t.deepEqual((dry.json.data as Changed).broken, broken);
  t.deepEqual(namesOf(cluster, 'boot'), ['xyzBoot']);
  const forced = await ask('DELETE', '/bootconfig/xyzBoot?force=true');
  t.deepEqual((forced.json.data as Changed).broken, broken);
  t.deepEqual(namesOf(cluster, 'boot'), []);
  t.deepEqual(cluster.byName('node', 'n0')?.value.attributes, {});
});

test('a frozen object refuses every change until it is thawed', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/bootconfigs', { name: 'xyzBoot' });
  await ask('PATCH', '/bootconfig/xyzBoot', { frozen: 'true' });
  const text = "The boot config xyzBoot is frozen; run 'update frozen=false' first.";
  for (const [method, path, body] of [
    ['PATCH', '/bootconfig/xyzBoot', { name: 'NewName' }],
    ['PUT', '/bootconfig/xyzBoot', { name: 'xyzBoot' }],
    ['DELETE', '/bootconfig/xyzBoot?force=true', undefined],
    ['PATCH', '/bootconfigs?all=true', { cmdline: 'x' }],
  ] as const)
    refused(t, await ask(method, path, body), 409, 'frozen', text);
  t.is((await ask('PATCH', '/bootconfig/xyzBoot', { frozen: 'false' })).status, 200);
  t.is((await ask('DELETE', '/bootconfig/xyzBoot')).status, 200);
  t.deepEqual(namesOf(cluster, 'boot'), []);
});

test('clone takes exactly one object', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/bootconfigs', [{ name: 'a' }, { name: 'b' }]);
  refused(
    t,
    await ask('POST', '/bootconfigs/clone', { name: 'c' }),
    400,
    'bad-usage',
    'Nothing is selected: give id=… or all=true.',
  );
  refused(
    t,
    await ask('POST', '/bootconfigs/clone?id=a&id=b', { name: 'c' }),
    409,
    'ambiguous-id',
    'The selection names 2 bootconfigs; expected exactly one.',
  );
  t.is((await ask('POST', '/bootconfigs/clone?id=a', { name: 'c' })).status, 201);
  t.deepEqual(namesOf(cluster, 'boot'), ['a', 'b', 'c']);
});

test('no password comes out: not in lists, differences, the audit trail or events', async t => {
  const { ask, store } = await world(t);
  const uri = 'ipmi:///admin:geheim@172.45.88.1';
  const command = (text: string) => ({ 'x-muster-user': 'anna', 'x-muster-command': encodeURIComponent(text) });
  const texts: string[] = [];
  texts.push(
    (await ask('POST', '/nodes', { mac: mac(1), power_uri: uri }, command(`node create power_uri=${uri}`))).text,
  );
  const changed = await ask(
    'PATCH',
    '/node/n0',
    { power_uri: uri.replace('geheim', 'geheim2') },
    command(`node -i n0 update power_uri=${uri} bmc_password=geheim`),
  );
  texts.push(changed.text, (await ask('GET', '/nodes')).text, JSON.stringify(await store.audit({ limit: 100 })));
  for (const text of texts) t.false(text.includes('geheim'), text);
  const [difference] = (changed.json.data as Changed).differences;
  t.deepEqual(difference?.fields['power_uri'], {
    before: 'ipmi:///admin:***@172.45.88.1',
    after: 'ipmi:///admin:***@172.45.88.1',
  });
  const trail = await store.audit({ limit: 1 });
  t.is(trail[0]?.who, 'anna');
  t.is(trail[0]?.what, 'node -i n0 update power_uri=ipmi:///admin:***@172.45.88.1 bmc_password=***');
});

test('a header that cannot be read harms nothing', async t => {
  const { ask, store } = await world(t);
  const headers = { 'x-muster-user': 'a b\tc', 'x-muster-command': '%E0%A4%A' };
  t.is((await ask('POST', '/nodes', { mac: mac(1) }, headers)).status, 201);
  t.like((await store.audit({ limit: 1 }))[0], { who: 'unknown', what: 'create nodes' });
});

test('ten thousand nodes come and go in one commit each', async t => {
  const { ask, cluster } = await world(t, { network: '10.54.0.1/16' });
  const nodes = Array.from({ length: 10_000 }, (_, index) => ({
    mac: `52:54:01:${[index >> 16, index >> 8, index].map(part => (part & 255).toString(16).padStart(2, '0')).join(':')}`,
  }));
  await ask('PATCH', '/namingpool/default', { size: 30_000 });
  const before = cluster.sequence;
  t.is((await ask('POST', '/nodes', nodes)).status, 201);
  t.is(cluster.sequence, before + 1);
  t.is(cluster.count('node'), 10_000);
  t.is((await ask('POST', '/nodes', [{ mac: '52:54:02:00:00:00' }, nodes[5000]])).status, 409);
  t.is(cluster.count('node'), 10_000);
  t.is((await ask('DELETE', '/nodes?all=true')).status, 200);
  t.is(cluster.count('node'), 0);
  t.is(cluster.sequence, before + 2);
});

test('explain: each value with its source and what it hides, and the plan in words', async t => {
  const { ask } = await world(t);
  await ask('POST', '/bootconfigs', { name: 'DefaultBoot' });
  await ask('POST', '/attribs', { name: 'gpu', attributes: { _boot_style: 'roram' } });
  await ask('PATCH', '/attribs/attributes', { _boot_config: 'DefaultBoot', _boot_style: 'rwram' });
  await ask('POST', '/nodes', { mac: mac(1), groups: 'gpu', attributes: { _no_boot: 'yes' } });
  const [node] = (await ask('GET', '/nodes/explain?id=n0')).json.data as Explained[];
  t.deepEqual(node?.attributes['_boot_style'], {
    value: 'roram',
    source: 'group gpu',
    shadows: [{ value: 'rwram', source: 'default group DefaultAttribs' }],
  });
  t.deepEqual(node?.words, [
    'DHCP does not answer it: _no_boot=yes (node n0).',
    'It boots nothing: the boot config DefaultBoot has no kernel; update kernel=@FILE.',
  ]);
});

test('the fields of each kind, who asks, the clock, the heads, the settings', async t => {
  const { ask } = await world(t);
  const meta = (await ask('GET', '/nodes/meta')).json.data as { name: string; required: boolean }[];
  t.like(
    meta.find(field => field.name === 'mac'),
    { required: true, meaning: 'hardware address of the boot interface' },
  );
  t.like((await ask('GET', '/whoami', undefined, { 'x-muster-user': 'anna' })).json, {
    data: { user: 'anna', head: 'head1' },
  });
  t.is(typeof (await ask('GET', '/cluster/time')).json.data, 'number');
  t.like((await ask('GET', '/heads')).json, { data: [{ name: 'head1', address: '10.54.0.1/24' }] });
  t.like((await ask('GET', '/cluster')).json, { data: { default_group: 'DefaultAttribs', accept_new_nodes: false } });
  t.is((await ask('PATCH', '/cluster/cluster', { accept_new_nodes: 'True' })).status, 200);
  t.like((await ask('GET', '/cluster')).json, { data: { accept_new_nodes: true } });
});

test('PUT replaces, PATCH merges, POST appends groups', async t => {
  const { ask, cluster } = await world(t);
  await ask('POST', '/attribs', [{ name: 'g1' }, { name: 'g2' }]);
  await ask('POST', '/nodes', { mac: mac(1), groups: 'g1', description: 'old', cmdline: 'quiet' });
  await ask('PATCH', '/node/n0', { cmdline: 'debug' });
  t.like(cluster.byName('node', 'n0')?.value, { description: 'old', cmdline: 'debug' });
  await ask('POST', '/node/n0/groups', ['g2']);
  t.is(cluster.byName('node', 'n0')?.value.groups.length, 2);
  await ask('PUT', '/node/n0', { mac: mac(1), description: 'new' });
  t.like(cluster.byName('node', 'n0')?.value, { description: 'new', cmdline: '', groups: [], ip: '10.54.0.100' });
});

test('references are given and shown as names, and follow a renamed object', async t => {
  const { ask } = await world(t);
  await ask('POST', '/images', { name: 'DefaultImage' });
  await ask('POST', '/bootconfigs', { name: 'DefaultBoot', image: 'DefaultImage' });
  await ask('PATCH', '/image/DefaultImage', { name: 'mpiImage' });
  t.is(((await ask('GET', '/bootconfig/DefaultBoot')).json.data as Shown)['image'], 'mpiImage');
});

test('waiting for nodes ends with a result when one of them is deleted', async t => {
  const { ask } = await world(t);
  await ask('POST', '/nodes', [{ mac: mac(1) }, { mac: mac(2) }]);
  const waiting = ask('GET', '/nodes/waitfor?all=true&wanted=up&timeout=600');
  // The head has taken the question when it answers the next one on the same kind of connection.
  await ask('GET', '/health');
  await ask('DELETE', '/nodes?id=n1');
  const { json } = await waiting;
  t.like(json, { success: true, data: { reached: false, deleted: ['n1'], nodes: [{ name: 'n0' }] } });
});
