// The route of tab completion: the names of a kind that begin with a text, and nothing else, so that it is fast.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { KIND_NAMES, KINDS } from '../model/kinds.ts';
import { about } from './about.ts';
import type { AdminPorts } from './ports.ts';

/** More names than this help nobody at a prompt. */
const LIMIT = 1000;

export function nameRoutes(server: FastifyInstance, ports: AdminPorts): void {
  for (const kind of KIND_NAMES) {
    server.get(
      `/api/v1/${KINDS[kind].many}/names`,
      about(`The names of ${KINDS[kind].many}, for completing what is typed.`, {
        query: ['prefix'],
        data: 'names, 1000 at most',
      }),
      async (request: FastifyRequest<{ Querystring: { prefix?: string } }>) => {
        const prefix = String(request.query.prefix ?? '');
        const data: string[] = [];
        for (const { value } of ports.cluster.all(kind)) {
          if (value.name.startsWith(prefix)) data.push(value.name);
          if (data.length >= LIMIT) break;
        }
        return { success: true, data };
      },
    );
  }

  /** The attributes that are in use somewhere: for `set` and `clear`. */
  server.get(
    '/api/v1/attribs/used',
    about('The names of attributes that are set somewhere.', { data: 'names' }),
    async () => {
      const names = new Set<string>();
      for (const kind of ['attrib', 'node'] as const) {
        for (const { value } of ports.cluster.all(kind)) {
          for (const name of Object.keys(value.attributes)) names.add(name);
          if (names.size >= LIMIT) break;
        }
      }
      return { success: true, data: [...names].sort() };
    },
  );
}
