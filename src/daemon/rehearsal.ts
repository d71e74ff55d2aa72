// A boot without a packet: what this head would answer at each stage, from the servers' own decisions. Nothing is sent, no
// session is minted, no address is given, and no secret is shown.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RehearsalAccess, RehearsalQuestion } from '../admin/ports.ts';
import { FIRMWARES, type Firmware, type RehearsedStage } from '../api/rehearsal.ts';
import type { Boot } from '../boot/boot.ts';
import { takesFiles } from '../boot/boot-plan.ts';
import { clusterDirectory } from '../boot/cluster-directory.ts';
import { identify } from '../boot/identify.ts';
import { STAGES, type Stage } from '../boot/journey.ts';
import { otherLoaderOf } from '../boot/loaders.ts';
import type { LoaderName } from '../config-values.ts';
import type { Context } from '../dhcp/answer.ts';
import type { Said } from '../dhcp/rehearse.ts';
import { reasonOf } from '../errors.ts';
import { planCreate } from '../model/changes.ts';
import type { Cluster } from '../model/cluster.ts';
import type { BootNetwork } from '../networks.ts';
import { findFile } from '../tftp/names.ts';
import { openKickstarts } from './kickstarts.ts';
import { newcomerFields } from './new-nodes.ts';
import { contextApart, exchangeOf, linesOf, loadedBy, type Machine, packetOf, refusalOf } from './rehearsal-dhcp.ts';
import { fileLines } from './rehearsal-files.ts';
import { rehearseRoot, rehearseScript } from './rehearsal-script.ts';
import { stage } from './rehearsal-stage.ts';
import { bootPlanePorts, type HttpParts } from './servers.ts';
import type { State } from './state.ts';

export interface RehearsalParts extends Omit<HttpParts, 'kickstarts'> {
  /** The context of the DHCP server's decisions; none when `dhcp.mode` is off. */
  dhcp: Context | undefined;
}

/** What the admin API asks. */
export function rehearsalAccess(state: State, parts: RehearsalParts): RehearsalAccess {
  return {
    run: async (cluster, question) => rehearse(state, parts, cluster, question),
    lastFirmware: uid => lastFirmware(state.boots.of(uid)),
    newcomer: (cluster, mac) => {
      const context = { ...state.context, cluster };
      return planCreate(context, 'node', [newcomerFields(context, { mac, architecture: 'not seen' })]);
    },
  };
}

/** Returns the ten stages with these objects, which may differ from the current ones. */
export async function rehearse(
  state: State,
  parts: RehearsalParts,
  cluster: Cluster,
  question: RehearsalQuestion,
): Promise<RehearsedStage[]> {
  const view = { ...state, cluster, directory: clusterDirectory(cluster) };
  const ports = bootPlanePorts(view, { ...parts, kickstarts: openKickstarts(view) });
  const node = question.uid === undefined ? undefined : cluster.get('node', question.uid);
  const machine: Machine = {
    mac: question.mac,
    architecture: FIRMWARES[question.firmware],
    network: networkOf(state, question, node?.value.ip),
    ip: node?.value.ip ?? '',
  };
  const context = parts.dhcp && contextApart({ ...parts.dhcp, directory: view.directory });
  const isProxy = state.config['dhcp.mode'] === 'proxy';
  const firmware = context && exchangeOf(machine, 'firmware', context, isProxy);
  const loading = firmware && loadedBy(firmware);
  const stages: RehearsedStage[] = firmware
    ? [
        dhcpStage('offered', firmware.slice(0, 1)),
        ...(firmware.length > 1 ? [dhcpStage('addressed', firmware.slice(1))] : []),
      ]
    : [noDhcp('offered'), noDhcp('addressed')];
  if (firmware && !loading)
    return ended(
      stages,
      stages.some(({ result }) => result === 'refused'),
    );
  stages.push(await loaderStage(state, parts.served, loading));
  const loader = loading && otherLoaderOf(nameOf(loading));
  const ipxe = context && !loader ? exchangeOf(machine, 'ipxe', context, isProxy) : undefined;
  if (ipxe) stages.push(dhcpStage('ipxe', ipxe));
  else stages.push(loader ? stage('ipxe', 'skipped', 'GRUB replaces iPXE, and keeps the address') : noDhcp('ipxe'));
  if (!node || stages.some(({ result }) => result === 'refused')) return ended(stages, true);
  const granted = [...(firmware ?? []), ...(ipxe ?? [])].some(({ answer }) => 'grant' in answer && answer.grant);
  const mayAsk = granted || state.boots.mayMint(node.uid);
  const asking = identify({ architectures: [machine.architecture], ipxeOptions: false });
  const arch = asking.kind === 'firmware' ? asking.arch : undefined;
  const scripts = await rehearseScript(ports, node, { loader, mayAsk, arch });
  stages.push(...scripts.stages);
  if (!scripts.plan) return ended(stages, true);
  const placed = takesFiles(scripts.plan) ? await parts.nodeFiles.list(cluster, node) : undefined;
  stages.push(...rehearseRoot(ports, scripts.plan, node, state.governor.list().length, fileLines(placed)));
  return stages;
}

