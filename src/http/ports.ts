// What the boot plane needs of the daemon.
import type { Boot } from '../boot/boot.ts';
import type { BootPlan, PlanAnswer } from '../boot/boot-plan.ts';
import type { Boots } from '../boot/boots.ts';
import type { Directory } from '../boot/directory.ts';
import type { FailureLog, RefusalLog } from '../boot/evidence.ts';
import type { IscsiAccess } from '../boot/iscsi-access.ts';
import type { Statuses } from '../boot/status.ts';
import type { LoaderName } from '../config-values.ts';
import type { Log } from '../log.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { ConnectionBounds } from './connections.ts';
import type { Governor } from './governor.ts';
import type { InstallerPorts } from './installer-routes.ts';
import type { IsoPorts } from './iso-routes.ts';
import type { HeadFacts } from './session-values.ts';

export interface BootPlanePorts extends InstallerPorts, IsoPorts {
  /** Where the boot plane listens; the first is the main one. */
  addresses: readonly string[];
  /** What the node with this address speaks to. */
  head(ip: string): HeadFacts;
  directory: Directory;
  boots: Boots;
  statuses: Statuses;
  log: Log;
  /** @param arch of its firmware; that of its boot under way when absent */
  plan(nodeUid: string, arch?: LoaderName): PlanAnswer;
  /** The text of a script in boot-scripts/. */
  template(name: string): Promise<string>;
  blobPath(sha256: string): string;
  /** The path of a loader file that firmware may fetch over HTTP. */
  loaderFile(name: string): { path: string; size: number; etag: string; modified?: number } | undefined;
  /** Makes the boot durable. */
  save(boot: Boot): Promise<void>;
  attributesIni(nodeUid: string): string | undefined;
  /** What a boot logs in with over iSCSI; none when no target is served. */
  iscsiAccess?(boot: Boot, plan: BootPlan): IscsiAccess;
  statusSeconds(nodeUid: string): number;
  /** Clears the `_boot_once` that the boot's plan has, if it has one; durable when it resolves. */
  takeOnce(boot: Boot): Promise<void>;
  /** Where failures of the head are reported; nowhere when absent. */
  failures?: FailureLog;
  /** Where refused requests are reported; nowhere when absent. */
  refusals?: RefusalLog;
  /** Follows the connections of nodes when it is there. */
  connections?: ConnectionTable;
  /** Who may have an image now; everyone when absent. */
  governor?: Governor;
  /** What each peer may have; any number of connections when absent. */
  bounds?: Pick<ConnectionBounds, 'perPeer' | 'headersMs'>;
  /** How long downloads under way may take when the server is closed, in milliseconds. */
  graceMs?: number;
}
