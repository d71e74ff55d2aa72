// What the HTTP server of the boot plane needs from the daemon.
import type { FailureLog } from '../boot/evidence.ts';
import type { PlanePorts } from '../boot/plane/ports.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { ConnectionBounds } from './connections.ts';
import type { Governor } from './governor.ts';

export interface BootPlanePorts extends PlanePorts {
  /** Where the boot plane listens; the first is the main one. */
  addresses: readonly string[];
  /** Where failures of the head are reported; nowhere when absent. */
  failures?: FailureLog;
  /** Tracks the connections of nodes, if present. */
  connections?: ConnectionTable;
  /** Decides who may have an image now; everyone may when absent. */
  governor?: Governor;
  /** Limits for each peer; any number of connections when absent. */
  bounds?: Pick<ConnectionBounds, 'perPeer' | 'headersMs'>;
  /** How long running downloads may take when the server is closed, in milliseconds. */
  graceMs?: number;
}
