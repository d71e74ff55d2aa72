// The iSCSI server of the boot path: combines target, disks and boots, and reports to the log and the timelines.
import type { Boot } from '../boot/boot.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import type { Boots } from '../boot/boots.ts';
import type { Directory } from '../boot/directory.ts';
import type { FailureLog } from '../boot/evidence.ts';
import type { About } from '../boot/faults.ts';
import { chapOf, type IscsiAccess, type IscsiNames } from '../boot/iscsi-access.ts';
import type { Problem } from '../boot/journey.ts';
import { reasonOf } from '../errors.ts';
import type { TargetNote } from '../iscsi/directory.ts';
import type { Traffic } from '../iscsi/traffic.ts';
import { byAddress, IscsiWorkers } from '../iscsi/workers.ts';
import { type Log, LogLimiter } from '../log.ts';
import { BootDisks } from './disks.ts';
import { type BootRefusal, bootTargets } from './targets.ts';

export interface BootIscsiOptions {
  /** Where nodes log in. */
  addresses: readonly string[];
  /** Returns the one for the node with this IP. */
  addressFor(ip: string): string;
  port: number;
  /** Processes besides this one, for read-only disks. */
  workers: number;
  names: IscsiNames;
  /** The secret from which those of boots are derived. */
  key: Buffer;
  stateFolder: string;
  blobPath(sha256: string): string;
  directory: Directory;
  boots: Boots;
  failures: FailureLog;
  watch: SessionWatch;
  log: Log;
}

/** Where connections and sessions are reported. */
export interface SessionWatch {
  connected(ip: string): void;
  /** @param boot its public id @param peer `address:port` */
  began(boot: string, peer: string): void;
  ended(boot: string, peer: string, how: TargetNote['how']): void;
}

export interface BootIscsi {
  port: number;
  /** Returns what a boot logs in with, for its session file. */
  access(boot: Boot, plan: BootPlan): IscsiAccess;
  /** Returns what was done since the start, and the current sessions. */
  traffic(): Traffic & { sessions: number };
  /** The node was deleted: its sessions end. */
  forget(nodeUid: string): void;
  /** Closes silently: nodes retry until a head answers, so they survive a restart. */
  close(): Promise<void>;
}

/** How often overlays of ended boots are removed, in milliseconds. */
const SWEEP_MS = 60_000;

export async function startBootIscsi(options: BootIscsiOptions): Promise<BootIscsi> {
  const { addresses, names, key, directory, boots, failures, watch, log } = options;
  const disks = new BootDisks(options.stateFolder, options.blobPath);
  const limiter = new LogLimiter();
  const targets = bootTargets({
    names,
    nodeByIp: ip => directory.nodeByIp(ip),
    readers: node => boots.rootReaders(node),
    chap: boot => chapOf(key, boot),
    disk: async (boot, plan, blob) => disks.open(boot, plan, blob),
    refused: (boot, refusal) => tell(boots, limiter, boot, problemOf(refusal)),
  });
  const target = new IscsiWorkers({
    directory: targets,
    note: note => takeNote(note, { boots, failures, watch, limiter, log }),
    accepted: watch.connected.bind(watch),
    report: problem => reportCrash(problem, { failures, limiter, log }),
    workers: options.workers,
    route: (ip, workers) => (hasOverlay(options, ip) ? 'here' : byAddress(ip, workers)),
  });
  const sweep = (): void => {
    const isLive = (id: string): boolean => {
      const boot = boots.byId(id);
      return boot !== undefined && boots.isRootReader(boot);
    };
    disks.dropOverlays(isLive).catch(error => log.error({ error: reasonOf(error) }, 'iscsi: an overlay stays'));
  };
  const [first = '', ...more] = addresses;
  const port = await target.listen(options.port, first);
  for (const address of more) await target.listen(port, address);
  sweep();
  const sweeping = setInterval(sweep, SWEEP_MS);
  sweeping.unref();
  return {
    port,
    access: (boot, plan) => ({
      portal: `${options.addressFor(plan.node.ip)}:${port}`,
      target: names.target(plan.image?.uid ?? ''),
      initiator: names.initiator(plan.node.uid),
      ...chapOf(key, boot),
    }),
    traffic: () => target.traffic,
    forget(nodeUid) {
      target.endSessions({ initiator: names.initiator(nodeUid) }, 'the node was deleted');
      sweep();
    },
    async close() {
      clearInterval(sweeping);
      await target.close();
      await disks.close();
    },
  };
}

