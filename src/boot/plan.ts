// What this node would boot now: the pure result of resolving its attributes, a plan or the reason there is none.
import { effectiveAttributes, type Inherited } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { BOOT_STYLES, type BootStyle } from '../model/values.ts';
import type { Refused } from '../refused.ts';
import { type BootPlan, DEFAULT_STATUS_SECONDS, type PlanAnswer, wholeFile } from './boot-plan.ts';
import { handingOf, kernelLine, type Plane } from './command-line.ts';
import { disksOf } from './disk-plan.ts';
import { type BootFiles, bootOnceOf, planInstall } from './install.ts';
import { sanbootOf } from './sanboot.ts';
import { STYLES } from './styles/style.ts';

/** The longest possible addresses, for the length of a command line with an unknown head. */
const SOMEWHERE: Plane = { address: '255.255.255.255', port: 65_535 };
/** Stands for the id of a session. */
const SOME_ID = '0'.repeat(32);

/** Returns what a node would boot now, or why nothing. */
export function planBoot(cluster: Cluster, node: Entry<'node'>, plane: Plane = SOMEWHERE): PlanAnswer {
  const attributes = effectiveAttributes(cluster, node.value);
  const wanted = attributes.get('_boot_config');
  if (!wanted)
    return {
      refused: `${node.value.name} has no _boot_config; set it on the node, on a group of it, or on the default group`,
    };
  const config = cluster.byName('boot', wanted.value) ?? cluster.get('boot', wanted.value);
  if (!config) return { refused: `_boot_config=${wanted.value} (${wanted.source}) names no boot config` };
  const once = bootOnceOf(node);
  const style =
    once === undefined ? attributes.get('_boot_style') : { value: once, source: `_boot_once of ${node.value.name}` };
  const named = style?.value ?? config.value.boot_style;
  const chosen = BOOT_STYLES.find(name => name === named);
  if (!chosen)
    return { refused: `the boot style ${named} is not served by this muster; it serves ${BOOT_STYLES.join(', ')}` };
  const rules = STYLES[chosen];
  const files = filesFor(cluster, config, chosen, rules.needsKernel);
  if ('refused' in files) return files;
  // The node's cmdline is appended, so that it can override: the kernel uses the last value of an option.
  const cmdline = [config.value.cmdline, node.value.cmdline].filter(part => part !== '').join(' ');
  const sanboot = chosen === 'sanboot' ? sanbootOf(attributes.get('_ipxe_sanboot')?.value ?? '') : undefined;
  if (sanboot && 'refused' in sanboot) return { refused: `_ipxe_sanboot: ${sanboot.refused}` };
  const disks = disksOf(attributes, rules);
  if ('refused' in disks) return disks;
  const needsImage = rules.needsImage || (sanboot !== undefined && 'image' in sanboot);
  const image = needsImage ? imageOf(cluster, config) : null;
  if (image && 'refused' in image) return image;
  const ignition = attributes.get('_ignition')?.value;
  const plan: BootPlan = {
    node: {
      uid: node.uid,
      name: node.value.name,
      mac: node.value.mac,
      ip: node.value.ip,
      hostname: hostname(node, attributes),
    },
    style: chosen,
    styleSource: style?.source ?? `boot config ${config.value.name}`,
    bootConfig: { uid: config.uid, name: config.value.name, release: files.release, source: wanted.source },
    kernel: files.kernel,
    initramfs: files.initramfs,
    cmdline,
    image,
    ...(files.install && { install: files.install }),
    ...(once !== undefined && { once }),
    ...(sanboot && { sanboot }),
    ...disks,
    ...(rules.needsKernel && ignition && { ignition }),
    ...settingsOf(attributes),
  };
  const line = rules.needsKernel
    ? kernelLine(plan, handingOf(attributes.get('_boot_loader')?.value, plane, SOME_ID))
    : undefined;
  return line && 'refused' in line ? line : { plan };
}

type Settings = Pick<BootPlan, 'rwLayer' | 'iscsiOverlay' | 'iscsiDigests' | 'statusSeconds'>;

/** The settings that attributes alone decide. */
function settingsOf(attributes: Map<string, Inherited>): Settings {
  const overlay = attributes.get('_iscsi_overlay')?.value;
  return {
    rwLayer: attributes.get('_boot_rw_layer')?.value === 'rwtab' ? 'rwtab' : 'overlayfs',
    ...((overlay === 'memory' || overlay === 'file') && { iscsiOverlay: overlay }),
    iscsiDigests: attributes.get('_iscsi_digests')?.value === 'crc32c',
    statusSeconds: Number(attributes.get('_status_secs')?.value ?? DEFAULT_STATUS_SECONDS),
  };
}

type Files = BootFiles | { kernel: null; initramfs: null; release: string; install?: never };

/** What a node loads: nothing when the style leaves it to its own disk. */
function filesFor(cluster: Cluster, config: Entry<'boot'>, style: BootStyle, needsKernel: boolean): Files | Refused {
  const { name, kernel, initramfs, release } = config.value;
  if (style === 'live') return planInstall(cluster, config);
  if (!needsKernel) return { kernel: null, initramfs: null, release };
  if (!kernel) return { refused: `the boot config ${name} has no kernel; update kernel=@FILE` };
  if (!initramfs) return { refused: `the boot config ${name} has no initramfs; see 'muster mkramfs'` };
  return { kernel: wholeFile(kernel), initramfs: wholeFile(initramfs), release };
}

function hostname(node: Entry<'node'>, attributes: Map<string, Inherited>): string {
  return attributes.get('_hostname')?.value || node.value.name;
}

function imageOf(cluster: Cluster, config: Entry<'boot'>): NonNullable<BootPlan['image']> | Refused {
  const { name, image } = config.value;
  if (!image) return { refused: `the boot config ${name} has no image; update image=NAME` };
  const found = cluster.get('image', image);
  if (!found) return { refused: `the image ${image} of the boot config ${name} is gone; update image=NAME` };
  const { content } = found.value;
  if (!content) return { refused: `the image ${found.value.name} has no content; update content=@FILE` };
  return {
    uid: found.uid,
    name: found.value.name,
    blob: content.sha256,
    offset: content.root_offset,
    size: content.root_size,
    sha256: content.root_sha256,
    unpacked: content.unpacked,
  };
}
