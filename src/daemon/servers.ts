// The servers of the boot network, each with the ports it needs of the state.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Boot } from '../boot/boot.ts';
import { DEFAULT_STATUS_SECONDS, type PlanAnswer } from '../boot/boot-plan.ts';
import { planeOf } from '../boot/command-line.ts';
import { loadHeadKey } from '../boot/head-key.ts';
import { iscsiNames, readsOverIscsi } from '../boot/iscsi-access.ts';
import { loaderAfter } from '../boot/loader-history.ts';
import { findLoaders, findSpareLoaders, type Loaders, type SpareLoaders, servedLoaders } from '../boot/loaders.ts';
import { planBoot } from '../boot/plan.ts';
import { BootPlane } from '../boot/plane/plane.ts';
import { monotonicNow } from '../clock.ts';
import type { LoaderName } from '../config-values.ts';
import type { Grant } from '../dhcp/answer.ts';
import type { LeaseCount } from '../dhcp/lease-count.ts';
import type { UnknownClient } from '../dhcp/ports.ts';
import { type DhcpServer, startDhcpServer } from '../dhcp/server.ts';
import { reasonOf } from '../errors.ts';
import { attributesIni } from '../http/attributes-ini.ts';
import { startBootPlane } from '../http/boot-plane.ts';
import type { BootPlanePorts } from '../http/ports.ts';
import { startBootIscsi } from '../iscsi-boot/server.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import { openAttributes } from '../model/secrets.ts';
import type { SshKey } from '../ssh/ssh.ts';
import { startSyslogServer } from '../syslog/server.ts';
import { startTftpServer, type TftpServer, type TftpStats } from '../tftp/start.ts';
import { BootFileHeads } from './boot-file-heads.ts';
import { bootScript, loaderFile, loaderMismatches, writeAutoexec } from './boot-files.ts';
import { takeOnce } from './boot-once.ts';
import { grubLoaders } from './grub-loaders.ts';
import { IsoImages } from './iso-images.ts';
import type { Kickstarts } from './kickstarts.ts';
import type { Lent } from './leases.ts';
import { NewNodes } from './new-nodes.ts';
import { nodeFilePorts } from './node-file-ports.ts';
import type { NodeFiles } from './node-files.ts';
import { starting } from './preflight.ts';
import { shimLoaders } from './shim-loaders.ts';
import { onNodeDeleted, type State, type Stops } from './state.ts';
import type { UnknownMachines } from './unknown-machines.ts';

export interface BootFiles {
  loaders: Loaders;
  spares: SpareLoaders;
  /** Paths by the names that firmware requests. */
  served: Map<string, string>;
}

/** Returns the loaders of this machine, and every file that firmware may fetch, by name. */
export async function bootFiles({ config, log, networks }: State): Promise<BootFiles> {
  const loaders = findLoaders(config.loaders, existsSync);
  if (Object.keys(loaders).length === 0) {
    log.warn(
      {},
      'no iPXE loader was found; install the package ipxe (Debian) or ipxe-bootimgs (RHEL), or name files in [loaders]',
    );
  }
  for (const { name, text } of loaderMismatches(loaders)) log.warn({}, `loaders.${name}: ${text}`);
  const spares = findSpareLoaders(config.loaders, loaders, existsSync);
  return {
    loaders,
    spares,
    served: new Map([
      ...servedLoaders(loaders, spares),
      ['autoexec.ipxe', await writeAutoexec(config, networks)],
      ...(await grubLoaders(config, networks, log)),
      ...(await shimLoaders(config, networks, log)),
    ]),
  };
}

type Iscsi = Awaited<ReturnType<typeof startBootIscsi>>;

export async function startIscsi(state: State, stops: Stops): Promise<Iscsi | undefined> {
  const { config, networks, blobs, directory, boots, log, store } = state;
  if (!config['iscsi.enabled']) return undefined;
  const options = {
    addresses: networks.attached.map(item => item.head),
    addressFor: (ip: string) => (networks.of(ip) ?? networks.main).head,
    port: config['iscsi.port'],
    workers: config['iscsi.workers'],
    names: iscsiNames(config['iscsi.iqn']),
    key: await loadHeadKey(config['paths.state'], randomBytes),
    stateFolder: config['paths.state'],
    blobPath: (sha256: string) => blobs.path(sha256),
    directory,
    boots,
    failures: state.failures,
    watch: state.iscsiWatch,
    log,
  };
  const iscsi = await starting('The iSCSI target', 'iscsi.port or iscsi.enabled', async () => startBootIscsi(options));
  stops.push(async () => iscsi.close());
  onNodeDeleted(store, uid => iscsi.forget(uid));
  return iscsi;
}

