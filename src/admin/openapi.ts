// The OpenAPI 3.1 document of the admin API, generated from the table of operations and the schemas of the kinds.
import { z } from 'zod';
import { newFields, newFieldsOfMany, shown, shownList, someFields } from '../api/objects.ts';
import { MAY_IN_WORDS, type Operation, pathOf } from '../api/operation.ts';
import { NOUNS } from '../api/operations.ts';
import { ERRORS } from '../errors.ts';
import { oneOf } from '../model/kind-words.ts';
import { fieldsOf, KIND_NAMES, KINDS, type Kind } from '../model/kinds.ts';
import { own } from '../own.ts';
import { LINES } from './lines.ts';

type Json = Record<string, unknown>;

const IN_PATH: Readonly<Record<string, string>> = {
  id: 'an identifier: name, UID, UID prefix; nodes also MAC and IP',
  field: 'a field with a stored file',
};

export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, operation] of Object.values(NOUNS).flatMap(rows => Object.entries<Operation>(rows)))
    for (const kind of operation.kinds ?? [undefined]) {
      const path = pathOf(operation, kind).replace(/:(\w+)/g, '{$1}');
      const described = { operationId: idOf(name, operation, kind), ...describe(operation, kind) };
      paths[path] = { ...paths[path], [operation.method.toLowerCase()]: described };
    }
  return {
    openapi: '3.1.0',
    info: {
      title: 'muster admin API',
      version,
      description: 'HTTP on the Unix socket of musterd. Errors have a `code` from the table in docs/errors.md.',
    },
    servers: [{ url: 'http://localhost', description: 'the Unix socket `paths.socket`' }],
    paths,
    components: { schemas: schemas() },
  };
}

/** The name of the row, with that of the kind: `listNodes`, `getNode`. */
function idOf(name: string, { path }: Operation, kind: Kind | undefined): string {
  if (!kind) return name;
  const word = KINDS[kind][path.includes('{many}') ? 'many' : 'one'];
  return `${name}${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

/** Returns a text with the names of a kind filled in. */
function inWords(text: string, kind: Kind | undefined): string {
  return kind
    ? text
        .replaceAll('{a label}', oneOf(kind))
        .replaceAll('{label}', KINDS[kind].label)
        .replaceAll('{many}', KINDS[kind].many)
    : text;
}

function describe(operation: Operation, kind: Kind | undefined): Json {
  const { path, query = {}, ifMatch, summary, may, body, example } = operation;
  const text = { type: 'string' };
  const inPath = Array.from(path.matchAll(/:(\w+)/g), ([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: own(IN_PATH, name),
    schema: text,
  }));
  const inQuery = Object.entries(query).map(([name, make]) => {
    const { description, ...schema } = jsonSchema(make(z));
    const required = !make(z).safeParse(undefined).success;
    return { name, in: 'query', ...(required && { required }), description, schema };
  });
  const tag = { name: 'If-Match', in: 'header', description: 'the ETag of the one object that was read', schema: text };
  const media = { schema: bodySchema(body, kind), ...(example !== undefined && { example }) };
  return {
    summary: inWords(summary, kind),
    'x-may': MAY_IN_WORDS[may],
    parameters: [...inPath, ...inQuery, ...(ifMatch ? [tag] : [])],
    ...(body && {
      requestBody: {
        required: true,
        content: { [body === 'bytes' ? 'application/octet-stream' : 'application/json']: media },
      },
    }),
    responses: {
      '2XX': { description: 'done', content: answer(operation, kind) },
      default: { description: 'refused', content: { 'application/json': { schema: reference('Refusal') } } },
    },
  };
}

function bodySchema(body: Operation['body'], kind: Kind | undefined): Json {
  if (body === undefined || body === 'bytes') return { type: 'string', contentMediaType: 'application/octet-stream' };
  const { one } = KINDS[kind ?? 'cluster'];
  const whole = reference(`New_${one}`);
  if (body === newFields) return whole;
  if (body === someFields) return reference(`Some_${one}`);
  return body === newFieldsOfMany ? { oneOf: [whole, { type: 'array', items: whole }] } : jsonSchema(body(z));
}

function answer({ reply, output }: Operation, kind: Kind | undefined): Json {
  const one = reference(KINDS[kind ?? 'cluster'].one);
  const schema =
    output === shown ? one : output === shownList ? { type: 'array', items: one } : output ? jsonSchema(output(z)) : {};
  if (reply === 'lines') return { [LINES]: { schema } };
  if (reply !== 'json') return { [reply.replace(/;.*/, '')]: {} };
  const properties = { success: { const: true }, data: schema };
  return { 'application/json': { schema: { type: 'object', properties, required: ['success', 'data'] } } };
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _version, ...json } = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as Json;
  return json;
}

function schemas(): Json {
  const result: Json = {
    Refusal: {
      type: 'object',
      properties: {
        success: { const: false },
        reason: { type: 'string', description: 'a sentence for the administrator' },
        code: { enum: Object.keys(ERRORS) },
        hint: { type: 'string' },
      },
      required: ['success', 'reason', 'code'],
    },
  };
  for (const kind of KIND_NAMES) {
    const { one } = KINDS[kind];
    result[one] = shownSchema(kind);
    result[`New_${one}`] = givenSchema(kind, true);
    result[`Some_${one}`] = givenSchema(kind, false);
  }
  return result;
}

/** Returns the schema of an object in an answer. */
function shownSchema(kind: Kind): Json {
  const whole = jsonSchema(KINDS[kind].schema);
  const properties = {
    uid: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    revision: { type: 'integer', description: 'counts up with each change' },
    created: { type: 'integer', description: 'milliseconds since 1970' },
    modified: { type: 'integer', description: 'milliseconds since 1970' },
    ...bare(whole['properties'] as Record<string, Json>, kind),
  };
  return { type: 'object', properties, required: Object.keys(properties) };
}

/** Returns the schema of fields in a request: each accepts a text, and a file accepts a finished upload. */
function givenSchema(kind: Kind, isNew: boolean): Json {
  const whole = jsonSchema(KINDS[kind].schema);
  const all = bare(whole['properties'] as Record<string, Json>, kind);
  const rows = fieldsOf(kind).filter(row => !row.meta.readOnly);
  const properties = Object.fromEntries(
    rows.map(({ name, meta, meaning }): [string, unknown] => [
      name,
      meta.file ? { type: 'object', description: meaning, properties: { upload: { type: 'string' } } } : all[name],
    ]),
  );
  const required = isNew ? rows.flatMap(row => (row.meta.required ? [row.name] : [])) : [];
  return { type: 'object', properties, additionalProperties: false, ...(required.length > 0 && { required }) };
}

/** References are given and shown as names, so the pattern of UIDs does not apply; the marks of the field table are not JSON schema. */
function bare(properties: Record<string, Json>, kind: Kind): Record<string, Json> {
  return Object.fromEntries(
    fieldsOf(kind).map(({ name, meta, meaning }): [string, Json] => {
      const {
        readOnly,
        file: _file,
        refers: _refers,
        required: _required,
        history: _history,
        secret: _secret,
        address: _address,
        ...schema
      } = properties[name] ?? {};
      const type =
        properties[name]?.['type'] === 'array' ? { type: 'array', items: { type: 'string' } } : { type: 'string' };
      const shape = meta.refers
        ? { ...type, description: `${meaning} (name or UID of ${oneOf(meta.refers)})` }
        : schema;
      return [name, readOnly ? { ...shape, readOnly: true } : shape];
    }),
  );
}

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
