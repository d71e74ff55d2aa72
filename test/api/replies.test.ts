// Every operation of the admin API with its status and the shape of its reply, as scripts and other programs rely on it.
// After a wanted change: UPDATE_REPLIES=1 npx ava dist/test/api/replies.test.js
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { writeTree } from '../../src/files/archive.ts';
import { KIND_NAMES, KINDS } from '../../src/model/kinds.ts';
import { packageRoot } from '../../src/package-root.ts';
import { type Answer, ask, fakeKernel, startWorld } from '../admin/world.ts';
import { file } from '../files/build.ts';
import { temporaryFolder } from '../store/folder.ts';

const RECORD = join(packageRoot, 'test/api/replies.json');
const MAC = '02:00:00:00:00:';

type Json = Record<string, unknown>;

/** The types of a value's parts; of a list, those of its first item. */
function shapeOf(value: unknown): unknown {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object') return typeof value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map(name => [name, shapeOf((value as Json)[name])]));
}

/** In one line: the status, the media type, and the shape of JSON or of each line. */
function recordOf({ status, headers, text, json }: Answer): string {
  const type = String(headers['content-type'] ?? '');
  const shapes = type.startsWith('application/json')
    ? [
        json['openapi'] !== undefined
          ? 'the document'
          : { ...(shapeOf(json) as object), ...(json.code && { code: json.code }) },
      ]
    : type.startsWith('application/x-ndjson')
      ? text
          .trim()
          .split('\n')
          .map(line => shapeOf(JSON.parse(line)))
      : [];
  const words = shapes.map(shape => JSON.stringify(shape).replaceAll('"', ''));
  return [status, type, ...(headers['etag'] ? ['ETag'] : []), ...words].join(' ');
}