export interface HttpParts {
  /** Paths by the names that firmware requests. */
  served: ReadonlyMap<string, string>;
  iscsi: Iscsi | undefined;
  kickstarts: Kickstarts;
  /** The port of the syslog receiver, when there is one. */
  syslogPort: number | undefined;
  /** The key with which the head reaches its nodes. */
  sshKey: SshKey | undefined;
  /** Renders the files of nodes. */
  nodeFiles: NodeFiles;
}

export async function startHttp(state: State, parts: HttpParts, stops: Stops): Promise<BootPlane> {
  const ports = bootPlanePorts(state, parts);
  const plane = new BootPlane(ports);
  const server = await starting('The HTTP boot plane', 'http.port', async () => startBootPlane(ports, plane));
  state.secretPlane.servedBy(server);
  await state.secretPlane.resume();
  stops.push(async () => server.close());
  return plane;
}

/** Returns what the boot plane needs from the state. */
export function bootPlanePorts(
  state: State,
  { served, iscsi, kickstarts, nodeFiles, sshKey, syslogPort }: HttpParts,
): BootPlanePorts {
  const { config, networks, cluster, directory, boots, statuses, log, blobs, saver } = state;
  const attributesOf = (uid: string) => {
    const node = cluster.get('node', uid);
    return node && effectiveAttributes(cluster, node.value);
  };
  const heads = new BootFileHeads(sha256 => blobs.path(sha256));
  return {
    addresses: networks.attached.map(item => item.head),
    head: (ip: string) => {
      const { head, subnet, router, dns, domain } = networks.of(ip) ?? networks.main;
      return {
        address: head,
        port: config['http.port'],
        prefix: subnet.prefix,
        router,
        dns,
        domain,
        failureSeconds: config['boot.failure_seconds'],
        ...(sshKey && { sshKey: sshKey.publicKey }),
        ...(state.secretPlane.facts && { tls: state.secretPlane.facts }),
        ...(syslogPort !== undefined && { syslogPort }),
      };
    },
    directory,
    boots,
    statuses,
    log,
    ...nodeFilePorts(state, nodeFiles),
    enrolment: state.enrolment,
    plan: (uid: string, arch?: LoaderName) => planOf(state, uid, iscsi !== undefined, arch),
    template: async (name: string) => bootScript(config, name),
    blobPath: (sha256: string) => blobs.path(sha256),
    bootFileHead: async file => heads.of(file),
    loaderFile: (name: string) => loaderFile(served.get(name)),
    save: saver.now.bind(saver),
    attributesIni: (uid: string) => {
      const node = cluster.get('node', uid);
      if (!node) return undefined;
      return attributesIni({ uid, name: node.value.name }, openAttributes(cluster, node.value));
    },
    governor: state.governor,
    failures: state.failures,
    connections: state.connections,
    refusals: state.refusals,
    bounds: { perPeer: config['http.peer_connections'] },
    ...(iscsi && { iscsiAccess: iscsi.access }),
    ...installPorts(state, kickstarts),
    takeOnce: async (boot: Boot) => takeOnce(state, boot),
    statusSeconds: (uid: string) => Number(attributesOf(uid)?.get('_status_secs')?.value ?? DEFAULT_STATUS_SECONDS),
  };
}

function installPorts(state: State, kickstarts: Kickstarts): Pick<BootPlanePorts, 'kickstart' | 'iso'> {
  const { cluster, blobs } = state;
  const images = new IsoImages(sha256 => blobs.path(sha256));
  return {
    kickstart: async (plan, session, file) => kickstarts.render(plan.node.uid, file, session, { plan }),
    iso: async (name, path, frozen) => {
      const repo = cluster.byName('repo', name) ?? cluster.get('repo', name);
      const blob = frozen ?? repo?.value.iso?.sha256;
      return blob === undefined ? undefined : images.find(blob, path);
    },
  };
}

