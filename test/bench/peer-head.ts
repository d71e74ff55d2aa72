// The same boot by other programs: dnsmasq for DHCP and TFTP, nginx for HTTP, a script and a session file written by hand.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachePlan } from '../../lab/image-cache.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { HEAD, portOf } from '../../lab/network.ts';
import { type LabProcess, startProcess } from '../../lab/process.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import { sessionUrl, sessionValues } from '../../src/boot/plane/session-values.ts';
import { renderScript } from '../../src/boot/script.ts';
import { sessionArchive, sessionFile } from '../../src/boot/session-archive.ts';
import { unpackedSize } from '../../src/image/inspect.ts';
import { packageRoot } from '../../src/package-root.ts';

const ID = '0'.repeat(32);
const FACTS = { address: HEAD.address, port: 80, prefix: 24, router: '', dns: [], domain: '', failureSeconds: 60 };
export const NODE_IP = '10.54.0.100';

export interface PeerHead {
  processes: readonly LabProcess[];
  /** nginx's access log: the first heartbeat in it is `up`. */
  log: string;
}

/** Starts both in the namespace, serving one node of this style. */
export async function startPeers(
  namespace: Namespace,
  folder: string,
  files: CachePlan,
  style: 'roram' | 'rwram',
): Promise<PeerHead> {
  const root = join(folder, 'www');
  const session = join(root, 'boot/v1', ID);
  await mkdir(session, { recursive: true });
  await symlink(files.kernel, join(session, 'kernel'));
  await symlink(files.initramfs, join(session, 'initramfs'));
  await symlink(files.image, join(session, 'image'));
  const plan = await planByHand(files, style);
  await writeFile(join(session, 'session.cpio'), sessionArchive(sessionFile(sessionValues(plan, ID, FACTS))));
  const template = readFileSync(join(packageRoot, 'boot-scripts/netboot.ipxe'), 'utf8');
  await writeFile(join(root, 'boot.ipxe'), renderScript(template, plan, sessionUrl(FACTS, ID)));
  await mkdir(join(folder, 'tftp'));
  await copyFile('/usr/lib/ipxe/undionly.kpxe', join(folder, 'tftp/undionly.kpxe'));
  const log = join(folder, 'access.log');
  await writeFile(join(folder, 'nginx.conf'), nginxConfig(folder, root, log));
  await writeFile(join(folder, 'dnsmasq.conf'), dnsmasqConfig(folder));
  const nginx = await startProcess({
    name: 'nginx',
    command: namespace.command(['nginx', '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'nginx-error.log')]),
    log: join(folder, 'nginx.out'),
  });
  const dnsmasq = await startProcess({
    name: 'dnsmasq',
    command: namespace.command([
      'dnsmasq',
      '-k',
      '-C',
      join(folder, 'dnsmasq.conf'),
      '--log-facility=-',
      '--user=root',
      '--pid-file=',
    ]),
    log: join(folder, 'dnsmasq.out'),
  });
  return { processes: [nginx, dnsmasq], log };
}

async function planByHand(files: CachePlan, style: 'roram' | 'rwram'): Promise<BootPlan> {
  const file = async (path: string) => ({ blob: '', offset: 0, size: (await stat(path)).size, sha256: '' });
  const sha256 = createHash('sha256').update(readFileSync(files.image)).digest('hex');
  const unpacked = (await unpackedSize(files.image, 0)) ?? 0;
  return {
    node: { uid: 'f'.repeat(32), name: 'n0', mac: portOf(0).mac, ip: NODE_IP, hostname: 'n0' },
    style,
    styleSource: '',
    rwLayer: 'overlayfs',
    bootConfig: { uid: '', name: 'DefaultBoot', release: '', source: '' },
    kernel: await file(files.kernel),
    initramfs: await file(files.initramfs),
    cmdline: 'console=ttyS0,115200 quiet norandmaps',
    image: { ...(await file(files.image)), sha256, uid: '', name: 'DefaultImage', unpacked },
    statusSeconds: 10,
  } as BootPlan;
}

function nginxConfig(folder: string, root: string, log: string): string {
  const answer = (text: string): string => `{ default_type text/plain; return 200 "${text}"; }`;
  return `daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid;
events {}
http {
  access_log ${log};
  sendfile on; default_type application/octet-stream;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen ${HEAD.address}:80; root ${root};
    location = /node/v1/heartbeat ${answer('[Node]\\nUID = 0\\n\\n[Attributes]\\n_boot_config = DefaultBoot\\n')}
    location = /boot/v1/${ID}/report ${answer('ok\\n')}
  }
}
`;
}

function dnsmasqConfig(folder: string): string {
  return `port=0
interface=${HEAD.interface}
bind-interfaces
except-interface=lo
leasefile-ro
dhcp-range=${NODE_IP},10.54.0.200,255.255.255.0,1h
dhcp-host=${portOf(0).mac},${NODE_IP}
dhcp-authoritative
no-ping
enable-tftp
tftp-root=${folder}/tftp
dhcp-match=set:ipxe,175
dhcp-match=set:bios,option:client-arch,0
dhcp-option=tag:ipxe,encap:175,176,1b
dhcp-boot=tag:ipxe,http://${HEAD.address}/boot.ipxe
dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe
enable-ra
ra-param=${HEAD.interface},0,0
dhcp-range=${HEAD.prefix6},ra-only,64
`;
}
