// Routes of what happens: states, timelines, explanations, waiting, events.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { furthestStage } from '../boot/boot.ts';
import { QUIRKS } from '../boot/quirks.ts';
import { NODE_STATES, type NodeState } from '../boot/states.ts';
import { timelineOf } from '../boot/timeline.ts';
import { MusterError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { about, SELECTION } from './about.ts';
import type { Happening, ShownBoots, ShownStatus, ShownTimelines, Waited } from './contract.ts';
import { explain } from './explain.ts';
import { overviewOf } from './overview.ts';
import { planeFor } from './plane.ts';
import type { AdminPorts } from './ports.ts';
import { isOpen, listed, type Query, selected } from './requests.ts';
import { whyOf } from './why-facts.ts';

type Asked = FastifyRequest<{ Querystring: Query }>;

export function bootRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.get(
    '/api/v1/nodes/status',
    about('Whether the nodes are up, since when, and why not.', { query: SELECTION, data: 'a status for each node' }),
    async (request: Asked) => ({ success: true, data: statusesOf(ports, request.query) }),
  );
  server.get(
    '/api/v1/nodes/overview',
    about('The state of the nodes, since when, their address, and what they boot.', {
      query: SELECTION,
      data: 'a row for each node',
    }),
    async (request: Asked) => ({
      success: true,
      data: listed(ports, 'node', request.query).map(node => overviewOf(ports, node)),
    }),
  );
  server.get(
    '/api/v1/nodes/timeline',
    about('The last boots of the nodes, stage by stage.', { query: SELECTION, data: 'the boots of each node' }),
    async (request: Asked) => {
      const data = listed(ports, 'node', request.query).map(({ uid, value }): ShownTimelines => {
        const { name, mac, ip } = value;
        return { uid, name, mac, ip, state: ports.statuses.of(uid).state, boots: ports.boots.of(uid).map(timelineOf) };
      });
      return { success: true, data };
    },
  );
  server.get(
    '/api/v1/nodes/explain',
    about('What the nodes would boot now, and where each attribute comes from.', {
      query: [...SELECTION, 'secrets'],
      data: 'attributes with their sources, the plan, and both in words, for each node',
    }),
    async (request: Asked) => ({
      success: true,
      data: listed(ports, 'node', request.query).map(entry =>
        explain(ports.cluster, entry, planeFor(ports, entry), isOpen(request.query)),
      ),
    }),
  );
  server.get(
    '/api/v1/nodes/why',
    about('Why the nodes are not up: cause and remedy, from what was seen of them and what was not.', {
      query: SELECTION,
      data: 'the verdict, its rule, cause, remedy and evidence, for each node',
    }),
    async (request: Asked) => ({
      success: true,
      data: await whyOf(ports, listed(ports, 'node', request.query)),
    }),
  );
  server.get(
    '/api/v1/nodes/unknown',
    about('Machines that asked for an address and are no nodes.', { data: 'the machines, the latest first' }),
    async () => ({ success: true, data: ports.unknown() }),
  );
  server.get(
    '/api/v1/firmware',
    about('Where firmware differs, what muster does about it, and where that is known from.', {
      data: 'a row for each difference',
    }),
    async () => ({ success: true, data: QUIRKS }),
  );
  server.get(
    '/api/v1/leases',
    about('Addresses that are lent to machines that are no nodes, and that were.', {
      data: 'the leases in the order of address',
    }),
    async () => ({ success: true, data: ports.leases() }),
  );
  server.get(
    '/api/v1/boots',
    about('The boots that are under way: how far they are, and who waits for an image.', {
      data: 'boots with their stage, and transfers with rate and remaining time',
    }),
    async () => ({ success: true, data: bootsOf(ports) }),
  );
  server.get(
    '/api/v1/nodes/waitfor',
    about('Answers when all selected nodes are in a state, or when the time is over.', {
      query: [...SELECTION, 'wanted', 'timeout'],
      data: 'whether all came to it, and a status for each node',
    }),
    async (request: Asked) => ({ success: true, data: await waitFor(ports, request) }),
  );
  server.get(
    '/api/v1/events',
    about('Everything that happens, a JSON object a line, until the caller hangs up.', { raw: 'application/x-ndjson' }),
    async (request, reply) => {
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
      raw.flushHeaders();
      const stop = ports.watch((happening: Happening) => {
        // A follower that does not read is let go: events are also in the timelines and the audit trail.
        if (raw.writableLength > 1 << 20) raw.destroy();
        else raw.write(`${JSON.stringify(happening)}\n`);
      });
      request.raw.on('close', stop);
      raw.on('close', stop);
    },
  );
}

