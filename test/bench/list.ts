// All benchmarks, in the order of the list.
import { benchIscsi } from './iscsi.ts';
import type { Bench } from './row.ts';

export const BENCHES: readonly Bench[] = [
  { name: 'iscsi', summary: 'reads per second of the iSCSI target, against tgtd', run: () => benchIscsi() },
];
