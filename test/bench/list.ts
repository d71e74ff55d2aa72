// All benchmarks, in the order of the list.
import { benchBoot } from './boot.ts';
import { benchCli } from './cli.ts';
import { benchCluster } from './cluster.ts';
import { benchDhcp } from './dhcp.ts';
import { benchFiles } from './files.ts';
import { benchHttp } from './http.ts';
import { benchImage } from './image.ts';
import { benchIscsi } from './iscsi.ts';
import type { Bench } from './row.ts';
import { benchStorm } from './storm.ts';
import { benchTftp } from './tftp.ts';

export const BENCHES: readonly Bench[] = [
  { name: 'boot', summary: 'power-on to up, and memory, against dnsmasq and nginx', run: () => benchBoot() },
  { name: 'cli', summary: 'help, completion and lists at the prompt, against a bare Node', run: () => benchCli() },
  { name: 'cluster', summary: 'ten thousand nodes: list, select, set, and memory', run: () => benchCluster() },
  { name: 'dhcp', summary: 'exchanges per second and delay, by perfdhcp, against Kea', run: () => benchDhcp() },
  {
    name: 'files',
    summary: '1,000 nodes with 20 templates each: how long a boot waits for its files',
    run: () => benchFiles(),
  },
  { name: 'http', summary: 'images to 1, 32, 256 and 2,000 clients, against nginx', run: () => benchHttp() },
  {
    name: 'image',
    summary: 'packing and unpacking an image, against mksquashfs and unsquashfs',
    run: () => benchImage(),
  },
  { name: 'iscsi', summary: 'reads per second of the iSCSI target, against tgtd', run: () => benchIscsi() },
  {
    name: 'storm',
    summary: '100, 1,000 and 10,000 nodes at once over 1 and 10 Gbit/s, whole journeys (STORM_NODES=100: only those)',
    run: () => benchStorm(),
  },
  {
    name: 'tftp',
    summary: 'a loader to 1, 64 and 1,000 clients, against tftpd-hpa, dnsmasq and atftpd',
    run: () => benchTftp(),
  },
];
