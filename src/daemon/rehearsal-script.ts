// The stages of a rehearsal from the script on: the plan, the text of the script, the files of the session, the root.
import type { RehearsedFile, RehearsedStage } from '../api/rehearsal.ts';
import type { Boot } from '../boot/boot.ts';
import type { BootPlan, PlannedFile } from '../boot/boot-plan.ts';
import { handingOf, kernelLine } from '../boot/command-line.ts';
import type { OtherLoader } from '../boot/directory.ts';
import { bootIscsi } from '../boot/iscsi-access.ts';
import { GRUB, GRUB_BY_TFTP, IPXE } from '../boot/plane/languages.ts';
import { answer } from '../boot/plane/plane.ts';
import type { PlaneContext } from '../boot/plane/ports.ts';
import { sessionUrl, sessionValues } from '../boot/plane/session-values.ts';
import { STYLES } from '../boot/styles/style.ts';
import type { LoaderName } from '../config-values.ts';
import type { BootPlanePorts } from '../http/ports.ts';
import { MASK, maskPassword } from '../masking.ts';
import type { Entry } from '../model/cluster.ts';
import { stage } from './rehearsal-stage.ts';

/** Stands for the id of the session, which does not exist yet. */
const SESSION = 'SESSION';
/** Secret values of the session file. */
const SECRETS: ReadonlySet<string> = new Set(['MUSTER_TOKEN', 'MUSTER_ISCSI_SECRET']);
const LANGUAGES = { grub: GRUB, shim: GRUB_BY_TFTP };
/** The least of the random waits. */
const LEAST = (): number => 0;

/** Stages 5 and 6; returns the plan when there is a script that boots it. */
export async function rehearseScript(
  ports: BootPlanePorts,
  { uid, value }: Entry<'node'>,
  { loader, mayAsk, arch }: { loader: OtherLoader | undefined; mayAsk: boolean; arch: LoaderName | undefined },
): Promise<{ stages: RehearsedStage[]; plan?: BootPlan }> {
  const { path } = loader === undefined ? IPXE : LANGUAGES[loader];
  const { address, port } = ports.head(value.ip);
  const url = loader === 'shim' ? `tftp://${address}${path}` : `http://${address}:${port}${path}`;
  const boot = bootOf(uid, arch);
  const context = contextOf(ports, boot, mayAsk);
  const given = await answer({ method: 'GET', path, ip: value.ip, peer: value.ip }, context);
  if (given.say === 'refused') return refused(`${url}: ${given.status}: ${given.reason}`);
  if (given.say !== 'script') {
    // Another script shows on the node's screen why there is nothing to boot
    const why = given.effects?.flatMap(effect => (effect.do === 'note' ? (effect.note.error ?? []) : [])) ?? [];
    return refused(`${url}: ${why.join('; ')}`, given.say === 'text' ? String(given.text ?? '') : undefined);
  }
  const { plan } = given.mint;
  const text = maskText(given.text({ id: SESSION, boot }));
  const script = stage('script', 'answered', `${url}: ${plan.bootConfig.name} as ${plan.style}, from ${given.from}`, {
    lines: [
      `boot config: ${plan.bootConfig.name} (${plan.bootConfig.source})`,
      `boot style: ${plan.style} (${plan.styleSource})`,
      ...onceLines(plan),
      'script (SESSION stands for the id that is minted then; waits are random, from the shown value to twice that):',
      ...indented(text),
    ],
    text,
  });
  return { stages: [script, kernelStage(context, boot, plan, { loader, arch })], plan };
}

/** Stands for the boot that would begin. */
function bootOf(node: string, arch?: LoaderName): Boot {
  return { id: 'BOOT', node, started: 0, events: [], sessionHash: '', ...(arch !== undefined && { arch }) };
}

/** Returns the plane's context, with stand-ins for what only a boot has: its DHCP exchange, its firmware, randomness, and its secret. */
function contextOf(ports: BootPlanePorts, boot: Boot, mayAsk: boolean): PlaneContext {
  const { boots, iscsiAccess } = ports;
  return {
    ...ports,
    boots: {
      mayMint: () => mayAsk,
      current: () => boot,
      session: (id, ip) => boots.session(id, ip),
      byHeartbeatToken: token => boots.byHeartbeatToken(token),
      beats: boots.beats,
    },
    plan: uid => ports.plan(uid, boot.arch),
    random: LEAST,
    ...(iscsiAccess && { iscsiAccess: (of, plan) => ({ ...iscsiAccess(of, plan), secret: MASK }) }),
  };
}

function refused(reason: string, text?: string): { stages: RehearsedStage[] } {
  const more = text === undefined ? { lines: [] } : { lines: ['script:', ...indented(text)], text };
  return { stages: [stage('script', 'refused', reason, more)] };
}

function indented(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map(line => `  ${line}`);
}

function onceLines({ once, style }: BootPlan): string[] {
  if (once === undefined) return [];
  const when = STYLES[style].needsKernel ? 'when its initramfs is fetched' : 'with this script';
  return [`_boot_once=${once}: for this boot only; it is cleared ${when}`];
}

