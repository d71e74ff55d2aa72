// Routes of uploads: begin, send from an offset on, ask how far, drop. Other routes then name the finished upload.
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Upload } from '../blobs/uploads.ts';
import { MusterError } from '../errors.ts';
import { fileFields, KIND_NAMES, KINDS, type Kind } from '../model/kinds.ts';
import { selectOne } from '../model/select.ts';
import { about } from './about.ts';
import type { UploadState } from './contract.ts';
import type { AdminPorts } from './ports.ts';
import { objectBody } from './requests.ts';
import { baseFor } from './stored-files.ts';

type OfUpload = FastifyRequest<{ Params: { id: string }; Querystring: { offset?: string } }>;

export function uploadRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));

  server.post(
    '/api/v1/uploads',
    about('Begins an upload of so many bytes.', {
      body: { type: 'object', properties: { size: { type: 'integer', minimum: 0 } }, required: ['size'] },
      data: 'the id of the upload, and how far it is',
    }),
    async (request, reply) => {
      const size = objectBody(request.body)['size'];
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
        throw new MusterError('bad-usage', 'size must be the number of bytes.');
      const upload = await ports.uploads.create(size);
      return reply.code(201).send({ success: true, data: stateOf(ports, upload) });
    },
  );

  server.get(
    '/api/v1/upload/:id',
    about('How far an upload is.', { data: 'how far it is; its SHA-256 when it is whole' }),
    async (request: OfUpload) => ({ success: true, data: stateOf(ports, ports.uploads.get(request.params.id)) }),
  );

  server.patch(
    '/api/v1/upload/:id',
    about('Takes bytes of an upload, from an offset on, as far as they come.', {
      query: ['offset'],
      body: { type: 'string', contentMediaType: 'application/octet-stream' },
      data: 'how far it is; its SHA-256 when it is whole',
    }),
    async (request: OfUpload) => {
      const offset = Number(request.query.offset ?? Number.NaN);
      if (!(request.body instanceof Readable))
        throw new MusterError('bad-usage', 'The bytes of an upload come as application/octet-stream.');
      const upload = await ports.uploads.append(request.params.id, offset, request.body, { baseFor });
      return { success: true, data: stateOf(ports, upload) };
    },
  );

  server.delete('/api/v1/upload/:id', about('Drops an upload.', { data: 'null' }), async (request: OfUpload) => {
    await ports.uploads.remove(request.params.id);
    return { success: true, data: null };
  });

  for (const kind of KIND_NAMES) downloadRoutes(server, ports, kind);
}

/** The stored files themselves, raw: `GET /api/v1/image/<id>/content`. */
function downloadRoutes(server: FastifyInstance, ports: AdminPorts, kind: Kind): void {
  for (const field of fileFields(kind)) {
    server.get(
      `/api/v1/${KINDS[kind].one}/:id/${field}`,
      about(`The ${field} of a ${KINDS[kind].label}, with its SHA-256 in X-Muster-SHA256.`, {
        raw: 'application/octet-stream',
      }),
      async (request: FastifyRequest<{ Params: { id: string } }>, reply) => {
        const entry = selectOne(ports.cluster, kind, request.params.id);
        const stored = (entry.value as Record<string, unknown>)[field] as { sha256: string; size: number } | null;
        if (!stored)
          throw new MusterError('not-ready', `The ${KINDS[kind].label} ${entry.value.name} has no ${field}.`);
        // Opened before the answer begins, so that a file that is gone is an error and no broken download.
        const file = await open(ports.blobs.path(stored.sha256), 'r').catch((error: unknown) => {
          throw new MusterError(
            'not-ready',
            `The ${field} of ${entry.value.name} is not in storage any more; upload it again.`,
            {
              cause: error,
            },
          );
        });
        reply
          .type('application/octet-stream')
          .header('Content-Length', stored.size)
          .header('X-Muster-SHA256', stored.sha256);
        return reply.send(file.createReadStream({ highWaterMark: 1 << 20 }));
      },
    );
  }
}

function stateOf({ uploads }: AdminPorts, { id, size, offset }: Upload): UploadState {
  return { id, size, offset, ...(offset === size && { sha256: uploads.digest(id) }) };
}