/** What is asked, in this order: each row a method, a path and a body. */
function* questions(): Generator<[string, string, unknown?]> {
  yield ['POST', '/attribs', [{ name: 'DefaultAttribs', attributes: { rack: '1' } }, { name: 'gpu' }]];
  yield ['POST', '/namingpools?dry_run=true', { name: 'odd', pattern: 'c{:03d}' }];
  yield ['POST', '/images', { name: 'DefaultImage' }];
  yield ['POST', '/filesets', { name: 'base-files' }];
  yield ['POST', '/bootconfigs', { name: 'DefaultBoot', image: 'DefaultImage' }];
  yield ['POST', '/nodes', [{ mac: `${MAC}01` }, { mac: `${MAC}02` }]];
  yield ['POST', '/nodes', { mac: 'nonsense' }];
  yield ['POST', '/nodes', 'nonsense'];
  yield ['POST', '/nodes', '"nonsense"'];
  yield ['POST', '/repos', { name: 'base', urls: 'http://mirror.example.com/os/' }];
  yield ['POST', '/distros', { name: 'Nine', repos: 'base' }];
  yield [
    'POST',
    '/distros/import?dry_run=true',
    { name: 'Ten', repos: [{ name: 'new', urls: 'http://a/' }], present: ['base'] },
  ];
  yield ['POST', '/distros/import', { name: 'Ten', repos: 'base' }];
  yield ['POST', '/namingpools', { name: 'odd', pattern: 'c{:03d}' }];
  for (const kind of KIND_NAMES) {
    const { one, many } = KINDS[kind];
    const name = {
      node: 'n0',
      attrib: 'gpu',
      boot: 'DefaultBoot',
      image: 'DefaultImage',
      files: 'base-files',
      repo: 'base',
      distro: 'Nine',
      pool: 'odd',
      head: 'head1',
      cluster: 'cluster',
    }[kind];
    yield ['GET', `/${many}`];
    yield ['GET', `/${many}?id=nothing`];
    yield ['GET', `/${one}/${name}`];
    yield ['GET', `/${one}/nothing?unknown=1`];
    yield ['GET', `/${many}/meta`];
    yield ['GET', `/${many}/names?prefix=n`];
    const fields =
      kind === 'node'
        ? { mac: `${MAC}01`, description: 'x' }
        : { name, ...(kind === 'pool' && { pattern: 'd{}' }), description: 'x' };
    for (const method of ['PATCH', 'PUT'])
      for (const path of [
        `/${many}?id=${name}&dry_run=true`,
        `/${one}/${name}?dry_run=true`,
        ...(kind === 'cluster' ? [`/${one}?dry_run=true`] : []),
      ])
        yield [method, path, method === 'PATCH' ? { description: 'x' } : fields];
    yield ['PATCH', `/${many}`, { description: 'x' }];
    yield ['PATCH', `/${many}?id=${name}`, { nonsense: 'x' }];
    yield ['PATCH', `/${many}?id=${name}`, '[1]'];
    if (kind === 'cluster') continue;
    if (kind !== 'head')
      yield [
        'POST',
        `/${many}/clone?id=${name}&dry_run=true`,
        { name: 'copy', ...(kind === 'node' && { mac: `${MAC}09` }) },
      ];
    yield ['DELETE', `/${many}?id=${name}&force=true&dry_run=true`];
    yield ['DELETE', `/${one}/${name}?force=true&dry_run=true`];
  }
  for (const one of ['node/n0', 'attrib/gpu']) yield ['PATCH', `/${one}/attributes`, { rack: 7, old: null }];
  for (const many of ['nodes?id=n0', 'attribs'])
    yield ['PATCH', `/${many.replace(/\?|$/, '/attributes?')}`, { rack: true }];
  yield ['PATCH', '/nodes/attributes?id=n0', {}];
  yield ['PATCH', '/nodes/attributes?id=n0', { rack: ['a'] }];
  yield ['PATCH', '/nodes/attributes', { rack: 'a' }];
  yield ['PATCH', '/nodes/groups?id=n0', { join: ['gpu'] }];
  yield ['PATCH', '/nodes/groups?id=n0', { leave: ['gpu'] }];
  yield ['PATCH', '/nodes/groups?id=n0', { join: [] }];
  yield ['PATCH', '/nodes/groups?id=n0', {}];
  yield ['POST', '/node/n0/groups', ['gpu']];
  yield ['POST', '/node/n0/groups', 'gpu'];
  yield ['PATCH', '/node/n0/groups', []];
  yield ['PATCH', '/node/n0/groups', { join: ['gpu'] }];
  for (const path of [
    'status',
    'overview',
    'timeline',
    'explain',
    'why',
    'explain?secrets=true&id=n0',
    'status?state=up',
  ])
    yield ['GET', `/nodes/${path}`];
  yield ['GET', '/nodes/file?id=n0&path=/etc/hosts'];
  yield ['GET', '/nodes/file?id=n0'];
  yield ['GET', '/nodes/files/preview'];
  yield ['GET', '/nodes/files'];
  yield ['POST', '/nodes/files/release?id=n0'];
  yield ['POST', '/nodes/files/release'];
  yield ['POST', '/nodes/files/preview', { set: 'base-files', upload: 'nothing' }];
  yield ['POST', '/nodes/files/preview', { set: 'nothing', upload: 'nothing' }];
  yield ['POST', '/nodes/enroll?id=n0', { seconds: 60 }];
  yield ['POST', '/nodes/enroll?id=n0', { seconds: 1 }];
  yield ['POST', '/nodes/enroll', {}];
  yield ['GET', '/nodes/status?select=name%20%3D%3D%20n0'];
  yield ['GET', '/nodes/status?select=%3D%3D'];
  yield ['GET', '/nodes/waitfor?id=n0&wanted=unknown'];
  yield ['GET', '/nodes/waitfor?id=n0&timeout=0'];
  yield ['GET', '/nodes/waitfor?id=n0&wanted=nonsense'];
  yield ['GET', '/nodes/waitfor?id=n0&timeout=nonsense'];
  yield ['GET', '/nodes/waitfor'];
  for (const path of ['/nodes/unknown', '/firmware', '/leases', '/boots', '/kickstarts', '/attribs/used'])
    yield ['GET', path];
  yield ['GET', '/board?rows=1&sort=name&first=0&match=n'];
  for (const query of ['sort=nonsense', 'state=nonsense', 'rows=501', 'rows=x', 'first=-1', 'sort=&state=&match='])
    yield ['GET', `/board?${query}`];
  yield ['POST', '/kickstarts/fetch', { node: 'n0' }];
  yield ['POST', '/kickstarts/fetch', { node: 'nothing' }];
  yield ['POST', '/kickstarts/render', { node: 'n0', name: 'any', text: 'hostname <hostname>\n' }];
  yield ['POST', '/kickstarts/render', { node: 'n0', name: 'nothing' }];
  yield ['POST', '/kickstarts/render', { node: 'n0' }];
  for (const path of ['hosts', 'slurm?id=n0', 'hosts?port=0', 'nothing']) yield ['GET', `/exports/${path}`];
  yield ['POST', '/nodes/rehearse?id=n0', { arch: 'efi64', update: { _boot_style: 'roram', cmdline: 'quiet' } }];
  yield ['POST', '/nodes/rehearse?id=n0'];
  yield ['POST', `/nodes/rehearse?id=${MAC}77`, {}];
  yield ['POST', '/nodes/rehearse', {}];
  yield ['POST', '/nodes/rehearse?id=n0', { arch: 'nonsense' }];
  yield ['POST', '/nodes/rehearse?id=n0', { network: 'nonsense' }];
  yield ['POST', '/nodes/rehearse?id=n0', { nonsense: 1 }];
  yield ['POST', '/nodes/rehearse?id=n0', { update: { kernel: { sha256: 'no', size: 1 } } }];
  yield ['POST', '/nodes/power?id=n0&dry_run=true', { action: 'on', next: 'pxe', stagger: 1, wait: true, timeout: 5 }];
  yield ['POST', '/nodes/power?id=n0', { action: 'status' }];
  yield ['POST', '/nodes/power?id=n0', { action: 'nonsense' }];
  yield ['POST', '/nodes/power?id=n0', { action: 'on', way: 'soft' }];
  yield ['POST', '/nodes/power?id=n0', { action: 'off', next: 'pxe' }];
  yield ['POST', '/nodes/power?id=n0', { action: 'on', stagger: 3601 }];
  yield ['POST', '/nodes/power?id=n0', {}];
  yield ['POST', '/nodes/power', { action: 'on' }];
  yield ['POST', '/nodes/exec?id=n0&dry_run=true', { command: 'true', input: 'AA==', fanout: 2, timeout: 3 }];
  yield ['POST', '/nodes/exec?id=n0', { command: ' ' }];
  yield ['POST', '/nodes/exec?id=n0', { command: 'true', fanout: 1025 }];
  yield ['POST', '/nodes/exec?id=n0', { command: 'true', input: 7 }];
  yield ['GET', '/nodes/ssh?id=n0'];
  yield ['GET', '/nodes/ssh?all=true'];
  yield ['GET', '/power/drivers'];
  yield ['GET', '/power/key'];
  yield ['POST', '/nodes/console?id=n0'];
  yield ['POST', '/nodes/console?id=n0', Buffer.from('x')];
  yield ['POST', '/nodes/capture?id=n0&dry_run=true'];
  yield ['POST', '/nodes/capture?all=true'];
  for (const path of ['cluster', 'cluster/time', 'health', 'configuration', 'whoami', 'metrics', 'openapi.json'])
    yield ['GET', `/${path}`];
  yield ['GET', '/audit?limit=2&after=1'];
  yield ['GET', '/audit?node=n0'];
  yield ['GET', '/audit?limit=0'];
  yield ['GET', '/audit?after=x'];
  yield ['POST', '/storage/collect?dry_run=true', {}];
  yield ['POST', '/storage/collect'];
  yield ['POST', '/storage/verify', {}];
  yield ['POST', '/uploads', { size: -1 }];
  yield ['POST', '/uploads', { size: 'x' }];
  yield ['GET', '/upload/nothing'];
  yield ['GET', '/nothing'];
  yield ['HEAD', '/backup'];
  yield ['HEAD', '/health'];
}