/** Returns its port; none when it does not listen, which does not prevent the start. */
export async function startSyslog(
  { config, networks, directory, boots, panics, log }: State,
  stops: Stops,
): Promise<number | undefined> {
  if (!config['syslog.enabled']) return undefined;
  const addresses = networks.attached.map(item => item.head);
  const port = config['syslog.port'];
  try {
    const keep = (node: string, message: Parameters<typeof boots.message>[1]): void => {
      panics.heard(node, message.text);
      boots.message(node, message);
    };
    const syslog = await startSyslogServer({ addresses, port, directory, log, now: monotonicNow, keep });
    stops.push(async () => syslog.close());
    return port;
  } catch (error) {
    log.warn(
      { error: reasonOf(error) },
      `syslog messages of booting nodes are not received: port ${port} is not available; see syslog.port and syslog.enabled`,
    );
    return undefined;
  }
}

/** Returns a function for the statistics of all addresses; none when TFTP is off. */
export async function startTftp(
  state: State,
  served: ReadonlyMap<string, string>,
  plane: BootPlane,
  stops: Stops,
): Promise<(() => TftpStats) | undefined> {
  const { config, networks, boots, directory, log, transfers } = state;
  if (!config['tftp.enabled']) return undefined;
  const options = {
    port: config['tftp.port'],
    singlePort: config['tftp.single_port'],
    mostBlock: config['tftp.max_blksize'],
    files: served,
    // Whoever forges an address could begin a boot with it, more easily than over HTTP: so only for nodes that have no other way
    bootFiles: async (path: string, ip: string) =>
      directory.nodeByIp(ip)?.loader === 'shim' ? plane.fileByTftp(path, ip) : undefined,
    journey: boots,
    progress: transfers.told.bind(transfers),
    failures: state.failures,
    directory,
    log,
  };
  const servers: TftpServer[] = [];
  for (const { head } of networks.attached) {
    const start = async () => startTftpServer({ ...options, address: head });
    const tftp = await starting('The TFTP server', 'tftp.port or tftp.enabled', start);
    stops.push(async () => tftp.close());
    servers.push(tftp);
  }
  return () => {
    const sum: TftpStats = { active: 0, finished: 0, failed: 0, refused: 0, ignored: 0, bytes: 0, cachedBytes: 0 };
    for (const server of servers)
      for (const [name, value] of Object.entries(server.stats())) sum[name as keyof TftpStats] += value;
    return sum;
  };
}

/** Returns the server; none when `dhcp.mode` is off. */
export async function startDhcp(
  state: State,
  { loaders, spares, served, takesLogs }: BootFiles & { takesLogs: boolean },
  {
    unknown,
    lent,
    leases,
    nodeFiles,
  }: { unknown: UnknownMachines; lent: Lent; leases: LeaseCount; nodeFiles: NodeFiles },
  stops: Stops,
): Promise<DhcpServer | undefined> {
  const { config, networks, directory, boots, log, context, commander } = state;
  const { lending, quarantine } = lent;
  if (config['dhcp.mode'] === 'off') return undefined;
  const newNodes = new NewNodes({ context, commander, log, now: monotonicNow });
  const options = {
    networks,
    config,
    directory,
    journey: boots,
    log,
    loaders,
    served,
    takesLogs,
    spares,
    chooseLoader: (node: string, files: readonly string[]) => loaderAfter(boots.of(node), files),
    leased: leases.given.bind(leases),
    granted: (grant: Grant) => {
      boots.grant(grant.node, grant.mac);
      // Its files are ready when it asks for its script; what goes wrong is reported then
      void nodeFiles.planned(state.cluster, grant.node).catch(() => undefined);
    },
    lending,
    quarantine,
    failures: state.failures,
    refusals: state.refusals,
    heard: state.macSightings.heard.bind(state.macSightings),
    seen: (client: UnknownClient) => {
      unknown.seen(client);
      void newNodes.seen(client);
    },
  };
  const dhcp = await starting('The DHCP server', 'dhcp.mode', async () => startDhcpServer(options));
  stops.push(async () => dhcp.close());
  return dhcp;
}

function planOf(
  { cluster, networks, config, boots }: State,
  uid: string,
  withIscsi: boolean,
  arch = boots.current(uid)?.arch,
): PlanAnswer {
  const node = cluster.get('node', uid);
  if (!node) return { refused: 'the node was deleted' };
  const plane = planeOf(networks, config['http.port'], node.value.ip, arch);
  const answer = planBoot(cluster, node, plane);
  if (withIscsi || !('plan' in answer) || !readsOverIscsi(answer.plan)) return answer;
  return { refused: 'it boots from iSCSI, and iscsi.enabled is false in the configuration of the head' };
}
