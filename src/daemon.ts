// The wiring of musterd, in reading order; what was started is stopped in reverse.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Commander } from './admin/commander.ts';
import { startAdminServer } from './admin/server.ts';
import { Blobs } from './blobs/blobs.ts';
import { collectGarbage, isBlobUsed } from './blobs/garbage.ts';
import { Uploads } from './blobs/uploads.ts';
import type { Boot } from './boot/boot.ts';
import { Boots } from './boot/boots.ts';
import { clusterDirectory } from './boot/cluster-directory.ts';
import { loadHeadKey } from './boot/head-key.ts';
import { iscsiNames } from './boot/iscsi-access.ts';
import { findLoaders, servedLoaders } from './boot/loaders.ts';
import { DEFAULT_STATUS_SECONDS, type PlanAnswer, planBoot } from './boot/plan.ts';
import { fillTemplate } from './boot/script.ts';
import { Statuses } from './boot/status.ts';
import { BootSaver } from './boot-saver.ts';
import type { Config } from './config.ts';
import type { Grant } from './dhcp/exchange.ts';
import { startDhcpServer, type UnknownClient } from './dhcp/server.ts';
import { MusterError } from './errors.ts';
import { Happenings } from './happenings.ts';
import { attributesIni } from './http/attributes-ini.ts';
import { type BootPlanePorts, startBootPlane } from './http/boot-plane.ts';
import type { HeadFacts } from './http/session-values.ts';
import { startBootIscsi } from './iscsi/boot-server.ts';
import type { Log } from './log.ts';
import { effectiveAttributes } from './model/attributes.ts';
import { Cluster } from './model/cluster.ts';
import { firstObjects } from './model/first-objects.ts';
import { planHead } from './model/head.ts';
import { NewNodes } from './new-nodes.ts';
import { packageRoot, version } from './package-root.ts';
import { findInterface, starting } from './preflight.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import { startTftpServer } from './tftp/server.ts';
import { UnknownMachines } from './unknown-machines.ts';
import { parseSubnet, type Subnet } from './wire/ip.ts';

export interface Daemon {
  stop(): Promise<void>;
}

/** Starts everything that the configuration asks for; when a part cannot start, those before it are stopped again. */
export async function startDaemon(config: Config, log: Log): Promise<Daemon> {
  const stops: (() => Promise<void>)[] = [];
  try {
    await start(config, log, stops);
  } catch (error) {
    await stopAll(stops, log);
    throw error;
  }
  return { stop: async () => stopAll(stops, log) };
}

