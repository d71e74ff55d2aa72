// The wiring of musterd, in reading order; what was started is stopped in reverse.
import { dirname } from 'node:path';
import { groupId } from './accounts.ts';
import type { PowerAccess, RehearsalAccess } from './admin/ports.ts';
import { startAdminServer } from './admin/server.ts';
import type { Health } from './api/daemon.ts';
import type { VerifyLine } from './api/storage.ts';
import { configurationFiles } from './backup/configuration.ts';
import { beginBackup } from './backup/write.ts';
import { isBlobUsed } from './blobs/garbage.ts';
import { monotonicNow } from './clock.ts';
import { type Config, networksOf } from './config.ts';
import { evidenceAccess } from './daemon/evidence.ts';
import { prepareFiles } from './daemon/file-preparer.ts';
import { heldTwice } from './daemon/held-addresses.ts';
import { type Kickstarts, openKickstarts } from './daemon/kickstarts.ts';
import { type Lent, openLeases, shownLeases, unknownMachines } from './daemon/leases.ts';
import { Metrics, type Served } from './daemon/metrics.ts';
import { startMetricsServer } from './daemon/metrics-server.ts';
import type { NodeFiles } from './daemon/node-files.ts';
import { checkDrivers, headSshKey, powerAccess, powerControl } from './daemon/power.ts';
import { findInterfaces, makeFolder } from './daemon/preflight.ts';
import { rehearsalAccess } from './daemon/rehearsal.ts';
import { openNodeFiles } from './daemon/rendering.ts';
import { startRouterAdvertiser } from './daemon/router-advertiser.ts';
import {
  type BootFiles,
  bootFiles,
  startDhcp,
  startHttp,
  startIscsi,
  startSyslog,
  startTftp,
} from './daemon/servers.ts';
import { openState, type State, type Stops } from './daemon/state.ts';
import { collect, startStorekeeper } from './daemon/storekeeper.ts';
import { UnknownMachines } from './daemon/unknown-machines.ts';
import { verifyStored } from './daemon/verify.ts';
import { LeaseCount } from './dhcp/lease-count.ts';
import type { DhcpServer } from './dhcp/server.ts';
import { MusterError } from './errors.ts';
import type { Log } from './log.ts';
import type { Cluster } from './model/cluster.ts';
import { homelessNodes, homelessWarning } from './model/homeless.ts';
import type { Networks } from './networks.ts';
import { version } from './package-root.ts';
import type { TftpStats } from './tftp/start.ts';
import { parseSubnet, type Subnet } from './wire/ip.ts';

/** iPXE and DHCP option 7 know only this port. */
const SYSLOG_PORT = 514;

export interface Daemon {
  /** Call it when keys of the configuration in use have new values. */
  reloaded(): void;
  /** Returns the conflicts of the objects with a configuration: addresses of nodes that it gives to other machines. */
  problems(config: Config): string[];
  stop(): Promise<void>;
}

/**
 * Starts everything that the configuration asks for; if a part cannot start, stops those before it.
 * @param file the absolute path that the configuration was read from; none for the defaults
 */
export async function startDaemon(config: Config, log: Log, file?: string): Promise<Daemon> {
  const stops: Stops = [];
  const networks = networksOf(config);
  let cluster: Cluster;
  try {
    ({ cluster } = await start({ config, file }, networks, log, stops));
  } catch (error) {
    await stopAll(stops, log);
    throw error;
  }
  return {
    reloaded: () => networks.adopt(networksOf(config)),
    problems: other => heldTwice(cluster, networksOf(other)),
    stop: async () => stopAll(stops, log),
  };
}

async function start(
  { config, file }: { config: Config; file: string | undefined },
  networks: Networks,
  log: Log,
  stops: Stops,
): Promise<State> {
  const network = bootNetwork(config);
  const nic = findInterfaces(config, networks);
  makeFolder(config['paths.state'], 'paths.state', 0o700);
  makeFolder(dirname(config['paths.socket']), 'paths.socket', 0o755);
  const unknown = new UnknownMachines();
  const state = await openState(config, log, network, stops, networks);
  const files = await bootFiles(state);
  const iscsi = await startIscsi(state, stops);
  const kickstarts = openKickstarts(state);
  const nodeFiles = await openNodeFiles(state, stops);
  const sshKey = await headSshKey(state);
  const syslogPort = await startSyslog(state, stops);
  const planeParts = { served: files.served, iscsi, kickstarts, nodeFiles, sshKey, syslogPort };
  const plane = await startHttp(state, planeParts, stops);
  const tftp = await startTftp(state, files.served, plane, stops);
  const takesLogs = syslogPort === SYSLOG_PORT;
  const lent = await openLeases(state, stops);
  const leases = new LeaseCount();
  const dhcp = await startDhcp(state, { ...files, takesLogs }, { unknown, lent, leases, nodeFiles }, stops);
  const rehearsal = rehearsalAccess(state, { ...planeParts, dhcp: dhcp?.context });
  await startRouterAdvertiser(state, stops);
  startStorekeeper(state, stops);
  const control = powerControl(state, sshKey);
  await checkDrivers(control, state);
  const power = powerAccess(state, sshKey, control);
  const parts = { file, files, unknown, lent, tftp, dhcp, leases, iscsi, kickstarts, nodeFiles, rehearsal, power };
  await startAdmin(state, parts, stops);
  const endPreparing = prepareFiles({ cluster: state.cluster, store: state.store, files: nodeFiles });
  stops.push(async () => endPreparing());
  const homeless = homelessNodes(nodesOf(state.cluster), networks);
  if (homeless) log.warn({}, homelessWarning(homeless, state.cluster.count('node')));
  const { 'head.address': address, 'http.port': http, 'paths.socket': socket } = config;
  log.info({ version, interface: nic, address, http, socket }, 'musterd is ready');
  return state;
}

