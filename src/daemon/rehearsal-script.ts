// The stages of a rehearsal from the script on: the plan, the text of the script, the files of the session, the root.
import type { RehearsedFile, RehearsedStage } from '../admin/contract.ts';
import type { BootPlan, PlannedFile } from '../boot/boot-plan.ts';
import { handingOf, kernelLine } from '../boot/command-line.ts';
import type { OtherLoader } from '../boot/directory.ts';
import { type IscsiAccess, readsOverIscsi } from '../boot/iscsi-access.ts';
import { STYLES } from '../boot/styles/style.ts';
import type { LoaderName } from '../config-values.ts';
import { TFTP_SCRIPT } from '../http/by-tftp.ts';
import { kickstartProblem } from '../http/installer-routes.ts';
import { kernelProblem } from '../http/kernel-problem.ts';
import type { BootPlanePorts } from '../http/ports.ts';
import { GRUB, GRUB_BY_TFTP, IPXE, readScripts } from '../http/script-language.ts';
import { sessionUrl, sessionValues } from '../http/session-values.ts';
import { MASK, maskPassword } from '../masking.ts';
import type { Entry } from '../model/cluster.ts';
import { stage } from './rehearsal-stage.ts';

/** Stands for the id of the session, which nobody has yet. */
const SESSION = 'SESSION';
/** Values of the session file that nobody else is to know. */
const SECRETS: ReadonlySet<string> = new Set(['MUSTER_TOKEN', 'MUSTER_ISCSI_SECRET']);
const LANGUAGES = { grub: GRUB, shim: GRUB_BY_TFTP };
/** The least of the waits that are drawn by chance. */
const LEAST = (): number => 0;

/** Stages 5 and 6; the plan when there is a script that boots it. */
export async function rehearseScript(
  ports: BootPlanePorts,
  { uid, value }: Entry<'node'>,
  { loader, mayAsk, arch }: { loader: OtherLoader | undefined; mayAsk: boolean; arch: LoaderName | undefined },
): Promise<{ stages: RehearsedStage[]; plan?: BootPlan }> {
  const language = loader === undefined ? IPXE : LANGUAGES[loader];
  const head = ports.head(value.ip);
  const plane = `http://${head.address}:${head.port}`;
  const urls = { grub: `${plane}/boot/v1/grub.cfg`, shim: `tftp://${head.address}${TFTP_SCRIPT}` };
  const url = loader === undefined ? `${plane}/boot/v1/script` : urls[loader];
  const asked = ports.directory.nodeByIp(value.ip);
  if (!asked) return refused(`${url}: 403: ${value.ip} is no node's address`);
  if (!mayAsk)
    return refused(
      `${url}: 403: ${asked.name} asked for a script without a DHCP exchange of booting firmware before it`,
    );
  const scripts = await readScripts(ports.template, language);
  const unanswered = (await kickstartProblem(ports, uid)) ?? (await kernelProblem(ports, uid, arch));
  const answer = unanswered === undefined ? ports.plan(uid, arch) : { refusal: unanswered };
  if ('refusal' in answer) {
    const text = language.renderRefusal(scripts.get(language.refused) ?? '', asked.name, answer.refusal, LEAST);
    return refused(`${url}: ${answer.refusal}`, text);
  }
  const { plan } = answer;
  const file = language.file(plan);
  const iscsi = iscsiOf(ports, plan);
  const text = language.render(scripts.get(file) ?? '', plan, { id: SESSION, head, iscsi, random: LEAST });
  const once = onceLines(plan);
  const script = stage('script', 'answered', `${url}: ${plan.bootConfig.name} as ${plan.style}, from ${file}`, {
    lines: [
      `boot config: ${plan.bootConfig.name} (${plan.bootConfig.source})`,
      `boot style: ${plan.style} (${plan.styleSource})`,
      ...once,
      'script (SESSION stands for the id that is minted then; waits are drawn by chance from what is shown to twice that):',
      ...maskText(text)
        .trimEnd()
        .split('\n')
        .map(line => `  ${line}`),
    ],
    text: maskText(text),
  });
  return { stages: [script, kernelStage(ports, plan, iscsi, { loader, arch })], plan };
}

function refused(reason: string, text?: string): { stages: RehearsedStage[] } {
  const lines =
    text === undefined
      ? []
      : [
          'script:',
          ...text
            .trimEnd()
            .split('\n')
            .map(line => `  ${line}`),
        ];
  return { stages: [stage('script', 'refused', reason, { lines, ...(text !== undefined && { text }) })] };
}

/** What a boot logs in with, without its secret. */
function iscsiOf(ports: BootPlanePorts, plan: BootPlan): IscsiAccess | undefined {
  if (!readsOverIscsi(plan)) return undefined;
  const boot = { id: 'BOOT', node: plan.node.uid, started: 0, events: [], sessionHash: '' };
  const access = ports.iscsiAccess?.(boot, plan);
  return access && { ...access, secret: MASK };
}

function onceLines({ once, style }: BootPlan): string[] {
  if (once === undefined) return [];
  const when = STYLES[style]?.needsKernel ? 'when its initramfs is fetched' : 'with this script';
  return [`_boot_once=${once}: for this boot only; it is cleared ${when}`];
}

function kernelStage(
  ports: BootPlanePorts,
  plan: BootPlan,
  iscsi: IscsiAccess | undefined,
  { loader, arch }: { loader: OtherLoader | undefined; arch: LoaderName | undefined },
): RehearsedStage {
  if (!plan.kernel || !plan.initramfs)
    return stage('kernel', 'skipped', `style ${plan.style} leaves the node to its disk`);
  const head = ports.head(plan.node.ip);
  const url = sessionUrl(head, SESSION);
  const { address, port } = head;
  const plane = { address, port, ...(arch !== undefined && { isEfi: arch !== 'bios' }) };
  const line = kernelLine(plan, handingOf(loader, plane, SESSION));
  const cmdline = 'text' in line ? maskText(line.text) : '';
  const settings =
    loader === undefined && cmdline.includes('${')
      ? ['iPXE puts its own settings in place of the names in braces']
      : [];
  const session = Object.entries(sessionValues(plan, SESSION, head, iscsi));
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
  if (rules?.handsOver || plan.install) {
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
  const iscsi = plan.style === 'iscsi' ? iscsiOf(ports, plan) : undefined;
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
  const memory = image && STYLES[style]?.memory(image);
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

/** Passwords in URIs, such as one that iPXE is to boot from. */
function maskText(text: string): string {
  return text
    .split('\n')
    .map(line => maskPassword(line))
    .join('\n');
}
