// The admin API on its Unix socket: who asks, which route, what answer. The routes are in files of their own.
import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify';
import { ERRORS, MusterError, reasonOf } from '../errors.ts';
import { type PeerUsers, peerUsers } from './peer-user.ts';
import type { AdminPorts } from './ports.ts';
import { listenPrivately } from './private-socket.ts';
import { identify } from './requests.ts';
import { backupRoutes } from './routes-backup.ts';
import { boardRoutes } from './routes-board.ts';
import { bootRoutes } from './routes-boot.ts';
import { captureRoutes } from './routes-capture.ts';
import { daemonRoutes } from './routes-daemon.ts';
import { importRoutes } from './routes-import.ts';
import { kickstartRoutes } from './routes-kickstart.ts';
import { memberRoutes } from './routes-members.ts';
import { nameRoutes } from './routes-names.ts';
import { objectRoutes } from './routes-objects.ts';
import { powerRoutes } from './routes-power.ts';
import { rehearsalRoutes } from './routes-rehearsal.ts';
import { storageRoutes } from './routes-storage.ts';
import { uploadRoutes } from './routes-uploads.ts';

export async function startAdminServer(
  ports: AdminPorts,
  socket: string,
  group: number | undefined,
): Promise<{ close(): Promise<void> }> {
  const server = buildAdminServer(ports, await peerUsers());
  await refuseSecond(socket);
  const folder = dirname(socket);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o755 });
  await listenPrivately(async path => server.listen({ path }), socket, group);
  return {
    close: async () => {
      await server.close();
      await rm(socket, { force: true });
    },
  };
}

/** @param users who is at the other end of a connection; each caller is taken at his word when absent */
function buildAdminServer(ports: AdminPorts, users?: PeerUsers): FastifyInstance {
  const server = Fastify({
    bodyLimit: 256 << 20,
    // A shell expands n{0..9999} to as many words, and each becomes an id in the URL.
    http: { maxHeaderSize: 4 << 20 },
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 8192 },
  });
  if (users) server.addHook('onRequest', async request => identify(request, users));
  server.setErrorHandler(async (error, _request, reply) => {
    const known = error instanceof MusterError ? error : fromFramework(error);
    if (known.code === 'internal')
      ports.log.error({ error: reasonOf(error), stack: (error as Error).stack }, 'admin: a request failed');
    const hint = known.hint ? { hint: known.hint } : {};
    return reply
      .code(ERRORS[known.code].status)
      .send({ success: false, reason: known.message, code: known.code, ...hint });
  });
  server.setNotFoundHandler(async (request, reply) => {
    const reason = `There is no ${request.method} ${request.url.split('?')[0]} in this API.`;
    return reply.code(404).send({ success: false, reason, code: 'no-such-object' });
  });
  const routes: RouteOptions[] = [];
  server.addHook('onRoute', route => {
    if (!route.config?.about) throw new MusterError('internal', `The route ${route.url} does not say what it is for.`);
    routes.push(route);
  });
  objectRoutes(server, ports);
  memberRoutes(server, ports);
  importRoutes(server, ports);
  kickstartRoutes(server, ports);
  nameRoutes(server, ports);
  bootRoutes(server, ports);
  rehearsalRoutes(server, ports);
  boardRoutes(server, ports);
  uploadRoutes(server, ports);
  powerRoutes(server, ports);
  captureRoutes(server, ports);
  backupRoutes(server, ports);
  storageRoutes(server, ports);
  daemonRoutes(server, ports, routes);
  return server;
}

function fromFramework(error: unknown): MusterError {
  const status = (error as { statusCode?: number }).statusCode ?? 500;
  if (status === 415)
    return new MusterError('bad-usage', 'The body must be JSON, sent with the header Content-Type: application/json.');
  return status < 500
    ? new MusterError('bad-usage', reasonOf(error))
    : new MusterError('internal', `muster failed: ${reasonOf(error)}`, { cause: error as Error });
}

/** A socket that answers belongs to a living daemon; one that does not is what a killed one left. */
async function refuseSecond(socket: string): Promise<void> {
  if (!existsSync(socket)) return;
  const answers = await new Promise<boolean>(resolve => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (answers)
    throw new MusterError(
      'bad-config',
      `Another musterd answers on ${socket}; stop it, or give paths.socket another value.`,
    );
  await rm(socket, { force: true });
}
