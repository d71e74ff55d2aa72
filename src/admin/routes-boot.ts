// Routes of what happens: states, timelines, explanations, events, the audit trail, the daemon itself.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { planBoot } from '../boot/plan.ts';
import { timelineOf } from '../boot/timeline.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import { selectOne } from '../model/select.ts';
import type { Explained, Happening, ShownStatus, ShownTimelines } from './contract.ts';
import { listed, type Query } from './requests.ts';
import type { AdminPorts } from './server.ts';

type Asked = FastifyRequest<{ Querystring: Query }>;

export function bootRoutes(server: FastifyInstance, ports: AdminPorts): void {
  const chosen = (query: Query) => listed(ports, 'node', query);

  server.get('/api/v1/nodes/status', async (request: Asked) => {
    const data = chosen(request.query).map(
      ({ uid, value }): ShownStatus => ({ uid, name: value.name, ...ports.statuses.of(uid) }),
    );
    return { success: true, data };
  });

  server.get('/api/v1/nodes/timeline', async (request: Asked) => {
    const data = chosen(request.query).map(({ uid, value }): ShownTimelines => {
      const { name, mac, ip } = value;
      return { uid, name, mac, ip, state: ports.statuses.of(uid).state, boots: ports.boots.of(uid).map(timelineOf) };
    });
    return { success: true, data };
  });

  server.get('/api/v1/nodes/explain', async (request: Asked) => {
    const data = chosen(request.query).map((entry): Explained => {
      const attributes = Object.fromEntries(effectiveAttributes(ports.cluster, entry.value));
      return { uid: entry.uid, name: entry.value.name, attributes, ...planBoot(ports.cluster, entry) };
    });
    return { success: true, data };
  });

  server.get('/api/v1/nodes/unknown', async () => ({ success: true, data: ports.unknown() }));
  server.get('/api/v1/health', async () => ({ success: true, data: ports.health() }));

  server.get(
    '/api/v1/audit',
    async (request: FastifyRequest<{ Querystring: { after?: string; limit?: string; node?: string } }>) => {
      const { after, limit, node } = request.query;
      const uid = node === undefined ? undefined : selectOne(ports.cluster, 'node', node).uid;
      const count = Math.min(Math.max(Number(limit ?? 100) || 100, 1), 10_000);
      return {
        success: true,
        data: await ports.store.audit({ after: Number(after ?? 0) || 0, limit: count, ...(uid && { uid }) }),
      };
    },
  );

  server.post('/api/v1/storage/collect', async (request: Asked) => {
    return { success: true, data: await ports.collect(request.query['dry_run'] === 'true') };
  });

  server.get('/api/v1/events', async (request, reply) => {
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
  });
}
