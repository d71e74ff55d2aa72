// Attributes: the reserved names and their values, and how a node inherits.
import { z } from 'zod';
import { type ErrorCode, MusterError } from '../errors.ts';
import { issueText, noneOf } from '../issue.ts';
import { didYouMean } from '../nearest.ts';
import { own } from '../own.ts';
import type { Refused } from '../refused.ts';
import { parseMac } from '../wire/mac.ts';
import type { Cluster } from './cluster.ts';
import { readDhcpOptions } from './dhcp-options.ts';
import { readDiskLayout } from './disk-layout.ts';
import { FILE_SETS, fileSetsProblem, joinedSets } from './file-sets.ts';
import { INTERFACE_EXAMPLE, readInterfaces } from './interface-specs.ts';
import type { Kind, Value } from './kinds.ts';
import { layersOf } from './layers.ts';
import { attributeName, attributeValue, BOOT_STYLES, kickstartValue } from './values.ts';

/** One effective value and where it came from. */
export interface Inherited {
  value: string;
  /** `node n0`, `group gpu`, `default group DefaultAttribs`. */
  source: string;
  /** What it overrides, the nearest first. */
  shadows: { value: string; source: string }[];
}

/**
 * Returns the node's attributes after inheritance: the default group first, then the node's groups in order, later ones win,
 * then the node's own (the specification's precedence). The lists of `_file_sets` add up.
 */
export function effectiveAttributes(
  cluster: Cluster,
  node: Pick<Value<'node'>, 'name' | 'groups' | 'attributes'>,
): Map<string, Inherited> {
  const result = new Map<string, Inherited>();
  const layers = layersOf(cluster, node);
  for (const { attributes, source } of layers) {
    for (const [name, value] of Object.entries(attributes)) {
      const hidden = result.get(name);
      const shadows = hidden ? [{ value: hidden.value, source: hidden.source }, ...hidden.shadows] : [];
      result.set(name, { value, source, shadows });
    }
  }
  if (result.has(FILE_SETS)) {
    const { named } = joinedSets(layers);
    const having = layers.filter(({ attributes }) => Object.hasOwn(attributes, FILE_SETS));
    const [value, source] = [named.map(({ name }) => name).join(','), having.map(layer => layer.source).join(' and ')];
    result.set(FILE_SETS, { value, source, shadows: [] });
  }
  return result;
}

interface Reserved {
  meaning: string;
  schema: z.ZodType<string>;
  /** Returns what the cluster's objects have against a value that the schema takes, or undefined. */
  problem?(value: string, cluster: Cluster): string | undefined;
}