test('each operation answers as it is recorded', async t => {
  const world = await startWorld(temporaryFolder(t));
  t.teardown(async () => world.stop());
  const seen: [string, string][] = [];
  const record: Record<string, string> = {};
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await ask(world.socket, method, `/api/v1${path}`, body);
    seen.push([method, `/api/v1${path.split('?')[0]}`]);
    const given = body === undefined ? '' : ` ${Buffer.isBuffer(body) ? 'bytes' : JSON.stringify(body)}`;
    record[`${method} ${path.replaceAll(/[0-9a-f]{32}/g, 'ID')}${given}`] = recordOf(answer);
    return answer;
  };
  for (const question of questions()) await send(...question);

  const kernel = fakeKernel('6.1.0');
  const upload = async (): Promise<string> =>
    ((await send('POST', '/uploads', { size: kernel.length })).json.data as { id: string }).id;
  const id = await upload();
  await send('GET', `/upload/${id}`);
  await send('PATCH', `/upload/${id}?offset=7`, kernel);
  await send('PATCH', `/upload/${id}`, kernel);
  await send('PATCH', `/upload/${id}?offset=0`, kernel);
  await ask(world.socket, 'PATCH', '/api/v1/bootconfig/DefaultBoot', { kernel: { upload: id } });
  await send('DELETE', `/upload/${await upload()}`);
  for (const path of [
    'bootconfig/DefaultBoot/kernel',
    'bootconfig/DefaultBoot/initramfs',
    'image/DefaultImage/content',
    'fileset/base-files/content',
    'repo/base/iso',
  ])
    await send('GET', `/${path}`);
  const archive = writeTree([file('/etc/motd', 'hello')]);
  const { id: set } = (await ask(world.socket, 'POST', '/api/v1/uploads', { size: archive.length })).json.data as {
    id: string;
  };
  await ask(world.socket, 'PATCH', `/api/v1/upload/${set}?offset=0`, archive);
  await ask(world.socket, 'PATCH', '/api/v1/fileset/base-files', { content: { upload: set } });
  for (const path of ['tree', 'tree?version=1', 'tree?version=2', 'paths', 'paths?prefix=/x', 'archive', 'content'])
    await send('GET', `/fileset/base-files/${path}`);
  await send('GET', '/filesets/uses');
  await send('POST', '/fileset/base-files/rollback', { version: 1 });
  await send('POST', '/fileset/base-files/rollback', { version: 'x' });
  await send('GET', '/backup');
  await send('DELETE', '/node/n1');
  await send('DELETE', '/nodes');

  const { paths } = (await ask(world.socket, 'GET', '/api/v1/openapi.json')).json as unknown as {
    paths: Record<string, Record<string, { parameters: { in: string; name: string }[]; requestBody?: object }>>;
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters, requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      requestBody,
    })),
  );
  for (const { method, path, parameters, requestBody } of operations)
    record[`operation ${method} ${path}`] = [
      ...parameters.map(({ in: place, name }) => `${place} ${name}`),
      ...(requestBody ? ['body'] : []),
    ]
      .sort()
      .join(', ');
  const isAsked = ({ method, path }: { method: string; path: string }): boolean => {
    const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    return seen.some(([asked, where]) => asked === method && pattern.test(where));
  };
  t.deepEqual(
    operations.filter(operation => !isAsked(operation)).map(({ method, path }) => `${method} ${path}`),
    // It never ends; test/admin/happenings.test.ts follows it
    ['GET /api/v1/events'],
  );
  if (process.env['UPDATE_REPLIES']) writeFileSync(RECORD, `${JSON.stringify(record, null, 2)}\n`);
  t.deepEqual(JSON.parse(JSON.stringify(record)), JSON.parse(readFileSync(RECORD, 'utf8')));
});
