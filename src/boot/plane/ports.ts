// What the boot plane needs from the daemon: look-ups to decide, and actions to carry out.
import type { LoaderName } from '../../config-values.ts';
import type { SeenState } from '../../files/files-since.ts';
import type { LiveRule } from '../../files/live-state.ts';
import type { Log } from '../../log.ts';
import type { Refused } from '../../refused.ts';
import type { Beat } from '../beats.ts';
import type { Boot } from '../boot.ts';
import type { BootPlan, PlanAnswer, PlannedFile, PlannedFiles } from '../boot-plan.ts';
import type { Boots } from '../boots.ts';
import type { Directory } from '../directory.ts';
import type { Enrollee } from '../enrolment.ts';
import type { RefusalLog } from '../evidence.ts';
import type { IscsiAccess } from '../iscsi-access.ts';
import type { SessionAnswer } from '../session-register.ts';
import type { Statuses } from '../status.ts';
import type { BundleTurns } from './bundle-turns.ts';
import type { ServedFile } from './question.ts';
import type { HeadFacts } from './session-values.ts';

/** Look-ups for an answer. Nothing here changes anything. */
export interface PlaneContext {
  directory: Directory;
  boots: BootsInSight;
  /** Returns the head as the node with this address sees it. */
  head(ip: string): HeadFacts;
  /** @param arch of its firmware; that of its current boot when absent */
  plan(nodeUid: string, arch?: LoaderName): PlanAnswer;
  /** The text of a script in boot-scripts/. */
  template(name: string): Promise<string>;
  blobPath(sha256: string): string;
  /** Returns the first bytes of a stored kernel or initramfs, `LOADER_HEAD` at most; undefined when they cannot be read. */
  bootFileHead(file: PlannedFile): Promise<Buffer | undefined>;
  /** A loader file that firmware may fetch. */
  loaderFile(name: string): ServedFile | undefined;
  attributesIni(nodeUid: string): string | undefined;
  /** Returns what a boot logs in with over iSCSI; none when no target is served. */
  iscsiAccess?(boot: Boot, plan: BootPlan): IscsiAccess;
  statusSeconds(nodeUid: string): number;
  /** Makes nodes with an agent of systems that are installed. */
  enrolment: {
    /** Returns why a token is not valid for a node now; undefined when it is. */
    problem(node: Enrollee, token: string): (Refused & { status: 403 | 410 }) | undefined;
    /** The plan of a node's installed system; undefined when the node was deleted. */
    plan(nodeUid: string): BootPlan | undefined;
    /** The agent as a tar archive. */
    archive(): Promise<Buffer>;
  };
  /** Returns a file of the kickstart folder, filled in for the plan's node; throws `bad-kickstart` with the unfilled places. */
  kickstart(plan: BootPlan, session: string, file: string): Promise<string>;
  /** Renders the files of a node for its next boot; none without file sets. */
  files?(nodeUid: string): Promise<{ files?: PlannedFiles } | Refused>;
  /** Returns an index or a content by its SHA-256; undefined when it is not kept. */
  fileContent?(sha256: string): Promise<Buffer | undefined>;
  /** Bounds the bundles that are in memory; any number may be when absent. */
  bundles?: BundleTurns;
  /** Returns whether a running node follows changes of its files by itself. */
  liveRule?(nodeUid: string): LiveRule;
  /** Receives how far a running node is with its files, with each heartbeat. */
  filesSeen?(boot: Boot, state: SeenState): void;
  /** Returns what is at a path of a repo's image; `blob` names another image than the repo's current one. */
  iso(repo: string, path: string, blob: string | undefined): Promise<IsoFound | undefined>;
  /** From 0 to 1, for the waits in scripts; `Math.random` when absent. */
  random?(): number;
}

/** The boots, as far as an answer depends on them. */
export interface BootsInSight {
  session(id: string, ip: string): SessionAnswer;
  mayMint(nodeUid: string): boolean;
  of(nodeUid: string): readonly Boot[];
  current(nodeUid: string): Boot | undefined;
  byHeartbeatToken(token: string): Boot | undefined;
  beats: { isAlive(boot: Boot): boolean; of(boot: Boot): Pick<Beat, 'facts'> | undefined };
}

export type IsoFound = { file: ServedFile } | { entries: readonly { name: string; isDirectory: boolean }[] };

/** The actions. */
export interface PlanePorts extends PlaneContext {
  boots: Boots;
  statuses: Statuses;
  log: Log;
  /** Makes the boot durable. */
  save(boot: Boot): Promise<void>;
  /** Clears the `_boot_once` of the boot's plan, if it has one; durable when it resolves. */
  takeOnce(boot: Boot): Promise<void>;
  /** Where refused requests are reported; nowhere when absent. */
  refusals?: RefusalLog;
}