const anything = z.string();
const device = anything.regex(
  /^(\/dev\/[\w./:@+-]+|LABEL=[^\s'"]+|UUID=[0-9A-Fa-f-]+)$/,
  'must be a device (/dev/sda2), LABEL=X or UUID=Y',
);
const words = <const T extends readonly string[]>(...all: T): z.ZodType<string> =>
  z.enum(all, `must be ${all.join(', ').replace(/, ([^,]+)$/, ' or $1')}`);
const pairs = (isItem: (text: string) => boolean, example: string): z.ZodType<string> =>
  anything.refine(
    value =>
      value.split(',').every(part => /^[\w.-]+=/.test(part.trim()) && isItem(part.trim().replace(/^[\w.-]+=/, ''))),
    `must be a list such as ${example}`,
  );

/** Makes a check of a reader that may refuse a text. */
const refusalOf =
  (read: (value: string) => object | Refused) =>
  (value: string): string | undefined => {
    const answer = read(value);
    return 'refused' in answer ? String(answer.refused) : undefined;
  };

/** The reserved attributes, one row each. */
export const RESERVED_ATTRIBUTES: Record<string, Reserved> = {
  _boot_config: {
    meaning: 'the boot config that the node boots, by name or UID',
    schema: anything,
    problem: (value, cluster) => {
      if (cluster.byName('boot', value) ?? cluster.get('boot', value)) return undefined;
      const names = cluster.all('boot').map(entry => entry.value.name);
      return `names no boot config; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ') || 'none yet'}`;
    },
  },
  _boot_style: {
    meaning: "overrides the boot config's boot style",
    schema: z.enum(BOOT_STYLES),
  },
  _boot_once: {
    meaning: 'the boot style of the next boot only, on a node; the boot that takes it clears it',
    schema: z.enum(BOOT_STYLES),
  },
  _boot_loader: {
    meaning:
      'what firmware loads: ipxe (the default); grub, for firmware on which iPXE fails; or shim, the signed one of a distribution, for Secure Boot',
    schema: words('ipxe', 'grub', 'shim'),
  },
  [FILE_SETS]: {
    meaning:
      'the file sets of the node, with commas; the lists of groups and node add up, and `-NAME` leaves one out (docs/files.md)',
    schema: anything,
    problem: fileSetsProblem,
  },
  _boot_rw_layer: {
    meaning: 'how a read-only root becomes writable: overlayfs (the default) or rwtab',
    schema: words('overlayfs', 'rwtab'),
  },
  _ipxe_sanboot: {
    meaning:
      "what iPXE boots in style sanboot: a disk (sdb, 0x81), `iscsi:` (the boot config's image), or any words for iPXE's sanboot; the first disk when not set",
    schema: anything,
  },
  _iscsi_overlay: {
    meaning:
      'makes the disk of style iscsi writable: what the node writes is kept by the head until its next boot, in memory or file',
    schema: words('memory', 'file'),
  },
  _iscsi_digests: {
    meaning:
      'checksums on what style iscsi sends over the network: none (the default) or crc32c, for a network that damages data',
    schema: words('none', 'crc32c'),
  },
  _disk_cache: { meaning: 'the partition that caches images in style disked', schema: device },
  _disk_root: { meaning: 'the partition the image is unpacked to in style disked; it is wiped', schema: device },
  _disk_layout: {
    meaning:
      'partitions to make on disks that hold nothing, with their file systems and folders, such as /dev/sda cache=20G,root=rest; /dev/sdb scratch=rest:xfs@/scratch (docs/boot-styles.md)',
    schema: anything.superRefine(noneOf(refusalOf(readDiskLayout))),
  },
  _disk_wipe: {
    meaning:
      'when style disked wipes _disk_root: always (the default), or changed: only when it does not hold the image of the boot, unchanged',
    schema: words('always', 'changed'),
  },
  _no_boot: { meaning: 'whether DHCP ignores the node', schema: anything },
  _altmacs: {
    meaning: "further MAC addresses that get the node's address, with commas",
    schema: anything.refine(
      value => value.split(',').every(part => parseMac(part)),
      'must be MAC addresses with commas between',
    ),
  },
  _ips: {
    meaning: 'further addresses: ifname=IP with commas, and bmc=IP',
    schema: pairs(text => z.ipv4().safeParse(text).success, 'bmc=10.10.10.100,ib0=10.55.10.100'),
  },
  _macs: {
    meaning: 'further hardware addresses: ifname=MAC with commas, and bmc=MAC',
    schema: pairs(text => parseMac(text) !== undefined, 'bmc=11:22:33:44:55:66'),
  },
  _interfaces: {
    meaning: `more about interfaces: ${INTERFACE_EXAMPLE}; \`+index\` adds the node's index, so that a group can have it`,
    schema: anything.superRefine(noneOf(refusalOf(readInterfaces))),
  },
  _dhcp_options: {
    meaning: 'further DHCP options by name or number: ntp-servers=10.54.0.1; interface-mtu=9000; 224=0x0102',
    schema: anything.superRefine(
      noneOf(value => {
        const read = readDhcpOptions(value);
        return typeof read === 'string' ? read : undefined;
      }),
    ),
  },
  _hostname: {
    meaning: "the node's host name",
    schema: anything.regex(
      /^[A-Za-z0-9]([A-Za-z0-9-]{0,62})?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62})?)*$/,
      'must be a host name (RFC 1123)',
    ),
  },
  _status_secs: {
    meaning: 'seconds between heartbeats, 10 when not set',
    schema: anything.refine(
      value => /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 86_400,
      'must be whole seconds, from 1 to 86400',
    ),
  },
  _files_live: {
    meaning:
      'whether a running node follows changes of its file sets by itself: auto (also when not set), or manual, after `muster node files apply`',
    schema: anything.refine(value => value === 'auto' || value === 'manual', 'must be auto or manual'),
  },
  _ignition: {
    meaning:
      'the Ignition configuration of the node: a file of the kickstart folder, filled in for it; `ignition` in the image applies it at boot',
    schema: kickstartValue.refine(value => value !== '', 'must be the name of a file in the kickstart folder'),
  },
};

/** Checks one `set`: undefined when it is right, else the refusal that says what to do. */
export function attributeProblem(
  name: string,
  value: string,
  cluster: Cluster,
  kind: Kind = 'node',
): MusterError | undefined {
  const badName = attributeName.safeParse(name);
  if (!badName.success)
    return refusal('unknown-attribute', `attribute '${name}': the name ${issueText(badName.error.issues[0])}`);
  const badValue = attributeValue.safeParse(value);
  if (!badValue.success)
    return refusal('bad-value', `attribute '${name}': the value ${issueText(badValue.error.issues[0])}`);
  if (!name.startsWith('_')) return undefined;
  const row = own(RESERVED_ATTRIBUTES, name);
  if (!row) {
    const names = Object.keys(RESERVED_ATTRIBUTES);
    const hint = didYouMean(name, names, `they are ${names.join(', ')}`);
    return refusal('unknown-attribute', `attribute '${name}': names with '_' are reserved; ${hint}`);
  }
  // On a group, the first node that boots would take it from the others.
  if (name === '_boot_once' && kind !== 'node')
    return refusal('bad-value', `attribute '_boot_once' is for nodes: muster node -i %GROUP set _boot_once=${value}`);
  const { success, error } = row.schema.safeParse(value);
  const problem = success ? row.problem?.(value, cluster) : issueText(error.issues[0]);
  return problem === undefined ? undefined : refusal('bad-value', `attribute '${name}': '${value}' ${problem}`);
}

function refusal(code: ErrorCode, text: string): MusterError {
  return new MusterError(code, text.endsWith('?') ? text : `${text}.`);
}

/** Returns whether an attribute says yes: anything but empty, 0, false, no, off. */
export function isTrue(text: string): boolean {
  return !/^(|0|false|no|off)$/i.test(text.trim());
}
