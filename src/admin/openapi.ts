// The OpenAPI 3.1 document of the admin API, made from the routes as they are registered and the schemas of the kinds.
import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import { ERRORS } from '../errors.ts';
import { fieldsOf, KIND_NAMES, KINDS, type Kind } from '../model/kinds.ts';
import { type About, type Body, PARAMETERS } from './about.ts';

type Json = Record<string, unknown>;

export function openApiDocument(routes: readonly RouteOptions[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const { url, method, config } of routes) {
    // Fastify answers HEAD by itself wherever there is a GET.
    if (typeof method !== 'string' || method === 'HEAD' || !config?.about) continue;
    const path = url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(url, config.about) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'muster admin API',
      version,
      description: 'HTTP on the Unix socket of musterd. Errors have a `code` of the table in docs/errors.md.',
    },
    servers: [{ url: 'http://localhost', description: 'the Unix socket `paths.socket`' }],
    paths,
    components: { schemas: schemas() },
  };
}

function operation(url: string, about: About): Json {
  const inPath = Array.from(url.matchAll(/:(\w+)/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: PARAMETERS.id,
    schema: { type: 'string' },
  }));
  const inQuery = (about.query ?? []).map(name => ({
    name,
    in: 'query',
    description: PARAMETERS[name],
    schema: { type: ['string', 'array'], items: { type: 'string' } },
  }));
  const tag = {
    name: 'If-Match',
    in: 'header',
    description: 'the ETag of the one object that was read',
    schema: { type: 'string' },
  };
  return {
    summary: about.summary,
    parameters: [...inPath, ...inQuery, ...(about.ifMatch ? [tag] : [])],
    ...(about.body && { requestBody: { required: true, content: requestContent(about.body) } }),
    responses: {
      '2XX': { description: 'done', content: answer(about) },
      default: { description: 'refused', content: { 'application/json': { schema: reference('Refusal') } } },
    },
  };
}

function requestContent(body: Body): Json {
  if ('contentMediaType' in body) return { [String(body['contentMediaType'])]: { schema: body } };
  return { 'application/json': { schema: bodySchema(body) } };
}

function bodySchema(body: Body): Json {
  if (!isFields(body)) return body;
  const whole = reference(`New_${KINDS[body.kind].one}`);
  if (body.fields === 'some') return reference(`Some_${KINDS[body.kind].one}`);
  return body.fields === 'one' ? whole : { oneOf: [whole, { type: 'array', items: whole }] };
}

function isFields(body: Body): body is Extract<Body, { kind: Kind }> {
  return 'kind' in body && typeof body['kind'] === 'string' && 'fields' in body;
}

function answer({ data, raw }: About): Json {
  if (raw) return { [raw]: {} };
  const schema =
    typeof data === 'object'
      ? data.list
        ? { type: 'array', items: reference(KINDS[data.kind].one) }
        : reference(KINDS[data.kind].one)
      : { description: data ?? '' };
  const properties = { success: { const: true }, data: schema };
  return { 'application/json': { schema: { type: 'object', properties, required: ['success', 'data'] } } };
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

/** An object as it is answered. */
function shownSchema(kind: Kind): Json {
  const whole = z.toJSONSchema(KINDS[kind].schema, { unrepresentable: 'any', io: 'input' }) as Json;
  const properties = {
    uid: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    revision: { type: 'integer', description: 'counts up with each change' },
    created: { type: 'integer', description: 'milliseconds since 1970' },
    modified: { type: 'integer', description: 'milliseconds since 1970' },
    ...bare(whole['properties'] as Record<string, Json>, kind),
  };
  return { type: 'object', properties, required: Object.keys(properties) };
}

/** The fields as they may be given: a text is accepted for each, and a finished upload for a file. */
function givenSchema(kind: Kind, isNew: boolean): Json {
  const whole = z.toJSONSchema(KINDS[kind].schema, { unrepresentable: 'any', io: 'input' }) as Json;
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

/** References are given and shown as names: the UID's pattern is not theirs; the marks of the field table are not JSON schema. */
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
        ? { ...type, description: `${meaning} (name or UID of a ${KINDS[meta.refers].label})` }
        : schema;
      return [name, readOnly ? { ...shape, readOnly: true } : shape];
    }),
  );
}

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
