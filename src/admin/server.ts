// The admin API on its Unix socket: who asks, which route, what answer. The routes are in files of their own.
import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify';
import type { Backup } from '../backup/write.ts';
import type { Collected } from '../blobs/garbage.ts';
import type { Boots } from '../boot/boots.ts';
import type { Statuses } from '../boot/status.ts';
import { ERRORS, MusterError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ChangeContext } from '../model/changes.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Networks } from '../networks.ts';
import type { Store } from '../store/store.ts';
import type { Commander } from './commander.ts';
import type {
  Happening,
  Health,
  KickstartFile,
  RunningConfig,
  ShownLease,
  Transfer,
  UnknownMachine,
  VerifyLine,
} from './contract.ts';
import type { EvidenceAccess } from './evidence.ts';
import { type PeerUsers, peerUsers } from './peer-user.ts';
import { listenPrivately } from './private-socket.ts';
import type { RehearsalAccess } from './rehearsal.ts';
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
import { type PowerAccess, powerRoutes } from './routes-power.ts';
import { rehearsalRoutes } from './routes-rehearsal.ts';
import { storageRoutes } from './routes-storage.ts';
import { uploadRoutes } from './routes-uploads.ts';
import type { FilePorts } from './stored-files.ts';

export interface AdminPorts extends FilePorts {
  cluster: Cluster;
  store: Store;
  commander: Commander;
  context: ChangeContext;
  networks: Networks;
  boots: Boots;
  statuses: Statuses;
  log: Log;
  power: PowerAccess;
  health(): Health;
  /** The configuration in use. */
  configuration(): RunningConfig;
  unknown(): UnknownMachine[];
  /** Addresses lent to machines that are no nodes. */
  leases(): ShownLease[];
  kickstarts: {
    list(): Promise<KickstartFile[]>;
    /** The file, or `text` in its place, filled in for a node and a session of it. */
    render(node: string, name: string, session: string, more: { text?: string }): Promise<string>;
  };
  /** The path of a loader by the name that firmware asks for. */
  loaderPath(file: string): string | undefined;
  /** What would be answered to a boot, without one. */
  rehearsal: RehearsalAccess;
  /** Images that are sent, and the queue for them. */
  transfers(): Transfer[];
  /** Calls back for everything that happens, until the returned function is called. */
  watch(listener: (happening: Happening) => void): () => void;
  /** What the head knows about boots besides their timelines; `why` does without when absent. */
  evidence?: EvidenceAccess;
  /** Blobs that nothing refers to are removed; answers what was, or would be, and what keeps the others. */
  collect(dryRun: boolean): Promise<Collected>;
  /** Reads every stored file and compares it with its digest. */
  verify(tell: (line: VerifyLine) => void, signal: AbortSignal): Promise<void>;
  /** Takes a snapshot of everything; what it names is kept until it was sent. */
  backup(): Promise<Backup>;
  /** Figures in the text format of Prometheus. */
  metrics(): Promise<string>;
}

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
