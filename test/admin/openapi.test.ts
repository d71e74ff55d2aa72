import test from 'ava';
import { KIND_NAMES, KINDS } from '../../src/model/kinds.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, startWorld } from './world.ts';

type Json = Record<string, unknown>;

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Json | undefined)?.[name], value);
}

/** Every `$ref` in the document. */
function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' ? [inner] : references(inner),
  );
}

test('the OpenAPI document has every route, with a summary, and nothing dangles in it', async t => {
  const world = await startWorld(temporaryFolder(t));
  t.teardown(async () => world.stop());
  const document = (await ask(world.socket, 'GET', '/api/v1/openapi.json')).json;
  t.is(document['openapi'], '3.1.0');
  const paths = document['paths'] as Record<string, Record<string, Json>>;
  for (const kind of KIND_NAMES) {
    const { one, many } = KINDS[kind];
    t.truthy(paths[`/api/v1/${many}`]?.['get'], many);
    t.deepEqual(
      at(
        paths,
        `/api/v1/${one}/{id}`,
        'get',
        'responses',
        '2XX',
        'content',
        'application/json',
        'schema',
        'properties',
        'data',
      ),
      {
        $ref: `#/components/schemas/${one}`,
      },
    );
  }
  for (const [path, methods] of Object.entries(paths)) {
    t.true(path.startsWith('/api/v1/'), path);
    for (const [method, operation] of Object.entries(methods)) t.truthy(operation['summary'], `${method} ${path}`);
  }
  const ids = Object.values(paths).flatMap(methods => Object.values(methods).map(one => String(one['operationId'])));
  t.deepEqual(
    ids.filter((id, index) => !/^[a-z]\w+$/.test(id) || ids.indexOf(id) !== index),
    [],
    'each operation has an id, and no two the same',
  );
  t.true(ids.includes('listNodes') && ids.includes('getNode') && ids.includes('rehearse'));
  const parameters = at(paths, '/api/v1/upload/{id}', 'patch', 'parameters') as Json[];
  t.like(
    parameters.find(({ name }) => name === 'offset'),
    { required: true },
  );
  const schemas = at(document, 'components', 'schemas') as Json;
  for (const reference of references(document))
    t.truthy(schemas[reference.replace('#/components/schemas/', '')], reference);
});

test('the schemas are those of the field table', async t => {
  const world = await startWorld(temporaryFolder(t));
  t.teardown(async () => world.stop());
  const schemas = at((await ask(world.socket, 'GET', '/api/v1/openapi.json')).json, 'components', 'schemas') as Json;
  t.deepEqual(at(schemas, 'New_node', 'required'), ['mac']);
  t.is(at(schemas, 'New_bootconfig', 'properties', 'release'), undefined, 'what is read only cannot be given');
  t.deepEqual(at(schemas, 'New_bootconfig', 'properties', 'boot_style', 'enum'), [
    'rwram',
    'roram',
    'iscsi',
    'disked',
    'live',
    'next',
    'sanboot',
  ]);
  t.is(at(schemas, 'bootconfig', 'properties', 'release', 'readOnly'), true);
  t.deepEqual(at(schemas, 'New_bootconfig', 'properties', 'kernel', 'properties'), { upload: { type: 'string' } });
  t.is(at(schemas, 'Some_node', 'required'), undefined);
});
