// Routes of the stored files as a whole: what is not needed goes, what is there is verified.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { about } from './about.ts';
import type { VerifyLine } from './contract.ts';
import { LINES, streamed } from './lines.ts';
import type { AdminPorts } from './ports.ts';
import { isDryRun, type Query } from './requests.ts';

export function storageRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.post(
    '/api/v1/storage/collect',
    about('Removes stored files that nothing refers to; says what keeps the others.', {
      query: ['dry_run'],
      data: 'what was removed, what is kept and by what, what is missing',
    }),
    async (request: FastifyRequest<{ Querystring: Query }>) => ({
      success: true,
      data: await ports.collect(isDryRun(request.query)),
    }),
  );
  server.post(
    '/api/v1/storage/verify',
    about('Reads every stored file and names those that are damaged; progress and damage a line each, as they come.', {
      raw: LINES,
    }),
    async (_request, reply) => streamed<VerifyLine>(reply, async (tell, signal) => ports.verify(tell, signal)),
  );
}