function bootsOf(ports: AdminPorts): ShownBoots {
  const boots = ports.cluster.all('node').flatMap(({ uid, value }) => {
    const boot = ports.statuses.currentBoot(uid);
    if (!boot || boot.outcome || !['booting', 'failed'].includes(ports.statuses.of(uid).state)) return [];
    const { reason } = ports.statuses.of(uid);
    const stage = furthestStage(boot) ?? 'offered';
    const seconds = ports.boots.age(boot) / 1000;
    return [{ node: value.name, boot: boot.id, stage, seconds, ...(reason && { reason }) }];
  });
  return { boots, transfers: ports.transfers() };
}

function statusesOf(ports: AdminPorts, query: Query): ShownStatus[] {
  return listed(ports, 'node', query).map(({ uid, value }) => ({ uid, name: value.name, ...ports.statuses.of(uid) }));
}

/** The nodes are chosen once: one that is created meanwhile is not waited for, and one that is deleted ends the waiting, since it never gets there. */
async function waitFor(ports: AdminPorts, request: Asked): Promise<Waited> {
  const { wanted, milliseconds } = readWait(request.query);
  const ids = selected(ports, 'node', request.query).map(node => node.uid);
  if (ids.length === 0) throw new MusterError('bad-usage', 'The selection is empty: there is nothing to wait for.');
  const names = new Map(ids.map(uid => [uid, ports.cluster.get('node', uid)?.value.name ?? uid]));
  const deleted = (): string[] => ids.flatMap(uid => (ports.cluster.get('node', uid) ? [] : [names.get(uid) ?? uid]));
  const isReached = (): boolean => deleted().length === 0 && ids.every(uid => ports.statuses.of(uid).state === wanted);
  const isOver = (): boolean => isReached() || deleted().length > 0;
  if (!isOver()) await until(ports, request, milliseconds, isOver);
  const gone = deleted();
  const nodes = ids.flatMap((uid): ShownStatus[] => {
    const node = ports.cluster.get('node', uid);
    return node ? [{ uid, name: node.value.name, ...ports.statuses.of(uid) }] : [];
  });
  return { reached: isReached(), nodes, ...(gone.length > 0 && { deleted: gone }) };
}

function readWait(query: Query): { wanted: NodeState; milliseconds: number } {
  const wanted = String(query['wanted'] ?? 'up');
  if (!(NODE_STATES as readonly string[]).includes(wanted)) {
    const hint = didYouMean(wanted, NODE_STATES, `there are ${NODE_STATES.join(', ')}`);
    throw new MusterError('bad-value', `A node is never '${wanted}'; ${hint}`);
  }
  const seconds = Number(query['timeout'] ?? 60);
  if (!(seconds >= 0 && seconds <= 3600))
    throw new MusterError('bad-value', `timeout=${query['timeout']} must be seconds, from 0 to 3600.`);
  return { wanted: wanted as NodeState, milliseconds: seconds * 1000 };
}

/** True as soon as the condition holds; false when the time is over or the caller has gone. Looks when something happens. */
async function until(
  ports: AdminPorts,
  request: Asked,
  milliseconds: number,
  condition: () => boolean,
): Promise<boolean> {
  return new Promise(resolve => {
    const end = (result: boolean): void => {
      clearTimeout(timer);
      stop();
      resolve(result);
    };
    const timer = setTimeout(() => end(condition()), milliseconds);
    const stop = ports.watch(() => {
      if (condition()) end(true);
    });
    request.raw.once('close', () => end(false));
  });
}
