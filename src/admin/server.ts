// The admin API on its Unix socket. The operations are in src/api.
import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { BOOTS } from '../api/boots.ts';
import { DAEMON } from '../api/daemon.ts';
import { EXPORTED } from '../api/exports.ts';
import { FILE_SETS } from '../api/file-sets.ts';
import { KICKSTARTS } from '../api/kickstarts.ts';
import { MEMBERS } from '../api/members.ts';
import { NODE_FILES } from '../api/node-files.ts';
import { NODES } from '../api/nodes.ts';
import { OBJECTS } from '../api/objects.ts';
import { POWER } from '../api/power.ts';
import { REHEARSAL } from '../api/rehearsal.ts';
import { STORAGE } from '../api/storage.ts';
import { ERRORS, MusterError, reasonOf } from '../errors.ts';
import { bootHandlers } from './handlers/boots.ts';
import { daemonHandlers } from './handlers/daemon.ts';
import { exportHandlers } from './handlers/exports.ts';
import { fileSetHandlers } from './handlers/file-sets.ts';
import { kickstartHandlers } from './handlers/kickstarts.ts';
import { memberHandlers } from './handlers/members.ts';
import { nodeFileHandlers } from './handlers/node-files.ts';
import { nodeHandlers } from './handlers/nodes.ts';
import { objectHandlers } from './handlers/objects.ts';
import { powerHandlers } from './handlers/power.ts';
import { rehearsalHandlers } from './handlers/rehearsal.ts';
import { storageHandlers } from './handlers/storage.ts';
import { type PeerUsers, peerUsers } from './peer-user.ts';
import type { AdminPorts } from './ports.ts';
import { listenPrivately } from './private-socket.ts';
import { register } from './register.ts';
import { identify } from './requests.ts';

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

/** @param users returns the user at the other end of a connection; callers are trusted when absent */
function buildAdminServer(ports: AdminPorts, users?: PeerUsers): FastifyInstance {
  const server = Fastify({
    bodyLimit: 256 << 20,
    // A shell expands n{0..9999} to 10,000 words, and each becomes an id in the URL.
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
  server.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  register(server, ports, OBJECTS, objectHandlers);
  register(server, ports, MEMBERS, memberHandlers);
  register(server, ports, NODES, nodeHandlers);
  register(server, ports, NODE_FILES, nodeFileHandlers);
  register(server, ports, BOOTS, bootHandlers);
  register(server, ports, REHEARSAL, rehearsalHandlers);
  register(server, ports, POWER, powerHandlers);
  register(server, ports, KICKSTARTS, kickstartHandlers);
  register(server, ports, EXPORTED, exportHandlers);
  register(server, ports, FILE_SETS, fileSetHandlers);
  register(server, ports, STORAGE, storageHandlers);
  register(server, ports, DAEMON, daemonHandlers);
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

/** A socket that answers belongs to a running daemon; a killed daemon leaves one that does not. */
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
