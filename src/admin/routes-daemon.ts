// Routes of the daemon itself: its health, who asks, the audit trail, stored files, and this API's own description.
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import { MusterError } from '../errors.ts';
import { maskCommand } from '../masking.ts';
import { secretAttributes } from '../model/secrets.ts';
import { selectOne } from '../model/select.ts';
import { about } from './about.ts';
import type { WhoAmI } from './contract.ts';
import { openApiDocument } from './openapi.ts';
import type { AdminPorts } from './ports.ts';
import { whoOf } from './requests.ts';
import { show } from './show.ts';

type AuditQuery = { after?: string; limit?: string; node?: string; uid?: string };

export function daemonRoutes(server: FastifyInstance, ports: AdminPorts, routes: readonly RouteOptions[]): void {
  server.get(
    '/api/v1/cluster',
    about('The settings of the whole cluster.', { data: { kind: 'cluster', list: false } }),
    async () => {
      const settings = selectOne(ports.cluster, 'cluster', 'cluster');
      return { success: true, data: show(ports.cluster, settings) };
    },
  );
  server.get('/api/v1/cluster/time', about("The head's clock.", { data: 'milliseconds since 1970' }), async () => ({
    success: true,
    data: ports.now(),
  }));
  server.get(
    '/api/v1/health',
    about('The daemon: version, process, memory, addresses.', { data: 'the facts' }),
    async () => ({ success: true, data: ports.health() }),
  );
  server.get(
    '/api/v1/configuration',
    about('The configuration in use: its file, and each key with its value.', {
      data: 'the absolute path of the file (null for the defaults), and the values',
    }),
    async () => ({ success: true, data: ports.configuration() }),
  );
  server.get(
    '/api/v1/whoami',
    about('Who asks, as the audit trail will call him.', { data: 'user, version and head' }),
    async request => {
      const { version, name } = ports.health();
      return { success: true, data: { user: whoOf(request), version, head: name } satisfies WhoAmI };
    },
  );
  server.get(
    '/api/v1/audit',
    about('The audit trail: who changed what, the newest last.', {
      query: ['after', 'limit', 'node', 'uid'],
      data: 'the lines',
    }),
    async (request: FastifyRequest<{ Querystring: AuditQuery }>) => {
      const { after, limit, node } = request.query;
      // By UID also what is no more.
      const uid = node === undefined ? request.query.uid : selectOne(ports.cluster, 'node', node).uid;
      const count = Math.min(numberOf('limit', limit ?? '100', 1), 10_000);
      const filter = { after: numberOf('after', after ?? '0', 0), limit: count, ...(uid && { uid }) };
      const lines = await ports.store.audit(filter);
      // An attribute that a power_uri names for a password now may have been set before it did.
      const names = secretAttributes(ports.cluster);
      return { success: true, data: lines.map(line => ({ ...line, what: maskCommand(line.what, names) })) };
    },
  );
  server.get(
    '/api/v1/metrics',
    about('Figures of boots, transfers, nodes and the process, for Prometheus.', { raw: 'text/plain' }),
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await ports.metrics()),
  );
  server.get('/api/v1/openapi.json', about('This document.', { raw: 'application/json' }), async () =>
    openApiDocument(routes, ports.health().version),
  );
}

function numberOf(name: string, text: string, least: number): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  throw new MusterError('bad-value', `${name}='${text}' must be a whole number from ${least} on.`);
}
