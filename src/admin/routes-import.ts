// The route of `distros import`: repos and the distro of them in one commit, all or nothing.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MusterError } from '../errors.ts';
import { planCreate } from '../model/changes.ts';
import type { Input } from '../model/fields.ts';
import { select } from '../model/select.ts';
import { about } from './about.ts';
import type { AdminPorts } from './ports.ts';
import { isDryRun, objectBody, type Query, whatOf, whoOf } from './requests.ts';

/** Repository files have a handful of sections; thousands are a mistake. */
const LIMIT = 1000;

export function importRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.post(
    '/api/v1/distros/import',
    about('Creates repos and the distro of them, all or none.', {
      query: ['dry_run'],
      body: {
        type: 'object',
        required: ['name', 'repos'],
        properties: {
          name: { type: 'string' },
          release: { type: 'string' },
          package_manager: { type: 'string' },
          repos: { type: 'array', items: { type: 'object' }, description: 'fields of new repos' },
          present: { type: 'array', items: { type: 'string' }, description: 'repos that are there already' },
        },
      },
      data: 'what was created',
    }),
    async (request: FastifyRequest<{ Querystring: Query }>, reply) => {
      const { name, release, package_manager: manager, ...rest } = objectBody(request.body);
      const repos = listOf(rest['repos'], 'repos').map(objectBody);
      const present = listOf(rest['present'], 'present').map(String);
      const dryRun = isDryRun(request.query);
      const data = await ports.commander.perform({
        who: whoOf(request),
        what: whatOf(ports.cluster, request, `import ${String(name)}`),
        dryRun,
        plan: () => {
          const made = planCreate(ports.context, 'repo', repos as Input[]);
          const kept = select(ports.cluster, 'repo', present).map(entry => entry.uid);
          const fields = {
            name,
            ...(release !== undefined && { release }),
            ...(manager !== undefined && { package_manager: manager }),
          };
          const distro = planCreate(ports.context, 'distro', [fields], [{ repos: [...made.uids, ...kept] }]);
          return { changes: [...made.changes, ...distro.changes], uids: [...made.uids, ...distro.uids] };
        },
      });
      return reply.code(dryRun ? 200 : 201).send({ success: true, data });
    },
  );
}

function listOf(value: unknown, name: string): unknown[] {
  const list = value ?? [];
  if (Array.isArray(list) && list.length <= LIMIT) return list;
  throw new MusterError('bad-usage', `${name} must be a list of ${LIMIT} items at most.`);
}
