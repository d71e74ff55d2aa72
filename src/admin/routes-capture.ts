// The files of a running node, for an image: the head fetches them by ssh and passes them on. How it ended stands in the trailer.
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MusterError, reasonOf } from '../errors.ts';
import { PACK_NODE } from '../image/pack-node.ts';
import { runScript } from '../ssh/pack.ts';
import { about, SELECTION } from './about.ts';
import { CAPTURE_TRAILERS } from './contract.ts';
import type { AdminPorts } from './ports.ts';
import { isDryRun, type Query, selectedOne, whatOf, whoOf } from './requests.ts';

type Asked = FastifyRequest<{ Querystring: Query }>;

export function captureRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.post(
    '/api/v1/nodes/capture',
    about('All files of the root file system of one node as a tape archive; the trailers say how it ended.', {
      query: SELECTION,
      raw: 'application/x-tar',
    }),
    async (request: Asked, reply) => capture(ports, request, reply),
  );
}

async function capture(ports: AdminPorts, request: Asked, reply: FastifyReply): Promise<FastifyReply> {
  const { power, store, cluster } = ports;
  const entry = selectedOne(ports, 'node', request.query);
  if (isDryRun(request.query)) throw new MusterError('bad-usage', 'A capture has no dry run.');
  const key = power.key();
  const address = await power.address(entry);
  const { kind, uid, value } = entry;
  await store.commit({
    who: whoOf(request),
    what: whatOf(cluster, request, 'capture'),
    changes: [],
    about: [{ kind, uid, name: value.name }],
  });
  reply.hijack();
  const { raw } = reply;
  const gone = new AbortController();
  raw.on('close', () => gone.abort());
  const [status, reason] = CAPTURE_TRAILERS;
  raw.writeHead(200, {
    'Content-Type': 'application/x-tar',
    'Cache-Control': 'no-store',
    Trailer: `${status}, ${reason}`,
  });
  const end = (code: number, words: string): void => {
    raw.addTrailers({ [status]: String(code), [reason]: encodeURIComponent(words.slice(-2000)) });
    raw.end();
  };
  try {
    const { output, ended } = runScript(address, key, PACK_NODE, gone.signal);
    const [sent, result] = await Promise.allSettled([pipeline(output, raw, { end: false }), ended]);
    if (result.status === 'rejected') throw result.reason;
    if (sent.status === 'rejected') throw sent.reason;
    end(result.value.status, result.value.stderr);
  } catch (error) {
    // A peer that has gone gets no answer.
    if (!raw.destroyed) end(255, reasonOf(error));
  }
  return reply;
}
