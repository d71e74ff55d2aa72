// Routes of the objects: the same for every kind, plural for many at once, singular with an identifier for one.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MusterError } from '../errors.ts';
import { planAttributes, planClone, planCreate, planDelete, planGroups, planUpdate } from '../model/changes.ts';
import type { Entry } from '../model/cluster.ts';
import type { Input } from '../model/fields.ts';
import { KIND_NAMES, KINDS, type Kind } from '../model/kinds.ts';
import { select, selectOne } from '../model/select.ts';
import { checkIfMatch, revisionTag } from './commander.ts';
import { isDryRun, isSelecting, listed, objectBody, type Query, selected, whatOf, whoOf } from './requests.ts';
import type { AdminPorts } from './server.ts';
import { show } from './show.ts';
import { splitUploads, storeUploads } from './stored-files.ts';

export function objectRoutes(server: FastifyInstance, ports: AdminPorts): void {
  for (const kind of KIND_NAMES) {
    readRoutes(server, ports, kind);
    if (kind !== 'cluster') createRoutes(server, ports, kind);
    changeRoutes(server, ports, kind);
  }
  groupRoutes(server, ports);
}

type Asked = FastifyRequest<{ Querystring: Query; Params: { id: string } }>;

function readRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { one, many } = KINDS[kind];
  server.get(`/api/v1/${many}`, async (request: Asked) => {
    const entries = listed(ports, kind, request.query);
    return { success: true, data: entries.map(entry => show(ports.cluster, entry)) };
  });
  server.get(`/api/v1/${one}/:id`, async (request: Asked, reply) => {
    const entry = selectOne(ports.cluster, kind, request.params.id);
    reply.header('ETag', revisionTag(entry));
    return { success: true, data: show(ports.cluster, entry) };
  });
}

function createRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { many } = KINDS[kind];
  server.post(`/api/v1/${many}`, async (request: Asked, reply) => {
    const bodies = Array.isArray(request.body) ? request.body.map(objectBody) : [objectBody(request.body)];
    const dryRun = isDryRun(request.query);
    const split = bodies.map(body => splitUploads(kind, body));
    const inputs = split.map(part => part.fields);
    // Refused names and values are found before any upload is stored.
    if (split.some(part => part.uploads.size > 0)) planCreate(ports.context, kind, inputs);
    const fixed: Input[] = [];
    if (!dryRun) for (const part of split) fixed.push(await storeUploads(ports, part.uploads));
    const data = await ports.commander.perform({
      who: whoOf(request),
      what: whatOf(request, `create ${many}`),
      dryRun,
      plan: () => planCreate(ports.context, kind, inputs, fixed),
    });
    return reply.code(dryRun ? 200 : 201).send({ success: true, data });
  });
  server.post(`/api/v1/${many}/clone`, async (request: Asked, reply) => {
    const fields = objectBody(request.body);
    const id = String([request.query['id'] ?? ''].flat()[0]);
    const data = await ports.commander.perform({
      who: whoOf(request),
      what: whatOf(request, `clone ${id}`),
      dryRun: isDryRun(request.query),
      plan: () => planClone(ports.context, selectOne(ports.cluster, kind, id), fields),
    });
    return reply.code(201).send({ success: true, data });
  });
}

function changeRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { one, many } = KINDS[kind];
  const update = async (request: Asked, choose: () => readonly Entry[]) => {
    const { fields, uploads } = splitUploads(kind, objectBody(request.body));
    const dryRun = isDryRun(request.query);
    // Frozen objects and wrong values are found before the upload is stored.
    planUpdate(ports.context, kind, choose(), { ...fields });
    const fixed = dryRun ? {} : await storeUploads(ports, uploads);
    const data = await ports.commander.perform({
      who: whoOf(request),
      what: whatOf(request, `update ${many}`),
      dryRun,
      plan: () => {
        const entries = choose();
        checkIfMatch(request.headers['if-match'], entries);
        return planUpdate(ports.context, kind, entries, fields, fixed);
      },
    });
    return { success: true, data };
  };
  server.patch(`/api/v1/${many}`, async (request: Asked) =>
    update(request, () => selected(ports, kind, request.query)),
  );
  server.patch(`/api/v1/${one}/:id`, async (request: Asked) =>
    update(request, () => [selectOne(ports.cluster, kind, request.params.id)]),
  );

  const remove = async (request: Asked, choose: () => readonly Entry[]) => {
    const force = request.query['force'] === 'true';
    const data = await ports.commander.perform({
      who: whoOf(request),
      what: whatOf(request, `delete ${many}`),
      dryRun: isDryRun(request.query),
      plan: () => {
        const entries = choose();
        checkIfMatch(request.headers['if-match'], entries);
        return planDelete(ports.cluster, entries, force);
      },
    });
    return { success: true, data };
  };
  server.delete(`/api/v1/${many}`, async (request: Asked) =>
    remove(request, () => selected(ports, kind, request.query)),
  );
  server.delete(`/api/v1/${one}/:id`, async (request: Asked) =>
    remove(request, () => [selectOne(ports.cluster, kind, request.params.id)]),
  );
}

/** `set`, `clear`, `join`, `leave`. */
function groupRoutes(server: FastifyInstance, ports: AdminPorts): void {
  for (const kind of ['node', 'attrib'] as const) {
    server.patch(`/api/v1/${KINDS[kind].many}/attributes`, async (request: Asked) => {
      const given = attributeBody(request.body);
      const data = await ports.commander.perform({
        who: whoOf(request),
        what: whatOf(request, 'set attributes'),
        dryRun: isDryRun(request.query),
        plan: () => planAttributes(ports.cluster, kind, attributeTargets(ports, kind, request.query), given),
      });
      return { success: true, data };
    });
  }
  server.patch('/api/v1/nodes/groups', async (request: Asked) => {
    const body = objectBody(request.body) as { join?: string[]; leave?: string[] };
    const data = await ports.commander.perform({
      who: whoOf(request),
      what: whatOf(request, 'change groups'),
      dryRun: isDryRun(request.query),
      plan: () => {
        const nodes = selected(ports, 'node', request.query);
        const groups = select(ports.cluster, 'attrib', body.join ?? body.leave ?? []);
        return planGroups(ports.cluster, nodes, groups, body.join !== undefined);
      },
    });
    return { success: true, data };
  });
}

/** The specification: `set` on attribute groups without a selection acts on the default group. */
function attributeTargets(ports: AdminPorts, kind: 'node' | 'attrib', query: Query): readonly Entry[] {
  if (kind === 'node' || isSelecting(query)) return selected(ports, kind, query);
  const group = ports.cluster.get('attrib', ports.cluster.settings?.default_group ?? '');
  if (!group)
    throw new MusterError(
      'not-ready',
      'There is no default group; create an attribute group and make it default_group, or give -i.',
    );
  return [group];
}

/** Names with texts to set, and null to clear. */
function attributeBody(body: unknown): Record<string, string | null> {
  const given = objectBody(body);
  if (Object.keys(given).length === 0)
    throw new MusterError('bad-usage', 'No attribute is given: name=value, or a name to clear.');
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, value === null ? null : String(value)]),
  );
}
