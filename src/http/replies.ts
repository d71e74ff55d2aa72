// Short answers in plain text, and who they go to.
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A route whose GET has no effects answers HEAD too (RFC 9110 §9.2.1, §9.3.2). */
export const SAFE = { exposeHeadRoute: true };

export function text(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(body);
}

/** `address:port`; the address alone of what did not come by a connection. */
export function peerOf({ ip, socket: { remotePort } }: FastifyRequest): string {
  return remotePort === undefined ? ip : `${ip}:${remotePort}`;
}
