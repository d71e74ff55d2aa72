// The contents of the session file: the table in docs/architecture.md, filled for one plan.
import { tokenOf } from '../boot.ts';
import type { BootPlan } from '../boot-plan.ts';
import type { IscsiAccess } from '../iscsi-access.ts';

/** How a node reaches the head over TLS. */
export interface TlsFacts {
  port: number;
  /** `sha256//` and the digest of the head's public key in base64. */
  pin: string;
}

export interface HeadFacts {
  address: string;
  port: number;
  prefix: number;
  router: string;
  dns: readonly string[];
  domain: string;
  failureSeconds: number;
  /** The UDP port of the head's syslog; none when it receives none. */
  syslogPort?: number;
  /** Where it serves secrets; none while it serves none. */
  tls?: TlsFacts;
  /** The head's public ssh key, as a line of authorized_keys; none when it has none. */
  sshKey?: string;
}

export function sessionUrl(head: Pick<HeadFacts, 'address' | 'port'>, id: string): string {
  return `http://${head.address}:${head.port}/boot/v1/${id}`;
}

function privateUrl(head: Pick<HeadFacts, 'address'>, { port }: TlsFacts, id: string): string {
  return `https://${head.address}:${port}/boot/v1/${id}`;
}

/** Returns the URL of the loader files, for anybody on the boot network. */
export function loadersUrl(head: Pick<HeadFacts, 'address' | 'port'>): string {
  return `http://${head.address}:${head.port}/boot/v1/loader`;
}

/** @param iscsi what the boot logs in with, if its style does */
export function sessionValues(
  plan: BootPlan,
  id: string,
  head: HeadFacts,
  iscsi?: IscsiAccess,
): Record<string, string | number> {
  return {
    MUSTER_SESSION: id,
    MUSTER_TOKEN: tokenOf(id),
    MUSTER_URL: sessionUrl(head, id),
    MUSTER_HEARTBEAT_URL: `http://${head.address}:${head.port}/node/v1/heartbeat`,
    MUSTER_HEAD: head.address,
    MUSTER_PORT: head.port,
    MUSTER_NODE: plan.node.name,
    MUSTER_NODE_UID: plan.node.uid,
    MUSTER_HOSTNAME: plan.node.hostname,
    MUSTER_MAC: plan.node.mac,
    MUSTER_ADDRESS: `${plan.node.ip}/${head.prefix}`,
    MUSTER_ROUTER: head.router,
    MUSTER_DNS: head.dns.join(' '),
    MUSTER_DOMAIN: head.domain,
    MUSTER_STYLE: plan.style,
    MUSTER_RW_LAYER: plan.rwLayer,
    MUSTER_IMAGE: plan.image?.name ?? '',
    MUSTER_IMAGE_SIZE: plan.image?.size ?? 0,
    MUSTER_IMAGE_SHA256: plan.image?.sha256 ?? '',
    MUSTER_IMAGE_UNPACKED: plan.image?.unpacked ?? 0,
    MUSTER_DISK_CACHE: plan.disk?.cache ?? '',
    MUSTER_DISK_ROOT: plan.disk?.root ?? '',
    MUSTER_DISK_LAYOUT: plan.layout?.disks.join('\n') ?? '',
    MUSTER_DISK_MOUNTS: plan.layout?.mounts.join('\n') ?? '',
    MUSTER_DISK_WIPE: plan.disk?.wipe === false ? 'changed' : 'always',
    MUSTER_STATUS_SECS: plan.statusSeconds,
    MUSTER_FAILURE_SECS: head.failureSeconds,
    MUSTER_SYSLOG: head.syslogPort === undefined ? '' : `${head.address}:${head.syslogPort}`,
    MUSTER_SSH_KEY: head.sshKey ?? '',
    MUSTER_IGNITION: plan.ignition ? `${sessionUrl(head, id)}/ignition` : '',
    ...(head.tls && { MUSTER_TLS_PORT: head.tls.port, MUSTER_HEAD_PIN: head.tls.pin }),
    ...(plan.files && {
      MUSTER_FILES: plan.files.index,
      MUSTER_FILES_URL: `${plan.files.secret && head.tls ? privateUrl(head, head.tls, id) : sessionUrl(head, id)}/files`,
    }),
    ...(iscsi && {
      MUSTER_ISCSI_PORTAL: iscsi.portal,
      MUSTER_ISCSI_TARGET: iscsi.target,
      MUSTER_ISCSI_INITIATOR: iscsi.initiator,
      MUSTER_ISCSI_USER: iscsi.user,
      MUSTER_ISCSI_SECRET: iscsi.secret,
      MUSTER_ISCSI_DIGESTS: plan.iscsiDigests ? 'CRC32C' : 'None',
    }),
  };
}
