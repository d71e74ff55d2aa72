// Routes of uploads: begin, send from an offset on, ask how far, drop. Other routes then name the finished upload.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Upload } from '../blobs/uploads.ts';
import { MusterError } from '../errors.ts';
import { fieldsOf, KINDS, type Kind } from '../model/kinds.ts';
import { selectOne } from '../model/select.ts';
import type { UploadState } from './contract.ts';
import { objectBody } from './requests.ts';
import type { AdminPorts } from './server.ts';
import { baseFor } from './stored-files.ts';

export function uploadRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));

  server.post('/api/v1/uploads', async (request, reply) => {
    const size = objectBody(request.body)['size'];
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0)
      throw new MusterError('bad-usage', 'size must be the number of bytes.');
    const upload = await ports.uploads.create(size);
    return reply.code(201).send({ success: true, data: stateOf(upload) });
  });

  server.get('/api/v1/upload/:id', async (request: FastifyRequest<{ Params: { id: string } }>) => {
    return { success: true, data: stateOf(ports.uploads.get(request.params.id)) };
  });

  server.patch(
    '/api/v1/upload/:id',
    async (request: FastifyRequest<{ Params: { id: string }; Querystring: { offset?: string } }>) => {
      const offset = Number(request.query.offset ?? Number.NaN);
      const upload = await ports.uploads.append(request.params.id, offset, request.body as Readable, { baseFor });
      const digest = upload.offset === upload.size ? { sha256: await ports.uploads.digest(upload) } : {};
      return { success: true, data: { ...stateOf(upload), ...digest } };
    },
  );

  server.delete('/api/v1/upload/:id', async (request: FastifyRequest<{ Params: { id: string } }>) => {
    await ports.uploads.remove(request.params.id);
    return { success: true, data: null };
  });

  for (const kind of ['boot', 'image'] as const) downloadRoutes(server, ports, kind);
}

/** The stored files themselves, raw: `GET /api/v1/image/<id>/content`. */
function downloadRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  for (const field of fieldsOf(kind).flatMap(row => (row.meta.file ? [row.name] : []))) {
    server.get(
      `/api/v1/${KINDS[kind].one}/:id/${field}`,
      async (request: FastifyRequest<{ Params: { id: string } }>, reply) => {
        const entry = selectOne(ports.cluster, kind, request.params.id);
        const stored = (entry.value as Record<string, unknown>)[field] as { sha256: string; size: number } | null;
        if (!stored)
          throw new MusterError('not-ready', `The ${KINDS[kind].label} ${entry.value.name} has no ${field}.`);
        reply
          .type('application/octet-stream')
          .header('Content-Length', stored.size)
          .header('X-Muster-SHA256', stored.sha256);
        return reply.send(createReadStream(ports.blobs.path(stored.sha256), { highWaterMark: 1 << 20 }));
      },
    );
  }
}

function stateOf(upload: Upload): UploadState {
  return { id: upload.id, size: upload.size, offset: upload.offset };
}
