// Everything in memory that the servers read: the objects, the boots, the states; loaded, and saved asynchronously.
import { randomBytes } from 'node:crypto';
import { Commander } from '../admin/commander.ts';
import { OldHeads } from '../backup/old-heads.ts';
import { Blobs } from '../blobs/blobs.ts';
import type { BlobUsers } from '../blobs/garbage.ts';
import { Uploads } from '../blobs/uploads.ts';
import type { Boot } from '../boot/boot.ts';
import { Boots } from '../boot/boots.ts';
import { clusterDirectory } from '../boot/cluster-directory.ts';
import type { Directory } from '../boot/directory.ts';
import { loadHeadKey } from '../boot/head-key.ts';
import { Statuses } from '../boot/status.ts';
import { kernelNow, kernelRun, monotonicNow } from '../clock.ts';
import { type Config, networksOf } from '../config.ts';
import { ClockWatch } from '../evidence/clock-watch.ts';
import { HeadFailures } from '../evidence/head-failures.ts';
import { IscsiWatch } from '../evidence/iscsi-watch.ts';
import { type LinkReader, linkReader } from '../evidence/links.ts';
import { MacSightings } from '../evidence/mac-sightings.ts';
import { watchNeighbours } from '../evidence/neighbour-watch.ts';
import { Neighbours } from '../evidence/neighbours.ts';
import { Panics } from '../evidence/panics.ts';
import { Refusals } from '../evidence/refusals.ts';
import { Resets } from '../evidence/resets.ts';
import { tcpLook } from '../evidence/tcp-info.ts';
import { TcpWatch } from '../evidence/tcp-watch.ts';
import { TftpTransfers } from '../evidence/tftp-transfers.ts';
import { FilesSince } from '../files/files-since.ts';
import { Releases } from '../files/releases.ts';
import { StoredSets } from '../files/stored.ts';
import { ConnectionTable } from '../http/connection-table.ts';
import { Governor } from '../http/governor.ts';
import { loadLibc } from '../libc.ts';
import type { Log } from '../log.ts';
import type { ChangeContext } from '../model/changes.ts';
import { Cluster } from '../model/cluster.ts';
import { firstObjects } from '../model/first-objects.ts';
import { planHead } from '../model/head.ts';
import { isSecretAttribute } from '../model/secrets.ts';
import type { Networks } from '../networks.ts';
import { version } from '../package-root.ts';
import { Sealing } from '../sealing.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { Vault } from '../store/vault.ts';
import type { Subnet } from '../wire/ip.ts';
import { BootSaver } from './boot-saver.ts';
import { Enrolments } from './enrolments.ts';
import { Happenings } from './happenings.ts';
import { SecretPlane } from './secret-plane.ts';

export interface State {
  config: Config;
  log: Log;
  network: Subnet;
  networks: Networks;
  now(): number;
  newUid(): string;
  store: Store;
  cluster: Cluster;
  commander: Commander;
  context: ChangeContext;
  directory: Directory;
  boots: Boots;
  saver: BootSaver;
  statuses: Statuses;
  happenings: Happenings;
  blobs: Blobs;
  /** Users of stored files besides the objects. */
  users: BlobUsers;
  oldHeads: OldHeads;
  uploads: Uploads;
  /** The contents of file sets. */
  sets: StoredSets;
  governor: Governor;
  /** Serves secrets of nodes over TLS. */
  secretPlane: SecretPlane;
  /** Makes nodes with an agent of installed systems. */
  enrolment: Enrolments;
  /** Files that running nodes may have, where they do not follow by themselves. */
  releases: Releases;
  filesSince: FilesSince;
  failures: HeadFailures;
  connections: ConnectionTable;
  /** Which of them wait for their node. */
  tcpWatch: TcpWatch;
  transfers: TftpTransfers;
  iscsiWatch: IscsiWatch;
  resets: Resets;
  panics: Panics;
  neighbours: Neighbours;
  refusals: Refusals;
  macSightings: MacSightings;
  clockWatch: ClockWatch;
  linkOf: LinkReader;
}

/** Functions that stop what was started, to be called in reverse. */
export type Stops = (() => Promise<void>)[];

export async function openState(
  config: Config,
  log: Log,
  network: Subnet,
  stops: Stops,
  networks: Networks = networksOf(config),
): Promise<State> {
  const now = (): number => Date.now();
  const newUid = (): string => randomHex(32);
  const warn = (text: string): void => log.warn(text);
  const { store, cluster } = await openObjects(config, warn, stops);
  const commander = new Commander(cluster, store, config['files.keep']);
  const context = { cluster, network, networks, newUid };
  await begin(config, commander, context);

  const directory = clusterDirectory(cluster);
  const happenings = new Happenings(cluster);
  const failures = new HeadFailures();
  const saver = new BootSaver(store, log, failures);
  stops.push(async () => saver.close());
  const boots = await openBoots({ config, directory, store, saver, happenings });
  const statuses = new Statuses(boots, kernelNow);
  stops.push(happenings.follow(store, statuses));
  const live = { releases: new Releases(), filesSince: new FilesSince() };
  onNodeDeleted(store, uid => {
    for (const id of boots.forget(uid)) saver.drop(id);
    for (const known of [statuses, live.releases, live.filesSince]) known.forget(uid);
  });
  const oldHeads = await OldHeads.open(config['paths.state'], warn);
  const blobs = new Blobs(config['paths.state']);
  const uploads = new Uploads(config['paths.state'], newUid, monotonicNow);
  return {
    config,
    log,
    network,
    networks,
    now,
    newUid,
    store,
    cluster,
    commander,
    context,
    directory,
    boots,
    saver,
    statuses,
    happenings,
    blobs,
    users: { usedBlobs: () => chain(boots.usedBlobs(), oldHeads.usedBlobs()) },
    oldHeads,
    uploads,
    governor: governorOf(config),
    ...live,
    ...(await openSecrets({ config, cluster, networks, log, now, newUid, blobs })),
    failures,
    ...(await watchEvidence(directory, log, stops)),
  };
}