/** This process keeps what a node writes: no other can serve its disk. */
function hasOverlay({ directory, boots }: BootIscsiOptions, ip: string): boolean {
  const node = directory.nodeByIp(ip);
  const answer = node && boots.rootReaders(node.uid);
  if (!answer || 'refused' in answer) return false;
  return answer.readers.some(({ plan }) => plan.iscsiOverlay !== undefined);
}

interface Told {
  boots: Boots;
  failures: FailureLog;
  watch: SessionWatch;
  limiter: LogLimiter;
  log: Log;
}

/** A worker of the target has crashed: for `why`, and for the log. */
function reportCrash(problem: string, { failures, limiter, log }: Pick<Told, 'failures' | 'limiter' | 'log'>): void {
  failures.failed({ deed: 'send', what: 'keep its iSCSI target running', error: new Error(problem), kind: 'crashed' });
  const dropped = limiter.allow('report');
  if (dropped !== undefined) log.error({ ...(dropped > 0 && { dropped }) }, `iscsi: ${problem}`);
}

function takeNote(note: TargetNote, { boots, failures, watch, limiter, log }: Told): void {
  const { event, peer, target, session, reason, status, code, how } = note;
  const boot = session === undefined ? undefined : boots.byId(session);
  const where = { peer, ...(boot?.plan && { node: boot.plan.node.name }) };
  if (boot && target && event === 'login') {
    boots.disks.opened(boot, peer);
    watch.began(boot.id, peer);
  }
  if (boot && event !== 'login' && event !== 'disk-failed') {
    boots.disks.closed(boot, peer);
    watch.ended(boot.id, peer, how);
  }
  if (event === 'login') {
    log.info(where, `iscsi: ${target ? `login to ${target}` : 'discovery'}`);
    if (target && boot) tell(boots, undefined, boot, { detail: `iSCSI login to ${target}`, peer });
    return;
  }
  if (event === 'disk-failed') {
    const error = Object.assign(new Error(reason), code && { code });
    failures.failed({ deed: 'disk', what: 'use the disk of its iSCSI root', error, node: boot?.node });
  }
  const dropped = limiter.allow(`log ${peer.slice(0, peer.lastIndexOf(':'))}`);
  if (dropped !== undefined) log.info({ ...where, dropped }, `iscsi: ${event}: ${reason ?? ''}`);
  // The directory admitted it with a session, so the login itself failed: a wrong secret.
  if (event !== 'refused' || !boot) return;
  const fault = status === 'authentication-failed' ? 'iscsi-secret-wrong' : 'iscsi-refused';
  tell(boots, limiter, boot, { ...problemOf({ reason: reason ?? '', fault }), peer });
}

function problemOf({ reason, fault, file, about }: BootRefusal): Problem & { about: About; file?: 'image' } {
  return { error: `iSCSI login refused: ${reason}`, fault, about: { name: reason, ...about }, ...(file && { file }) };
}

/** Adds a line to the timeline of a current boot. The timeline of a node that is up has ended: its logins are only in the log. */
function tell(
  boots: Boots,
  limiter: LogLimiter | undefined,
  boot: Boot,
  words: Problem & { detail?: string; about?: About; file?: 'image'; peer?: string },
): void {
  const isOver = boot.outcome !== undefined && boot.outcome !== 'handed-over';
  // A login refused while the disk is in use does not come from its system: any user of the node can try one
  if (words.error !== undefined && boots.disks.isInUse(boot)) return;
  if (isOver || (limiter && limiter.allow(`timeline ${boot.id}`) === undefined)) return;
  boots.tell(boot, { stage: 'image', ...words });
}