interface AdminParts {
  file: string | undefined;
  files: BootFiles;
  unknown: UnknownMachines;
  lent: Lent;
  tftp: (() => TftpStats) | undefined;
  dhcp: DhcpServer | undefined;
  leases: LeaseCount;
  iscsi: { traffic(): NonNullable<Served['iscsi']> } | undefined;
  kickstarts: Kickstarts;
  nodeFiles: NodeFiles;
  rehearsal: RehearsalAccess;
  power: PowerAccess;
}

async function startAdmin(state: State, parts: AdminParts, stops: Stops): Promise<void> {
  const { files, unknown, lent, kickstarts, nodeFiles, rehearsal, power } = parts;
  const { config, cluster, users, blobs, directory, happenings, now } = state;
  const begun = monotonicNow();
  const metrics = await startMetrics(state, parts, stops);
  const collectNow = async (dryRun: boolean) => collect(state, dryRun);
  const ports = {
    ...state,
    kickstarts,
    nodeFiles,
    rehearsal,
    power,
    loaderPath: (file: string) => files.served.get(file),
    transfers: () => state.governor.list(),
    unknown: () => unknownMachines(unknown, lent, directory),
    leases: () => shownLeases(lent, directory),
    watch: happenings.watch.bind(happenings),
    isUsed: (sha256: string) => isBlobUsed(sha256, cluster, users),
    collect: collectNow,
    verify: async (tell: (line: VerifyLine) => void, signal: AbortSignal) => verifyStored(state, tell, signal),
    evidence: evidenceAccess(state, async () =>
      (await collectNow(true)).removed.reduce((sum, { size }) => sum + size, 0),
    ),
    metrics: async () => metrics.text(),
    backup: async () =>
      beginBackup({
        state: config['paths.state'],
        blobs,
        head: config['head.name'],
        configuration: await configurationFiles(parts.file, config),
        now: now(),
      }),
    configuration: () => ({ file: parts.file ?? null, values: config }),
    health: () => healthOf(state, parts, begun),
  };
  const admin = await startAdminServer(ports, config['paths.socket'], groupId('muster'));
  stops.push(async () => admin.close());
}

/** Returns how the daemon is. @param begun when it began, in milliseconds of the clock that never goes back */
function healthOf(state: State, { dhcp, tftp }: AdminParts, begun: number) {
  const { config, cluster } = state;
  return {
    version,
    name: config['head.name'],
    pid: process.pid,
    uptime: (monotonicNow() - begun) / 1000,
    memory: process.memoryUsage.rss(),
    address: config['head.address'],
    http_port: config['http.port'],
    sequence: cluster.sequence,
    nodes: addressedNodes(state),
    ...(dhcp && { dhcp: dhcp.hearing() }),
    ...(tftp && { tftp: tftp() }),
  };
}

/** The figures of the daemon, on the admin socket and where `metrics.address` says. */
async function startMetrics(state: State, parts: AdminParts, stops: Stops): Promise<Metrics> {
  const { unknown, tftp, leases, iscsi } = parts;
  const { config, cluster, directory, happenings } = state;
  const metrics = new Metrics({
    version,
    stateFolder: config['paths.state'],
    nodeStates: () => cluster.all('node').map(({ uid }) => state.statuses.of(uid).state),
    unknownMachines: () => unknown.list(mac => directory.nodeByMac(mac) !== undefined).length,
    sequence: () => cluster.sequence,
    served: () => {
      const images = state.governor.list();
      const running = images.filter(image => image.state === 'running').length;
      return {
        leases: leases.count(),
        images: { running, queued: images.length - running },
        ...(tftp && { tftp: tftp() }),
        ...(iscsi && { iscsi: iscsi.traffic() }),
      };
    },
  });
  happenings.watch(happening => metrics.happened(happening));
  if (config['metrics.address'] !== '') {
    const served = await startMetricsServer(config['metrics.address'], async () => metrics.text());
    stops.push(async () => served.close());
  }
  return metrics;
}

function addressedNodes({ cluster, networks }: State): NonNullable<Health['nodes']> {
  const addresses = cluster.all('node').flatMap(({ value }) => (value.ip ? [value.ip] : []));
  const attached = addresses.filter(ip => networks.of(ip)?.attached).length;
  const homeless = homelessNodes(nodesOf(cluster), networks);
  return { addressed: addresses.length, attached, ...(homeless && { homeless }) };
}

function nodesOf(cluster: State['cluster']): { name: string; ip: string }[] {
  return cluster.all('node').map(({ value }) => value);
}

async function stopAll(stops: Stops, log: Log): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    await stop().catch(error => log.error({ error: String(error) }, 'a part did not stop cleanly'));
  }
}

function bootNetwork(config: Config): Subnet {
  const network = parseSubnet(config['head.address']);
  if (network) return network;
  throw new MusterError('bad-config', `head.address '${config['head.address']}' is no address with a prefix.`);
}