/** Opens what keeps secrets with the head's key, and hands them out. */
async function openSecrets({
  config,
  blobs,
  log,
  ...parts
}: Pick<State, 'config' | 'cluster' | 'networks' | 'log' | 'now' | 'newUid' | 'blobs'>): Promise<
  Pick<State, 'sets' | 'secretPlane' | 'enrolment'>
> {
  const stateFolder = config['paths.state'];
  const headKey = await loadHeadKey(stateFolder, randomBytes);
  const secretPlane = new SecretPlane({ stateFolder, port: config['https.port'], log });
  return {
    sets: new StoredSets(blobs, new Sealing(headKey, 'file-set')),
    secretPlane,
    enrolment: new Enrolments({ headKey, secretPlane, ...parts }),
  };
}

/** Opens the database, and loads its objects. */
async function openObjects(
  config: Config,
  warn: (text: string) => void,
  stops: Stops,
): Promise<{ store: Store; cluster: Cluster }> {
  let cluster: Cluster | undefined;
  const vault = async () =>
    new Vault({
      sealing: new Sealing(await loadHeadKey(config['paths.state'], randomBytes), 'field'),
      unopened: what => warn(`${what} cannot be decrypted: it was encrypted with another head.key. Set it again.`),
      isSecretAttribute: name => cluster !== undefined && isSecretAttribute(cluster, name),
    });
  const auditLimit = config['audit.megabytes'] * 1e6;
  const store = await openSqliteStore(config['paths.state'], { auditLimit, warn, vault });
  stops.push(async () => store.close());
  cluster = await loadCluster(store);
  return { store, cluster };
}

/** Opens the boots that were saved. */
async function openBoots(
  parts: Pick<State, 'config' | 'directory' | 'store' | 'saver' | 'happenings'>,
): Promise<Boots> {
  const { config, directory, store, saver, happenings } = parts;
  return new Boots(
    {
      directory,
      now: kernelNow,
      wall: Date.now,
      run: kernelRun(),
      randomHex,
      changed: boot => saver.later(boot),
      dropped: id => saver.drop(id),
      watch: happenings.boot.bind(happenings),
      trustsAddressAlone: () => config['dhcp.mode'] !== 'authoritative',
      sessionMs: () => config['boot.session_seconds'] * 1000,
    },
    (await store.loadBoots()).map(saved => JSON.parse(saved.body) as Boot),
  );
}

function* chain<T>(...parts: Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

/** Returns what spreads the downloads of images over time. */
function governorOf(config: Config): Governor {
  return new Governor({
    limit: () => config['http.image_transfers'],
    now: monotonicNow,
    random: Math.random,
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
  });
}

/** Begins to watch what `why` wants to know besides timelines. */
async function watchEvidence(directory: Directory, log: Log, stops: Stops) {
  const neighbours = new Neighbours(ip => directory.nodeByIp(ip) !== undefined);
  const clockWatch = new ClockWatch(log);
  const stopClockWatch = clockWatch.start();
  stops.push(async () => stopClockWatch());
  const watch = await watchNeighbours(neighbours);
  stops.push(async () => watch?.close());
  const libc = await loadLibc();
  const resets = new Resets();
  const connections = new ConnectionTable(peer => resets.saw(peer));
  const tcpWatch = new TcpWatch(connections, descriptor => tcpLook(libc, descriptor));
  const stopTcpWatch = tcpWatch.start();
  stops.push(async () => stopTcpWatch());
  return {
    connections,
    tcpWatch,
    transfers: new TftpTransfers(),
    iscsiWatch: new IscsiWatch(),
    resets,
    panics: new Panics(),
    neighbours,
    refusals: new Refusals(),
    macSightings: new MacSightings(),
    clockWatch,
    linkOf: await linkReader(),
  };
}

/** Calls back with the UID of each node that is deleted. */
export function onNodeDeleted(store: Store, callback: (uid: string) => void): void {
  store.subscribe(({ effects }) => {
    for (const { kind, uid, entry } of effects) if (kind === 'node' && !entry) callback(uid);
  });
}

async function loadCluster(store: Store): Promise<Cluster> {
  const cluster = new Cluster();
  const { sequence, entries } = await store.load();
  cluster.apply(
    sequence,
    entries.map(entry => ({ kind: entry.kind, uid: entry.uid, entry })),
  );
  store.subscribe(entry => cluster.apply(entry.sequence, entry.effects));
  return cluster;
}

/** The objects of a first start, and this head's own. */
async function begin(config: Config, commander: Commander, context: ChangeContext): Promise<void> {
  await commander.perform({ who: 'muster', what: 'first start', plan: () => firstObjects(context) });
  const facts = { name: config['head.name'], address: config['head.address'], http_port: config['http.port'], version };
  await commander.perform({ who: 'muster', what: `start of ${facts.name}`, plan: () => planHead(context, facts) });
}

function randomHex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}