async function start(config: Config, log: Log, stops: (() => Promise<void>)[]): Promise<void> {
  const network = bootNetwork(config);
  const nic = findInterface(config, network);
  const now = (): number => Date.now();
  const newUid = (): string => randomBytes(16).toString('hex');
  const begun = now();

  const store = await openSqliteStore(config['paths.state']);
  stops.push(async () => store.close());
  const cluster = new Cluster();
  const loaded = await store.load();
  cluster.apply(
    loaded.sequence,
    loaded.entries.map(entry => ({ kind: entry.kind, uid: entry.uid, entry })),
  );
  store.subscribe(entry => cluster.apply(entry.sequence, entry.effects));
  const commander = new Commander(cluster, store);
  const context = { cluster, network, newUid };
  await commander.perform({ who: 'muster', what: 'first start', plan: () => firstObjects(context) });
  const headFacts = {
    name: config['head.name'],
    address: config['head.address'],
    http_port: config['http.port'],
    version,
  };
  await commander.perform({
    who: 'muster',
    what: `start of ${headFacts.name}`,
    plan: () => planHead(context, headFacts),
  });

  const directory = clusterDirectory(cluster);
  const happenings = new Happenings(cluster);
  const saver = new BootSaver(store, log);
  stops.push(async () => saver.flush());
  const boots = new Boots(
    {
      directory,
      now,
      randomHex: digits =>
        randomBytes(Math.ceil(digits / 2))
          .toString('hex')
          .slice(0, digits),
      changed: boot => saver.later(boot),
      dropped: id => saver.drop(id),
      watch: (boot, event) => happenings.boot(boot, event),
      trustsAddressAlone: () => !config['dhcp.enabled'],
      sessionMs: () => config['boot.session_seconds'] * 1000,
    },
    (await store.loadBoots()).map(saved => JSON.parse(saved.body) as Boot),
  );
  const statuses = new Statuses(boots, now);
  stops.push(happenings.follow(store, statuses));
  store.subscribe(entry => {
    for (const effect of entry.effects) {
      if (effect.kind !== 'node' || effect.entry) continue;
      for (const id of boots.forget(effect.uid)) saver.drop(id);
      statuses.forget(effect.uid);
    }
  });

  const blobs = new Blobs(config['paths.state']);
  const uploads = new Uploads(config['paths.state'], newUid, now);
  const loaders = findLoaders(config.loaders, existsSync);
  if (Object.keys(loaders).length === 0) {
    log.warn(
      {},
      'no iPXE loader was found; install the package ipxe (Debian) or ipxe-bootimgs (RHEL), or name files in [loaders]',
    );
  }
  const served = new Map([...servedLoaders(loaders), ['autoexec.ipxe', await writeAutoexec(config, network)]]);
  const unknown = new UnknownMachines();
  const newNodes = new NewNodes({ context, commander, log, now });

  const head = (): HeadFacts => ({
    address: network.address,
    port: config['http.port'],
    prefix: network.prefix,
    router: config['dhcp.router'],
    dns: config['dhcp.dns'],
    domain: config['dhcp.domain'],
    failureSeconds: config['boot.failure_seconds'],
  });
  const startIscsi = async () =>
    startBootIscsi({
      address: network.address,
      port: config['iscsi.port'],
      names: iscsiNames(config['iscsi.iqn']),
      key: loadHeadKey(config['paths.state'], randomBytes),
      stateFolder: config['paths.state'],
      blobPath: sha256 => blobs.path(sha256),
      directory,
      boots,
      log,
    });
  const iscsi = config['iscsi.enabled']
    ? await starting('The iSCSI target', 'iscsi.port or iscsi.enabled', startIscsi)
    : undefined;
  if (iscsi) {
    stops.push(async () => iscsi.close());
    store.subscribe(entry => {
      for (const { kind, uid, entry: left } of entry.effects) if (kind === 'node' && !left) iscsi.forget(uid);
    });
  }
  const attributesOf = (uid: string) => {
    const node = cluster.get('node', uid);
    return node && effectiveAttributes(cluster, node.value);
  };
  const planePorts: BootPlanePorts = {
    head,
    directory,
    boots,
    statuses,
    log,
    plan: uid => {
      const node = cluster.get('node', uid);
      if (!node) return { refusal: 'the node was deleted' };
      const answer: PlanAnswer = planBoot(cluster, node);
      if (iscsi || !('plan' in answer) || answer.plan.style !== 'iscsi') return answer;
      return { refusal: 'its boot style is iscsi, and iscsi.enabled is false in the configuration of the head' };
    },
    template: async name => bootScript(config, name),
    blobPath: sha256 => blobs.path(sha256),
    loaderFile: name => loaderFile(served.get(name)),
    save: async boot => saver.now(boot),
    attributesIni: uid => {
      const node = cluster.get('node', uid);
      return node && attributesIni({ uid, name: node.value.name }, effectiveAttributes(cluster, node.value));
    },
    ...(iscsi && { iscsiAccess: iscsi.access }),
    statusSeconds: uid => Number(attributesOf(uid)?.get('_status_secs')?.value ?? DEFAULT_STATUS_SECONDS),
  };
  const plane = await starting('The HTTP boot plane', 'http.port', async () => startBootPlane(planePorts));
  stops.push(async () => plane.close());

  if (config['tftp.enabled']) {
    const tftpOptions = {
      address: network.address,
      port: config['tftp.port'],
      files: served,
      journey: boots,
      directory,
      log,
    };
    const tftp = await starting('The TFTP server', 'tftp.port or tftp.enabled', async () =>
      startTftpServer(tftpOptions),
    );
    stops.push(async () => tftp.close());
  }
  if (config['dhcp.enabled']) {
    const dhcpOptions = {
      head: network,
      config,
      directory,
      journey: boots,
      log,
      loaders,
      granted: (grant: Grant) => boots.grant(grant.node),
      seen: (client: UnknownClient) => {
        unknown.seen(client);
        void newNodes.seen(client);
      },
    };
    const dhcp = await starting('The DHCP server', 'dhcp.enabled', async () => startDhcpServer(dhcpOptions));
    stops.push(async () => dhcp.close());
  }

  const admin = await startAdminServer(
    {
      cluster,
      store,
      commander,
      context,
      boots,
      statuses,
      blobs,
      uploads,
      now,
      log,
      unknown: () => unknown.list(mac => directory.nodeByMac(mac) !== undefined),
      watch: listener => happenings.watch(listener),
      isUsed: sha256 => isBlobUsed(sha256, cluster, boots),
      collect: async dryRun => collectGarbage(blobs, cluster, boots, { dryRun, now }),
      health: () => ({
        version,
        name: config['head.name'],
        pid: process.pid,
        uptime: (now() - begun) / 1000,
        memory: process.memoryUsage.rss(),
        address: config['head.address'],
        http_port: config['http.port'],
        sequence: cluster.sequence,
      }),
    },
    config['paths.socket'],
    groupId('muster'),
  );
  stops.push(async () => admin.close());
  log.info(
    {
      version,
      interface: nic,
      address: config['head.address'],
      http: config['http.port'],
      socket: config['paths.socket'],
    },
    'musterd is ready',
  );
}

async function stopAll(stops: (() => Promise<void>)[], log: Log): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    await stop().catch(error => log.error({ error: String(error) }, 'a part did not stop cleanly'));
  }
}

function bootNetwork(config: Config): Subnet {
  const network = parseSubnet(config['head.address']);
  if (!network)
    throw new MusterError('bad-config', `head.address '${config['head.address']}' is no address with a prefix.`);
  return network;
}

/** A script of the site's own folder, else the one that came with muster; read anew, so that an edit needs no restart. */
async function bootScript(config: Config, name: string): Promise<string> {
  const own = config['paths.scripts'] && join(config['paths.scripts'], name);
  if (own && (await stat(own).catch(() => undefined))) return readFile(own, 'utf8');
  return readFile(join(packageRoot, 'boot-scripts', name), 'utf8');
}

/** The script that newer iPXE asks for beside itself; a file, so that TFTP and HTTP serve it like any loader. */
async function writeAutoexec(config: Config, network: Subnet): Promise<string> {
  const path = join(config['paths.state'], 'autoexec.ipxe');
  const script = `http://${network.address}:${config['http.port']}/boot/v1/script`;
  await writeFile(path, fillTemplate(await bootScript(config, 'autoexec.ipxe'), { SCRIPT: script }), { mode: 0o644 });
  return path;
}

function loaderFile(path: string | undefined): { path: string; size: number; etag: string } | undefined {
  if (path === undefined) return undefined;
  const { size, mtimeMs } = statSync(path);
  return { path, size, etag: `${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}` };
}

/** The number of a group in /etc/group; undefined when there is none. */
function groupId(name: string): number | undefined {
  const line =
    existsSync('/etc/group') &&
    readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find(row => row.startsWith(`${name}:`));
  return line ? Number(line.split(':')[2]) : undefined;
}
