// The servers of the boot network, each with the ports it needs of the state.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { loadHeadKey } from '../boot/head-key.ts';
import { iscsiNames } from '../boot/iscsi-access.ts';
import { findLoaders, type Loaders, servedLoaders } from '../boot/loaders.ts';
import { DEFAULT_STATUS_SECONDS, type PlanAnswer, planBoot } from '../boot/plan.ts';
import type { Grant } from '../dhcp/exchange.ts';
import { startDhcpServer, type UnknownClient } from '../dhcp/server.ts';
import { attributesIni } from '../http/attributes-ini.ts';
import { startBootPlane } from '../http/boot-plane.ts';
import { startBootIscsi } from '../iscsi/boot-server.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import { attributesIn } from '../model/power-template.ts';
import type { SshKey } from '../ssh/ssh.ts';
import { startTftpServer } from '../tftp/server.ts';
import { bootScript, loaderFile, writeAutoexec } from './boot-files.ts';
import { NewNodes } from './new-nodes.ts';
import { starting } from './preflight.ts';
import { onNodeDeleted, type State, type Stops } from './state.ts';
import type { UnknownMachines } from './unknown-machines.ts';

/** The loaders of this machine, and every file that firmware may fetch by its name. */
export async function bootFiles({
  config,
  log,
  network,
}: State): Promise<{ loaders: Loaders; served: Map<string, string> }> {
  const loaders = findLoaders(config.loaders, existsSync);
  if (Object.keys(loaders).length === 0) {
    log.warn(
      {},
      'no iPXE loader was found; install the package ipxe (Debian) or ipxe-bootimgs (RHEL), or name files in [loaders]',
    );
  }
  return {
    loaders,
    served: new Map([...servedLoaders(loaders), ['autoexec.ipxe', await writeAutoexec(config, network.address)]]),
  };
}

type Iscsi = Awaited<ReturnType<typeof startBootIscsi>>;

export async function startIscsi(state: State, stops: Stops): Promise<Iscsi | undefined> {
  const { config, network, blobs, directory, boots, log, store } = state;
  if (!config['iscsi.enabled']) return undefined;
  const options = {
    address: network.address,
    port: config['iscsi.port'],
    names: iscsiNames(config['iscsi.iqn']),
    key: loadHeadKey(config['paths.state'], randomBytes),
    stateFolder: config['paths.state'],
    blobPath: (sha256: string) => blobs.path(sha256),
    directory,
    boots,
    log,
  };
  const iscsi = await starting('The iSCSI target', 'iscsi.port or iscsi.enabled', async () => startBootIscsi(options));
  stops.push(async () => iscsi.close());
  onNodeDeleted(store, uid => iscsi.forget(uid));
  return iscsi;
}

export async function startHttp(
  state: State,
  served: ReadonlyMap<string, string>,
  iscsi: Iscsi | undefined,
  sshKey: SshKey | undefined,
  stops: Stops,
): Promise<void> {
  const { config, network, cluster, directory, boots, statuses, log, blobs, saver } = state;
  const attributesOf = (uid: string) => {
    const node = cluster.get('node', uid);
    return node && effectiveAttributes(cluster, node.value);
  };
  const ports = {
    head: () => ({
      address: network.address,
      port: config['http.port'],
      prefix: network.prefix,
      router: config['dhcp.router'],
      dns: config['dhcp.dns'],
      domain: config['dhcp.domain'],
      failureSeconds: config['boot.failure_seconds'],
      ...(sshKey && { sshKey: sshKey.publicKey }),
    }),
    directory,
    boots,
    statuses,
    log,
    plan: (uid: string) => planOf(state, uid, iscsi !== undefined),
    template: async (name: string) => bootScript(config, name),
    blobPath: (sha256: string) => blobs.path(sha256),
    loaderFile: (name: string) => loaderFile(served.get(name)),
    save: saver.now.bind(saver),
    attributesIni: (uid: string) => {
      const node = cluster.get('node', uid);
      if (!node) return undefined;
      const attributes = effectiveAttributes(cluster, node.value);
      // What only the head needs for the node's power stays at the head: any user of the node may read the file.
      for (const name of attributesIn(node.value.power_uri)) attributes.delete(name);
      return attributesIni({ uid, name: node.value.name }, attributes);
    },
    ...(iscsi && { iscsiAccess: iscsi.access }),
    statusSeconds: (uid: string) => Number(attributesOf(uid)?.get('_status_secs')?.value ?? DEFAULT_STATUS_SECONDS),
  };
  const plane = await starting('The HTTP boot plane', 'http.port', async () => startBootPlane(ports));
  stops.push(async () => plane.close());
}

export async function startTftp(state: State, served: ReadonlyMap<string, string>, stops: Stops): Promise<void> {
  const { config, network, boots, directory, log } = state;
  if (!config['tftp.enabled']) return;
  const options = {
    address: network.address,
    port: config['tftp.port'],
    files: served,
    journey: boots,
    directory,
    log,
  };
  const tftp = await starting('The TFTP server', 'tftp.port or tftp.enabled', async () => startTftpServer(options));
  stops.push(async () => tftp.close());
}

export async function startDhcp(state: State, loaders: Loaders, unknown: UnknownMachines, stops: Stops): Promise<void> {
  const { config, network, directory, boots, log, context, commander, now } = state;
  if (!config['dhcp.enabled']) return;
  const newNodes = new NewNodes({ context, commander, log, now });
  const options = {
    head: network,
    config,
    directory,
    journey: boots,
    log,
    loaders,
    granted: (grant: Grant) => boots.grant(grant.node),
    seen: (client: UnknownClient) => {
      unknown.seen(client);
      void newNodes.seen(client);
    },
  };
  const dhcp = await starting('The DHCP server', 'dhcp.enabled', async () => startDhcpServer(options));
  stops.push(async () => dhcp.close());
}

function planOf({ cluster }: State, uid: string, withIscsi: boolean): PlanAnswer {
  const node = cluster.get('node', uid);
  if (!node) return { refusal: 'the node was deleted' };
  const answer = planBoot(cluster, node);
  if (withIscsi || !('plan' in answer) || answer.plan.style !== 'iscsi') return answer;
  return { refusal: 'its boot style is iscsi, and iscsi.enabled is false in the configuration of the head' };
}
