// The route that rehearses boots.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MusterError } from '../errors.ts';
import type { Entry } from '../model/cluster.ts';
import { didYouMean } from '../nearest.ts';
import { parseMac } from '../wire/mac.ts';
import { about } from './about.ts';
import { FIRMWARES, type Firmware, type Rehearsal } from './contract.ts';
import type { AdminPorts } from './ports.ts';
import { rehearsalOf, type Update } from './rehearsal.ts';
import { listed, objectBody, type Query } from './requests.ts';

/** Each node is asked for twice with an update, on a copy of all objects: so many in one request. */
const MOST = 100;

const FILE = {
  type: 'object',
  properties: { sha256: { type: 'string' }, size: { type: 'integer' }, release: { type: 'string' } },
  required: ['sha256', 'size'],
};

const BODY = {
  type: 'object',
  properties: {
    arch: { enum: Object.keys(FIRMWARES), description: 'the firmware; that of its last boot when not given' },
    network: {
      type: 'string',
      description: "the network that it asks from, by its name; that of the node's address when not given",
    },
    update: {
      type: 'object',
      description:
        'what is tried: attributes of the node (_name), of a group (%group._name), and fields of its boot config or of the node (boot.NAME, node.NAME); null clears an attribute',
      additionalProperties: { oneOf: [{ type: ['string', 'null'] }, FILE] },
    },
  },
};

export function rehearsalRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.post(
    '/api/v1/nodes/rehearse',
    about('What would be answered at each stage of a boot, and what an update would change of it. Nothing is done.', {
      query: ['id', 'state', 'select'],
      body: BODY,
      data: 'the ten stages for each node; an id that is a MAC address of no node is told why it is refused',
    }),
    async (request: FastifyRequest<{ Querystring: Query }>) => {
      const asked = readBody(ports, request.body);
      const whose = chosen(ports, request.query);
      if (whose.length > MOST)
        throw new MusterError(
          'bad-usage',
          `${whose.length} nodes are too many to explain at once; ${MOST} are the limit.`,
        );
      const data: Rehearsal[] = [];
      for (const one of whose) data.push(await rehearsalOf(ports, one, asked));
      return { success: true, data };
    },
  );
}

/** Nodes, and hardware addresses that are none's. */
function chosen(ports: AdminPorts, query: Query): { mac: string; node?: Entry<'node'> }[] {
  const ids = [query['id'] ?? []].flat();
  const strangers = ids.flatMap(id => {
    const mac = /[:.-]/.test(id) ? parseMac(id) : undefined;
    return mac !== undefined && !ports.cluster.nodeByMac(mac) ? [{ id, mac }] : [];
  });
  const known = ids.filter(id => !strangers.some(stranger => stranger.id === id));
  if (ids.length === 0 && query['state'] === undefined && query['select'] === undefined)
    throw new MusterError('bad-usage', 'Whose boot? Give a node, or a MAC address.');
  const nodes = known.length === 0 && strangers.length > 0 ? [] : listed(ports, 'node', { ...query, id: known });
  return [...nodes.map(node => ({ mac: node.value.mac, node })), ...strangers.map(({ mac }) => ({ mac }))];
}

function readBody(ports: AdminPorts, body: unknown): { firmware?: Firmware; network?: string; update: Update } {
  const { arch, network, update = {}, ...rest } = objectBody(body ?? {});
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw new MusterError('bad-usage', `The body has no '${unknown}'; it has arch, network and update.`);
  return {
    ...(arch !== undefined && { firmware: firmwareOf(arch) }),
    ...(network !== undefined && { network: networkOf(ports, network) }),
    update: updateOf(update),
  };
}

function networkOf({ networks }: AdminPorts, given: unknown): string {
  const names = networks.all.map(({ name }) => name);
  if (typeof given === 'string' && names.includes(given)) return given;
  throw new MusterError(
    'bad-value',
    `There is no network '${String(given)}'; ${didYouMean(String(given), names, `there are ${names.join(', ')}`)}`,
  );
}

function firmwareOf(arch: unknown): Firmware {
  const names = Object.keys(FIRMWARES);
  if (typeof arch === 'string' && names.includes(arch)) return arch as Firmware;
  throw new MusterError(
    'bad-value',
    `There is no firmware '${String(arch)}'; ${didYouMean(String(arch), names, `there are ${names.join(', ')}`)}`,
  );
}

function updateOf(given: unknown): Update {
  const update = objectBody(given);
  for (const [name, value] of Object.entries(update)) {
    const isFile =
      typeof value === 'object' &&
      value !== null &&
      'sha256' in value &&
      'size' in value &&
      /^[0-9a-f]{64}$/.test(String(value.sha256)) &&
      Number.isSafeInteger(value.size);
    if (typeof value !== 'string' && value !== null && !isFile)
      throw new MusterError(
        'bad-value',
        `update: ${name} must be a text, null, or a file as {"sha256": "…", "size": bytes}.`,
      );
  }
  return update as Update;
}