function kernelStage(
  context: PlaneContext,
  boot: Boot,
  plan: BootPlan,
  { loader, arch }: { loader: OtherLoader | undefined; arch: LoaderName | undefined },
): RehearsedStage {
  if (!plan.kernel || !plan.initramfs)
    return stage('kernel', 'skipped', `style ${plan.style} leaves the node to its disk`);
  const head = context.head(plan.node.ip);
  const url = sessionUrl(head, SESSION);
  const { address, port } = head;
  const plane = { address, port, ...(arch !== undefined && { isEfi: arch !== 'bios' }) };
  const line = kernelLine(plan, handingOf(loader, plane, SESSION));
  const cmdline = 'text' in line ? maskText(line.text) : '';
  const settings =
    loader === undefined && cmdline.includes('${') ? ['iPXE replaces the names in braces by its own settings'] : [];
  const session = Object.entries(sessionValues(plan, SESSION, head, bootIscsi(context, boot, plan)));
  const files = [fileOf('kernel', plan.kernel), fileOf('initramfs', plan.initramfs)];
  const release = plan.bootConfig.release ? `, release ${plan.bootConfig.release}` : '';
  return stage('kernel', 'answered', `${url}/kernel, /initramfs and /session.cpio${release}`, {
    lines: [
      ...files.map(fileLine),
      `command line: ${cmdline}`,
      ...settings,
      'session.cpio: /etc/muster/session with',
      ...session.map(([name, value]) => `  ${name}=${SECRETS.has(name) ? MASK : value}`),
    ],
    files,
    cmdline,
  });
}

/** Stages 7 to 10. */
export function rehearseRoot(
  ports: BootPlanePorts,
  plan: BootPlan,
  node: Entry<'node'>,
  transfers: number,
): RehearsedStage[] {
  const rules = STYLES[plan.style];
  if (rules.handsOver || plan.install) {
    const why = plan.install ? 'the installer takes over' : `style ${plan.style} leaves the node to its disk`;
    return [
      ...(['initramfs', 'image', 'root'] as const).map(name => stage(name, 'skipped', why)),
      stage('up', 'skipped', why, { lines: powerLines(node) }),
    ];
  }
  const { image } = plan;
  return [
    stage('initramfs', 'answered', `mount_rootfs reads the session file and does what ${plan.style} says`, {
      lines: [`address: ${plan.node.ip}/${ports.head(plan.node.ip).prefix}, host name ${plan.node.hostname}`],
    }),
    stage('image', image ? 'answered' : 'skipped', imageSummary(ports, plan), {
      lines: image ? imageLines(ports, plan, transfers) : [],
      ...(image && { files: [fileOf(image.name, image)] }),
    }),
    stage('root', 'answered', rules?.summary ?? plan.style, { lines: rootLines(plan) }),
    stage('up', 'answered', `the agent sends a heartbeat every ${plan.statusSeconds} s`, { lines: powerLines(node) }),
  ];
}

function imageSummary(ports: BootPlanePorts, plan: BootPlan): string {
  const { image } = plan;
  if (!image) return `style ${plan.style} has no image`;
  const iscsi = plan.style === 'iscsi' ? bootIscsi(ports, bootOf(plan.node.uid), plan) : undefined;
  if (iscsi) return `iSCSI: ${iscsi.portal}, target ${iscsi.target}, initiator ${iscsi.initiator}, CHAP`;
  return `${sessionUrl(ports.head(plan.node.ip), SESSION)}/image: ${image.name}`;
}

function imageLines(
  ports: BootPlanePorts,
  { style, image, iscsiDigests, iscsiOverlay, disk }: BootPlan,
  transfers: number,
): string[] {
  if (!image) return [];
  if (style === 'iscsi')
    return [
      `image: ${image.name}, read block by block as it is used`,
      `digests: ${iscsiDigests ? 'CRC32C' : 'None'}`,
      `disk: ${iscsiOverlay ? `writable, kept by the head in ${iscsiOverlay}` : 'read-only'}`,
    ];
  return [
    fileLine(fileOf(image.name, image)),
    ...(disk?.cache ? [`nothing is fetched when the cache on ${disk.cache} holds this SHA-256`] : []),
    ...(ports.governor
      ? [`images being sent or waited for now: ${transfers}; one beyond http.image_transfers waits with 503`]
      : []),
  ];
}

function rootLines({ style, rwLayer, image, disk }: BootPlan): string[] {
  const memory = image && STYLES[style].memory(image);
  return [
    ...(style === 'rwram' ? ['root: tmpfs, writable'] : []),
    ...(disk ? [`root: ${disk.root}, ${disk.wipe ? 'wiped at each boot' : 'kept while it holds the same image'}`] : []),
    ...(disk?.layout ? [`an empty disk is partitioned: ${disk.layout}`] : []),
    ...(style === 'roram' || style === 'iscsi' ? [`root: squashfs, read-only, below ${rwLayer}`] : []),
    ...(memory ? [`memory for it: ${memory.peak} bytes at the peak, ${memory.kept} afterwards`] : []),
  ];
}

function powerLines({ value }: Entry<'node'>): string[] {
  return [
    `power: ${value.power_uri === '' ? 'no power_uri, so that muster cannot switch it' : maskPassword(value.power_uri)}`,
  ];
}

function fileOf(name: string, { size, sha256 }: PlannedFile): RehearsedFile {
  return { name, size, sha256 };
}

function fileLine({ name, size, sha256 }: RehearsedFile): string {
  return `${name}: ${size} bytes, sha256 ${sha256}`;
}

/** Hides passwords in URIs, such as one that iPXE boots from. */
function maskText(text: string): string {
  return text
    .split('\n')
    .map(line => maskPassword(line))
    .join('\n');
}
