// A JSON null at every place of every body: the operation refuses it with its schema's sentence, unless a null means something there.
import test from 'ava';
import { z } from 'zod';
import { type Operation, urlOf } from '../../src/api/operation.ts';
import { NOUNS } from '../../src/api/operations.ts';
import { fieldsOf, KIND_NAMES, type Kind } from '../../src/model/kinds.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, startWorld } from './world.ts';

type Json = Record<string, unknown>;

const ROWS = Object.values(NOUNS).flatMap(rows => Object.entries<Operation>(rows));
const MAC = '02:00:00:00:00:01';
const NAMES: Readonly<Record<Kind, string>> = {
  ...{ node: 'n0', attrib: 'gpu', boot: 'boot', image: 'image', repo: 'base', distro: 'nine', pool: 'odd' },
  ...{ files: 'base-files', head: 'head1', cluster: 'cluster' },
};

/** Attributes are cleared by a null, and a file that is not there is shown as one. */
function meansSomething(name: string, kind: Kind | undefined, field: string): boolean {
  if (name === 'set' || name === 'setOne') return field !== '';
  if (name === 'rehearse') return field === 'update._boot_style';
  return kind !== undefined && fieldsOf(kind).some(row => row.name === field && row.meta.file === true);
}

/** A body that the operation would accept. */
function bodyFor(name: string, { example }: Operation, kind: Kind | undefined): unknown {
  if (name === 'create') return { name: 'new', ...(kind === 'node' && { mac: '02:00:00:00:00:02' }) };
  return example ?? {};
}

/** The fields of a body, as its schema declares them, or those of the kind. */
function fieldsFor({ body }: Operation, kind: Kind | undefined): string[] {
  if (typeof body !== 'function') return [];
  const schema = z.toJSONSchema(body(z), { unrepresentable: 'any', io: 'input' });
  return schema.properties || !kind ? Object.keys(schema.properties ?? {}) : fieldsOf(kind).map(row => row.name);
}

/** Each part of a body replaced by null, with its place. */
function* withNulls(value: unknown, place: string[] = []): Generator<[string, unknown]> {
  yield [place.join('.'), null];
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries())
      for (const [inner, body] of withNulls(item, [...place, String(at)])) yield [inner, value.with(at, body)];
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value))
      for (const [inner, body] of withNulls(item, [...place, name])) yield [inner, { ...value, [name]: body }];
  }
}

test('a null anywhere in a body is refused with the sentence of its schema', async t => {
  const world = await startWorld(temporaryFolder(t));
  t.teardown(async () => world.stop());
  const put = async (path: string, body: unknown): Promise<void> => {
    t.is((await ask(world.socket, 'POST', `/api/v1/${path}`, body)).status, 201, path);
  };
  await put('attribs', [{ name: 'gpu' }, { name: 'rack2' }]);
  await put('images', { name: 'image' });
  await put('filesets', { name: 'base-files' });
  await put('bootconfigs', { name: 'boot' });
  await put('repos', { name: 'base' });
  await put('distros', { name: 'nine' });
  await put('namingpools', { name: 'odd', pattern: 'c{:03d}' });
  await put('nodes', { mac: MAC });
  let refusals = 0;
  for (const [name, operation] of ROWS)
    for (const kind of operation.kinds ?? [undefined]) {
      if (typeof operation.body !== 'function' || (name === 'clone' && kind === 'node')) continue;
      const base = bodyFor(name, operation, kind);
      const fields = Array.isArray(base) ? [] : fieldsFor(operation, kind);
      const bodies = [
        ...withNulls(base),
        ...fields.map(field => [field, { ...(base as Json), [field]: null }] as const),
      ];
      const id = NAMES[kind ?? 'node'];
      const { query = {} } = operation;
      const url = urlOf(operation, {
        kind,
        params: { id },
        query: { ...('id' in query && { id }), ...('dry_run' in query && { dry_run: 'true' }) },
      });
      for (const [field, body] of bodies) {
        if (meansSomething(name, kind, field)) continue;
        const { status, json } = await ask(world.socket, operation.method, url, body);
        const about = `${name} ${kind ?? ''} ${JSON.stringify(body)}: ${status} ${json.reason}`;
        t.is(status, 400, about);
        if (json.code !== 'read-only-field')
          t.regex(json.reason ?? '', / must (be|have) (?!an? array|one of ,)/, about);
        refusals += 1;
      }
    }
  t.true(refusals > 2 * KIND_NAMES.length * 10, `${refusals}`);
});

test('a null that means something clears, and leaves the rest', async t => {
  const world = await startWorld(temporaryFolder(t));
  t.teardown(async () => world.stop());
  await ask(world.socket, 'POST', '/api/v1/nodes', { mac: MAC, attributes: { rack: '1', row: '2' } });
  t.is((await ask(world.socket, 'PATCH', '/api/v1/node/n0/attributes', { rack: null })).status, 200);
  const { data } = (await ask(world.socket, 'GET', '/api/v1/node/n0')).json;
  t.deepEqual((data as Json)['attributes'], { row: '2' });
});

test('the sentence names the entry of a list, and an absent body is not a null', async t => {
  const world = await startWorld(temporaryFolder(t));
  t.teardown(async () => world.stop());
  await ask(world.socket, 'POST', '/api/v1/nodes', { mac: MAC });
  const reason = async (method: string, path: string, body?: unknown): Promise<string | undefined> =>
    (await ask(world.socket, method, `/api/v1/${path}`, body)).json.reason;
  t.is(
    await reason('PATCH', 'node/n0/groups', ['gpu', null]),
    'The body must be a list of names of attribute groups (entry 2).',
  );
  t.is(
    await reason('POST', 'distros/import', { name: 'x', repos: [{ name: 'a' }, null] }),
    'repos must be names with values (entry 2).',
  );
  t.is(
    await reason('POST', 'distros/import', { name: 'x', present: [null] }),
    'present must be the name of a repo (entry 1).',
  );
  t.is(await reason('POST', 'nodes/rehearse?id=n0', 'null'), 'The body must be a JSON object.');
  t.is(await reason('POST', 'nodes/rehearse?id=n0'), undefined);
  t.is(
    await reason('POST', 'nodes/power?id=n0', { action: 'status', wait: 'true' }),
    "wait='true' must be true or false.",
  );
});
