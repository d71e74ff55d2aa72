// Routes of the objects: the same for every kind, plural for many at once, singular with an identifier for one.
import type { FastifyInstance } from 'fastify';
import { planClone, planCreate, planReplace, planUpdate } from '../model/changes.ts';
import type { Entry } from '../model/cluster.ts';
import { planDelete } from '../model/deletion.ts';
import { KIND_NAMES, KINDS, type Kind } from '../model/kinds.ts';
import { selectOne } from '../model/select.ts';
import { about, SELECTION } from './about.ts';
import { type Asked, change } from './change.ts';
import { revisionTag } from './contract.ts';
import { describeFields } from './field-descriptions.ts';
import type { AdminPorts } from './ports.ts';
import { isDryRun, isOpen, listed, objectBody, selected, selectedOne, whatOf, whoOf } from './requests.ts';
import { show } from './show.ts';
import { splitUploads, withUploads } from './stored-files.ts';

export function objectRoutes(server: FastifyInstance, ports: AdminPorts): void {
  for (const kind of KIND_NAMES) {
    readRoutes(server, ports, kind);
    // The settings are made at the first start, and each head makes its own object.
    if (kind !== 'cluster' && kind !== 'head') {
      createRoutes(server, ports, kind);
      cloneRoutes(server, ports, kind);
    }
    changeRoutes(server, ports, kind);
    if (kind !== 'cluster') deleteRoutes(server, ports, kind);
  }
}

function readRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { one, many, label } = KINDS[kind];
  server.get(
    `/api/v1/${many}`,
    about(`The objects of kind ${label} that are selected; all of them without a selection.`, {
      query: [...SELECTION, 'secrets'],
      data: { kind, list: true },
    }),
    async (request: Asked) => {
      const open = isOpen(request.query);
      return { success: true, data: listed(ports, kind, request.query).map(entry => show(ports.cluster, entry, open)) };
    },
  );
  server.get(
    `/api/v1/${one}/:id`,
    about(`One ${label}, with its revision as ETag.`, { query: ['secrets'], data: { kind, list: false } }),
    async (request: Asked, reply) => {
      const entry = selectOne(ports.cluster, kind, request.params.id);
      reply.header('ETag', revisionTag(entry));
      return { success: true, data: show(ports.cluster, entry, isOpen(request.query)) };
    },
  );
  server.get(
    `/api/v1/${many}/meta`,
    about(`The fields of a ${label}.`, { data: 'the fields, with what they mean and how they behave' }),
    async () => ({ success: true, data: describeFields(kind) }),
  );
}

function createRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { many, label } = KINDS[kind];
  server.post(
    `/api/v1/${many}`,
    about(`Creates a ${label} from its fields, or all of a list, or none when one of them cannot be.`, {
      query: ['dry_run'],
      body: { kind, fields: 'many' },
      data: 'what was created',
    }),
    async (request: Asked, reply) => {
      const bodies = Array.isArray(request.body) ? request.body.map(objectBody) : [objectBody(request.body)];
      const dryRun = isDryRun(request.query);
      const parts = bodies.map(body => splitUploads(kind, body));
      const inputs = parts.map(part => part.fields);
      const uploads = parts.map(part => part.uploads);
      const data = await withUploads(ports, dryRun ? [] : uploads, {
        // Refused names and values are found before any upload is stored.
        before: () => planCreate(ports.context, kind, inputs),
        run: async fixed =>
          ports.commander.perform({
            who: whoOf(request),
            what: whatOf(ports.cluster, request, `create ${many}`),
            dryRun,
            plan: () => planCreate(ports.context, kind, inputs, fixed),
          }),
      });
      return reply.code(dryRun ? 200 : 201).send({ success: true, data });
    },
  );
}

function cloneRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { many, label } = KINDS[kind];
  server.post(
    `/api/v1/${many}/clone`,
    about(`Copies one ${label} under a new name.`, {
      query: ['id', 'dry_run'],
      body: { kind, fields: 'some' },
      data: 'what was created',
      ifMatch: true,
    }),
    async (request: Asked, reply) => {
      const fields = objectBody(request.body);
      const dryRun = isDryRun(request.query);
      const data = await change(
        ports,
        request,
        'clone',
        () => [selectedOne(ports, kind, request.query)],
        ([entry]) => planClone(ports.context, entry as Entry, fields),
      );
      return reply.code(dryRun ? 200 : 201).send({ success: true, data });
    },
  );
}

/** PATCH changes the fields that are given, PUT all of them. */
function changeRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { one, many, label } = KINDS[kind];
  for (const method of ['PATCH', 'PUT'] as const) {
    const planFields = method === 'PATCH' ? planUpdate : planReplace;
    const update = async (request: Asked, choose: () => readonly Entry[]) => {
      const { fields, uploads } = splitUploads(kind, objectBody(request.body));
      const data = await withUploads(ports, isDryRun(request.query) ? [] : [uploads], {
        // Frozen objects and wrong values are found before the upload is stored.
        before: () => planFields(ports.context, kind, choose(), fields),
        run: async ([fixed]) =>
          change(ports, request, `${method === 'PATCH' ? 'update' : 'replace'} ${many}`, choose, entries =>
            planFields(ports.context, kind, entries, fields, fixed),
          ),
      });
      return { success: true, data };
    };
    const summary =
      method === 'PATCH'
        ? 'changes the fields that are given'
        : 'changes all fields: those not given get their defaults';
    const more = { body: { kind, fields: method === 'PATCH' ? 'some' : 'one' }, data: 'what was changed' } as const;
    server.route({
      method,
      url: `/api/v1/${many}`,
      ...about(`For every selected ${label}, ${summary}; all or none.`, {
        ...more,
        query: [...SELECTION, 'dry_run'],
        ifMatch: true,
      }),
      handler: async (request: Asked) => update(request, () => selected(ports, kind, request.query)),
    });
    server.route({
      method,
      url: `/api/v1/${one}/:id`,
      ...about(`Of one ${label}, ${summary}.`, { ...more, query: ['dry_run'], ifMatch: true }),
      handler: async (request: Asked) => update(request, () => [selectOne(ports.cluster, kind, request.params.id)]),
    });
    // There is one of it, so that it needs no identifier.
    if (kind === 'cluster')
      server.route({
        method,
        url: `/api/v1/${one}`,
        ...about(`Of the settings of the whole cluster, ${summary}.`, { ...more, query: ['dry_run'], ifMatch: true }),
        handler: async (request: Asked) => update(request, () => [selectOne(ports.cluster, kind, 'cluster')]),
      });
  }
}

function deleteRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  const { one, many, label } = KINDS[kind];
  const remove = async (request: Asked, choose: () => readonly Entry[]) => {
    const force = request.query['force'] === 'true';
    const data = await change(ports, request, `delete ${many}`, choose, entries =>
      planDelete(ports.cluster, entries, force),
    );
    return { success: true, data };
  };
  const data = 'what was deleted, and what lost a reference';
  server.delete(
    `/api/v1/${many}`,
    about(`Deletes every selected ${label}, or none.`, {
      query: [...SELECTION, 'force', 'dry_run'],
      data,
      ifMatch: true,
    }),
    async (request: Asked) => remove(request, () => selected(ports, kind, request.query)),
  );
  server.delete(
    `/api/v1/${one}/:id`,
    about(`Deletes one ${label}.`, { query: ['force', 'dry_run'], data, ifMatch: true }),
    async (request: Asked) => remove(request, () => [selectOne(ports.cluster, kind, request.params.id)]),
  );
}
