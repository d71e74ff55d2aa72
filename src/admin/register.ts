// Turns the operations into routes: each row's schemas read the request, and the row defines how its reply is sent.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { revisionTag } from '../api/objects.ts';
import { type Operation, type Operations, pathOf } from '../api/operation.ts';
import { type ErrorCode, MusterError } from '../errors.ts';
import { problemOf } from '../issue.ts';
import type { Kind } from '../model/kind-words.ts';
import { KIND_WORDS } from '../model/kind-words.ts';
import { own } from '../own.ts';
import { boundsProblem } from './bounds.ts';
import type { Asked, Handlers, Lines, Raw } from './handler.ts';
import { streamed } from './lines.ts';
import type { AdminPorts } from './ports.ts';
import { whatOf, whoOf } from './requests.ts';

export function register<R extends Operations>(
  server: FastifyInstance,
  ports: AdminPorts,
  operations: R,
  handlers: Handlers<R>,
): void {
  for (const name of Object.keys(operations) as (keyof R & string)[])
    registerOne(server, ports, operations[name], handlers[name]);
}

function registerOne<O extends Operation>(
  server: FastifyInstance,
  ports: AdminPorts,
  operation: O,
  handler: Handlers<Record<string, O>>[string],
): void {
  const query = z.object(
    Object.fromEntries(Object.entries(operation.query ?? {}).map(([name, make]) => [name, make(z)])),
  );
  const body = typeof operation.body === 'function' ? operation.body(z) : undefined;
  const bodyOf = (given: unknown): unknown => {
    if (operation.body === 'bytes' && !(given instanceof Readable))
      throw new MusterError('bad-usage', 'The body must be bytes, sent as application/octet-stream.');
    return body ? read(body, 'The body', given, operation.wrong) : given;
  };
  for (const kind of operation.kinds ?? [undefined])
    server.route({
      method: operation.method,
      url: pathOf(operation, kind),
      handler: async (request, reply) => {
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        const checked = bodyOf(hasBody(request) ? request.body : undefined);
        // The row's schemas have produced what the row's types declare
        const asked = {
          kind,
          params: request.params,
          query: read(query, 'The query', request.query, 'bad-value'),
          body: checked,
          who: whoOf(request),
          what: whatOf(ports.cluster, request, auditWords(operation, kind, checked)),
          ifMatch: request.headers['if-match'],
          isHead: request.method === 'HEAD',
          gone: gone.signal,
        } as Asked<O>;
        return send(reply, operation, asked, await handler(asked, ports));
      },
    });
}

/** The framework gives null for a body that is absent, and for one that is `null` (RFC 9112 §6.3). */
function hasBody({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Returns the parts of a request that its schema accepts; throws a sentence about the first fault. */
function read(schema: z.ZodType, whole: string, given: unknown, wrong: ErrorCode = 'bad-usage'): unknown {
  const large = boundsProblem(given);
  if (large !== undefined) throw new MusterError('bad-usage', `${whole} ${large}.`);
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const [issue] = error.issues;
  const isShape = issue?.path.length === 0 || issue?.code === 'unrecognized_keys';
  const problem = problemOf(whole, error, given);
  throw new MusterError(isShape ? 'bad-usage' : wrong, problem.endsWith('?') ? problem : `${problem}.`);
}

/** The audit text for a caller that gives none. */
function auditWords({ audit = '' }: Operation, kind: Kind | undefined, body: unknown): string {
  if (typeof audit === 'function') return audit(body);
  const words = { ...(typeof body === 'object' ? body : {}), ...(kind && KIND_WORDS[kind]) };
  return audit.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const word = own<unknown>(words, name);
    return typeof word === 'string' ? word : '';
  });
}

function send(
  reply: FastifyReply,
  { reply: type, creates, etag, unread }: Operation,
  asked: Asked<Operation>,
  given: unknown,
): FastifyReply | Promise<FastifyReply> {
  if (type === 'json') {
    const isDry = (asked.query as { dry_run?: boolean }).dry_run === true;
    if (etag) reply.header('ETag', revisionTag(given as Parameters<typeof revisionTag>[0]));
    return reply.code(creates && !isDry ? 201 : 200).send({ success: true, data: given });
  }
  if (type === 'lines') return hijacked(reply, async raw => streamed(raw, given as Lines<object>, asked.gone, unread));
  const answer = given as Raw;
  if (typeof answer === 'function') return hijacked(reply, answer);
  return reply
    .type(type)
    .headers(answer.headers ?? {})
    .send(answer.body);
}

async function hijacked(
  reply: FastifyReply,
  write: (raw: FastifyReply['raw']) => Promise<void>,
): Promise<FastifyReply> {
  reply.hijack();
  await write(reply.raw);
  return reply;
}
