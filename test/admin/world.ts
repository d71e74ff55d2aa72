// The admin API as the daemon has it, over a real Unix socket and a real store, without the servers of the boot path.
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import type { EvidenceAccess } from '../../src/admin/evidence.ts';
import { startAdminServer } from '../../src/admin/server.ts';
import type { VerifyLine } from '../../src/api/storage.ts';
import { configurationFiles } from '../../src/backup/configuration.ts';
import { beginBackup } from '../../src/backup/write.ts';
import { type Collected, isBlobUsed } from '../../src/blobs/garbage.ts';
import { defaultConfig } from '../../src/config.ts';
import { openKickstarts } from '../../src/daemon/kickstarts.ts';
import { headSshKey, powerAccess, powerControl } from '../../src/daemon/power.ts';
import { rehearsalAccess } from '../../src/daemon/rehearsal.ts';
import { openNodeFiles } from '../../src/daemon/rendering.ts';
import { openState, type Stops } from '../../src/daemon/state.ts';
import { collect } from '../../src/daemon/storekeeper.ts';
import { UnknownMachines } from '../../src/daemon/unknown-machines.ts';
import { verifyStored } from '../../src/daemon/verify.ts';
import { silentLog } from '../../src/log.ts';
import { parseSubnet, type Subnet } from '../../src/wire/ip.ts';
import { checkReply } from './check-reply.ts';

export interface WorldOptions {
  /** The head's address with its prefix. */
  network?: string;
  /** A gid for the socket. */
  group?: number;
  /** What `why` looks at besides the timelines; nothing when absent. */
  evidence?: EvidenceAccess;
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Starts it in a folder; what an earlier one left there is taken up. */
export async function startWorld(folder: string, options: WorldOptions = {}) {
  const address = options.network ?? '10.54.0.1/24';
  const socket = join(folder, 'run/admin.sock');
  const config = {
    ...defaultConfig(),
    'head.name': 'head1',
    'head.address': address,
    'paths.state': join(folder, 'state'),
    'paths.socket': socket,
    'paths.kickstarts': join(folder, 'kickstarts'),
  };
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  const state = await openState(config, silentLog(), parseSubnet(address) as Subnet, stops);
  const { cluster, users, blobs, directory, happenings } = state;
  const unknown = new UnknownMachines();
  const sshKey = await headSshKey(state);
  const nodeFiles = await openNodeFiles(state, stops);
  const collectNow = async (dryRun: boolean, youngMs?: number): Promise<Collected> => collect(state, dryRun, youngMs);
  const ports = {
    ...state,
    kickstarts: openKickstarts(state),
    nodeFiles,
    power: powerAccess(state, sshKey, powerControl(state, sshKey)),
    loaderPath: () => undefined,
    rehearsal: rehearsalAccess(state, {
      served: new Map(),
      iscsi: undefined,
      syslogPort: undefined,
      sshKey,
      nodeFiles,
      dhcp: undefined,
    }),
    ...(options.evidence && { evidence: options.evidence }),
    transfers: () => state.governor.list(),
    unknown: () => unknown.list(mac => directory.nodeByMac(mac) !== undefined),
    leases: () => [],
    watch: happenings.watch.bind(happenings),
    isUsed: (sha256: string) => isBlobUsed(sha256, cluster, users),
    collect: collectNow,
    verify: async (tell: (line: VerifyLine) => void, signal: AbortSignal) => verifyStored(state, tell, signal),
    backup: async () =>
      beginBackup({
        state: config['paths.state'],
        blobs,
        head: 'head1',
        configuration: await configurationFiles(undefined, config),
        now: state.now(),
      }),
    metrics: async () => '',
    configuration: () => ({ file: null, values: config }),
    health: () => ({
      version: '0',
      name: 'head1',
      pid: process.pid,
      uptime: 1,
      memory: process.memoryUsage.rss(),
      address,
      http_port: 8080,
      sequence: cluster.sequence,
    }),
  };
  try {
    const server = await startAdminServer(ports, socket, options.group);
    stops.push(async () => server.close());
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...state, folder, socket, unknown, collect: collectNow, stop };
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The body as it came, and as JSON when it is. */
  text: string;
  json: { success?: boolean; data?: unknown; reason?: string; code?: string; hint?: string } & Record<string, unknown>;
}

/** One request as any HTTP client would make it. */
export async function ask(
  socket: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const isBytes = Buffer.isBuffer(body);
  const isText = typeof body === 'string';
  const payload = body === undefined ? undefined : isBytes || isText ? body : JSON.stringify(body);
  const type = isBytes ? 'application/octet-stream' : 'application/json';
  return new Promise((resolve, reject) => {
    const asked = httpRequest(
      {
        socketPath: socket,
        method,
        path,
        headers: { ...(payload !== undefined && { 'content-type': type }), ...headers },
      },
      response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', chunk => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const isJson = String(response.headers['content-type']).startsWith('application/json');
          try {
            if (response.statusCode === 200 || response.statusCode === 201) checkReply(method, path, text);
          } catch (error) {
            return reject(error);
          }
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson && text !== '' ? JSON.parse(text) : {},
          });
        });
      },
    );
    asked.on('error', reject);
    asked.end(payload);
  });
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The smallest file that is a kernel: the boot protocol's header, with a version text, and some bytes behind. */
export function fakeKernel(release: string, more: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(0x400);
  head.writeUInt16LE(0xaa55, 0x1fe);
  head.write('HdrS', 0x202, 'latin1');
  head.writeUInt16LE(0x100, 0x20e);
  head.write(`${release} (builder@host) #1\0`, 0x300, 'latin1');
  return Buffer.concat([head, more]);
}
