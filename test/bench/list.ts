// All benchmarks, in the order of the list.
import { benchBoot } from './boot.ts';
import { benchCluster } from './cluster.ts';
import { benchImage } from './image.ts';
import { benchIscsi } from './iscsi.ts';
import type { Bench } from './row.ts';

export const BENCHES: readonly Bench[] = [
  { name: 'boot', summary: 'power-on to up, and memory, against dnsmasq and nginx', run: () => benchBoot() },
  { name: 'cluster', summary: 'ten thousand nodes: list, select, set, and memory', run: () => benchCluster() },
  {
    name: 'image',
    summary: 'packing and unpacking an image, against mksquashfs and unsquashfs',
    run: () => benchImage(),
  },
  { name: 'iscsi', summary: 'reads per second of the iSCSI target, against tgtd', run: () => benchIscsi() },
];
