// Routes of what nodes and groups hold: attributes (`set`, `clear`) and membership (`join`, `leave`).
import type { FastifyInstance } from 'fastify';
import { MusterError } from '../errors.ts';
import { planAttributes, planGroups, planUpdate } from '../model/changes.ts';
import type { Entry } from '../model/cluster.ts';
import { KINDS } from '../model/kinds.ts';
import { select, selectOne } from '../model/select.ts';
import { about, SELECTION } from './about.ts';
import { type Asked, change } from './change.ts';
import type { AdminPorts } from './ports.ts';
import { isSelecting, objectBody, type Query, selected } from './requests.ts';

const NAMES = { type: 'array', items: { type: 'string' } };
const ATTRIBUTES = { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean', 'null'] } };

export function memberRoutes(server: FastifyInstance, ports: AdminPorts): void {
  for (const kind of ['node', 'attrib'] as const) attributeRoutes(server, ports, kind);
  groupRoutes(server, ports);
}

function attributeRoutes(server: FastifyInstance, ports: AdminPorts, kind: 'node' | 'attrib'): void {
  const { one, many, label } = KINDS[kind];
  const more = { body: ATTRIBUTES, data: 'what was changed', ifMatch: true } as const;
  const set = async (request: Asked, choose: () => readonly Entry[]) => {
    const given = attributeBody(request.body);
    const data = await change(ports, request, 'set attributes', choose, entries =>
      planAttributes(ports.context, kind, entries, given),
    );
    return { success: true, data };
  };
  server.patch(
    `/api/v1/${many}/attributes`,
    about(`Sets attributes of every selected ${label}; null clears.`, { ...more, query: [...SELECTION, 'dry_run'] }),
    async (request: Asked) => set(request, () => targets(ports, kind, request.query)),
  );
  server.patch(
    `/api/v1/${one}/:id/attributes`,
    about(`Sets attributes of one ${label}; null clears.`, { ...more, query: ['dry_run'] }),
    async (request: Asked) => set(request, () => [selectOne(ports.cluster, kind, request.params.id)]),
  );
}

function groupRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.patch(
    '/api/v1/nodes/groups',
    about('Lets the selected nodes join attribute groups, or leave them.', {
      query: [...SELECTION, 'dry_run'],
      body: { type: 'object', properties: { join: NAMES, leave: NAMES } },
      data: 'what was changed',
      ifMatch: true,
    }),
    async (request: Asked) => {
      const body = objectBody(request.body);
      const joins = body['join'] !== undefined;
      const names = namesIn(body[joins ? 'join' : 'leave']);
      const data = await change(
        ports,
        request,
        joins ? 'join groups' : 'leave groups',
        () => selected(ports, 'node', request.query),
        nodes => planGroups(ports.cluster, nodes, select(ports.cluster, 'attrib', names), joins),
      );
      return { success: true, data };
    },
  );
  server.post(
    '/api/v1/node/:id/groups',
    about('Lets one node join attribute groups, last in their order.', {
      query: ['dry_run'],
      body: NAMES,
      data: 'what was changed',
      ifMatch: true,
    }),
    async (request: Asked) => {
      const names = namesIn(request.body);
      const data = await change(
        ports,
        request,
        'join groups',
        () => [selectOne(ports.cluster, 'node', request.params.id)],
        nodes => planGroups(ports.cluster, nodes, select(ports.cluster, 'attrib', names), true),
      );
      return { success: true, data };
    },
  );
  server.patch(
    '/api/v1/node/:id/groups',
    about('Replaces the list of attribute groups of one node.', {
      query: ['dry_run'],
      body: NAMES,
      data: 'what was changed',
      ifMatch: true,
    }),
    async (request: Asked) => {
      const groups = request.body;
      if (!Array.isArray(groups)) throw new MusterError('bad-usage', 'A list of names of attribute groups is wanted.');
      const data = await change(
        ports,
        request,
        'replace groups',
        () => [selectOne(ports.cluster, 'node', request.params.id)],
        nodes => planUpdate(ports.context, 'node', nodes, { groups }),
      );
      return { success: true, data };
    },
  );
}

/** The specification: `set` on attribute groups without a selection acts on the default group. */
function targets(ports: AdminPorts, kind: 'node' | 'attrib', query: Query): readonly Entry[] {
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
  const given = Object.entries(objectBody(body));
  if (given.length === 0) throw new MusterError('bad-usage', 'No attribute is given: name=value, or a name to clear.');
  return Object.fromEntries(
    given.map(([name, value]) => {
      if (typeof value === 'object' && value !== null)
        throw new MusterError('bad-value', `attribute '${name}': the value must be a text.`);
      return [name, value === null ? null : String(value)];
    }),
  );
}

function namesIn(given: unknown): string[] {
  if (Array.isArray(given) && given.length > 0 && given.every(name => typeof name === 'string')) return given;
  throw new MusterError('bad-usage', 'No attribute group is given: a list of names is wanted.');
}
