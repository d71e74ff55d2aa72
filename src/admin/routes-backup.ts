// The backup of the whole head, as one stream.
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { about } from './about.ts';
import type { AdminPorts } from './ports.ts';
import { whoOf } from './requests.ts';

export function backupRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.get(
    '/api/v1/backup',
    about('A backup of database and stored files as of now, as a tape archive; it holds secrets.', {
      raw: 'application/x-tar',
    }),
    async (request, reply) => {
      const backup = await ports.backup();
      if (request.method === 'HEAD') {
        await backup.drop();
        return reply.header('Content-Length', backup.size).send();
      }
      const { size, manifest } = backup;
      ports.log.info({ who: whoOf(request), bytes: size, files: manifest.files.length }, 'a backup is being sent');
      reply.type('application/x-tar').header('Content-Length', backup.size);
      return reply.send(Readable.from(backup.stream(), { objectMode: false, highWaterMark: 1 << 20 }));
    },
  );
}