function networkOf({ networks }: State, { network }: RehearsalQuestion, ip: string | undefined): BootNetwork {
  const named = network === undefined ? undefined : networks.all.find(({ name }) => name === network);
  return named ?? (ip === undefined ? undefined : networks.of(ip)) ?? networks.main;
}

/** Returns the architecture that a node last booted with. */
export function lastFirmware(boots: readonly Boot[]): Firmware | undefined {
  const arch = boots.findLast(boot => boot.arch !== undefined)?.arch;
  return arch && FIRMWARE_OF[arch];
}

/** The firmware that asks for a loader, among those that can be rehearsed. */
const FIRMWARE_OF: Readonly<Partial<Record<LoaderName, Firmware>>> = {
  bios: 'bios',
  efi32: 'efi32',
  efi64: 'efi64',
  'efi-arm64': 'arm64',
  'http-efi64': 'http',
  'http-efi-arm64': 'http-arm64',
};

/** Returns the stages after the one at which a boot ends. */
function ended(stages: RehearsedStage[], isRefused: boolean): RehearsedStage[] {
  const why = isRefused ? 'the boot ends before' : 'not a part of this boot';
  const seen = new Set(stages.map(({ stage: name }) => name));
  return [...stages, ...STAGES.filter(name => !seen.has(name)).map(name => stage(name, 'skipped', why))];
}

function noDhcp(name: Stage): RehearsedStage {
  return stage(
    name,
    'skipped',
    'dhcp.mode is off: another server answers, and must give the address that the node has here',
  );
}

function dhcpStage(name: Stage, said: readonly Said[]): RehearsedStage {
  const refusal = said.map(refusalOf).find(text => text !== undefined);
  const summary =
    refusal ??
    said.map(({ answer }) => ('text' in answer ? answer.text : 'accepted' in answer ? answer.accepted : '')).join('; ');
  return stage(name, refusal === undefined ? 'answered' : 'refused', summary, {
    lines: said.flatMap(linesOf),
    packets: said.flatMap(({ reply }) => (reply ? [packetOf(reply)] : [])),
  });
}

function nameOf(loading: NonNullable<ReturnType<typeof loadedBy>>): string {
  return 'url' in loading ? decodeURIComponent(loading.url.split('/').at(-1) ?? '') : loading.file;
}

/** Returns the stage of the file that the firmware fetches, as DHCP named it. */
async function loaderStage(
  { config }: State,
  served: ReadonlyMap<string, string>,
  loading: ReturnType<typeof loadedBy>,
): Promise<RehearsedStage> {
  if (!loading) return noDhcp('loader');
  const how = 'url' in loading ? loading.url : `TFTP from ${loading.from}, file ${loading.file}`;
  if (!('url' in loading) && !config['tftp.enabled'])
    return stage('loader', 'refused', `${how}: tftp.enabled is false in the configuration of the head`);
  const found = findFile(served, nameOf(loading));
  if ('refused' in found) return stage('loader', 'refused', `${how}: ${found.refused}`);
  try {
    const content = typeof found.source === 'string' ? await readFile(found.source) : found.source;
    const sha256 = createHash('sha256').update(content).digest('hex');
    const file = {
      name: found.name,
      size: content.length,
      sha256,
      ...(typeof found.source === 'string' && { path: found.source }),
    };
    const lines = [
      `size: ${file.size} bytes`,
      `sha256: ${sha256}`,
      ...(file.path === undefined ? [] : [`read from: ${file.path}`]),
    ];
    return stage('loader', 'answered', how, { lines, files: [file] });
  } catch (error) {
    return stage('loader', 'refused', `${how}: the head cannot read it: ${reasonOf(error)}`);
  }
}
