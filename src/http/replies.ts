// Short answers in plain text, and who they go to.
import type { FastifyReply, FastifyRequest } from 'fastify';

export function text(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(body);
}

/** `address:port`. */
export function peerOf(request: FastifyRequest): string {
  return `${request.ip}:${request.socket.remotePort ?? 0}`;
}
