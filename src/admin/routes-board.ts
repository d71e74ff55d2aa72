// The route of the board.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { about } from './about.ts';
import { boardOf, readBoardQuery } from './board.ts';
import type { AdminPorts } from './ports.ts';
import type { Query } from './requests.ts';

export function boardRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.get(
    '/api/v1/board',
    about('The cluster in figures, and the nodes to look at first with the reason why.', {
      query: ['sort', 'state', 'match', 'first', 'rows'],
      data: 'nodes by state and by stage, power, images on their way, and rows of nodes',
    }),
    async (request: FastifyRequest<{ Querystring: Query }>) => ({
      success: true,
      data: boardOf(ports, readBoardQuery(request.query)),
    }),
  );
}
