// The kinds of object and their fields, defined once: the source of the API's validation, the command line's help and the
// documents.
import { z } from 'zod';
import { KIND_NAMES, KIND_WORDS, type Kind } from './kind-words.ts';
import {
  attributesValue,
  BOOT_STYLES,
  cmdlineValue,
  flagValue,
  integerValue,
  ipValue,
  kickstartValue,
  lineValue,
  listOf,
  macValue,
  NODE_TYPES,
  nameValue,
  powerUriValue,
  repoOptionValue,
  setVersionValue,
  storedFileValue,
  storedImageValue,
  storedIsoValue,
  storedSetValue,
  textValue,
  uidValue,
  urlValue,
} from './values.ts';

/** How a field behaves beyond its type. */
export interface FieldMeta {
  /** Set by muster only. */
  readOnly?: boolean;
  /** Given as `@FILE` on the command line, as a finished upload in the API. */
  file?: boolean;
  /** A list of stored files that muster keeps with the object: they count for storage and backups. */
  keeps?: boolean;
  /** Refers to objects of this kind: a name or UID is accepted, a UID is stored, the name is shown. */
  refers?: Kind;
  /** With `refers`: where the object came from. The other object may be deleted; its UID stays here and means "one that is gone". */
  history?: boolean;
  /** Must be given to `create`. */
  required?: boolean;
  /**
   * May hold a password, and errors never quote it. `uri`: in a power URI. `urls`: in URLs, of a text or of a list. `names`: in the
   * attributes with a secret name, and in URLs of any.
   */
  secret?: 'uri' | 'urls' | 'names';
  /** Of a node: addresses that no second machine may have. `ip`, `mac`: the value is one. `names`: in `_ips`, `_macs`, `_altmacs` and `_interfaces`. */
  address?: 'ip' | 'mac' | 'names';
}

const field = <T extends z.ZodType>(schema: T, meaning: string, meta: FieldMeta = {}): T =>
  schema.meta({ ...meta, description: meaning });

/** People paste URLs into it. */
const description = field(textValue.default(''), 'free text', { secret: 'urls' });

const node = z.strictObject({
  name: field(nameValue, 'default: assigned by the naming pool'),
  description,
  type: field(z.enum(NODE_TYPES).default('compute'), 'what kind of machine'),
  mac: field(macValue, 'hardware address of the boot interface', { required: true, address: 'mac' }),
  index: field(integerValue(0, 1_000_000), 'number in the naming pool; default: the next free one'),
  ip: field(ipValue, 'address on the boot network; default: by the index', { address: 'ip' }),
  groups: field(listOf(uidValue).default([]), 'attribute groups in order; later ones win', { refers: 'attrib' }),
  attributes: field(attributesValue.default({}), "the node's own attributes; use `set` and `clear`", {
    secret: 'names',
    address: 'names',
  }),
  power_uri: field(powerUriValue.default(''), 'how to control its power; shown without its password', {
    secret: 'uri',
  }),
  cmdline: field(cmdlineValue.default(''), "appended to the boot config's kernel command line", { secret: 'urls' }),
  naming_pool: field(uidValue.or(z.literal('')).default(''), 'the pool that named it', { refers: 'pool' }),
});

const attrib = z.strictObject({
  name: field(nameValue, 'name of the group', { required: true }),
  description,
  // Addresses in them do not count: one address for all members would belong to nobody.
  attributes: field(attributesValue.default({}), 'name=value for every node of the group; use `set` and `clear`', {
    secret: 'names',
  }),
});

const boot = z.strictObject({
  name: field(nameValue, 'name of the boot config', { required: true }),
  description,
  kernel: field(storedFileValue.nullable().default(null), 'the kernel file (`kernel=@FILE`)', { file: true }),
  initramfs: field(storedFileValue.nullable().default(null), 'the initramfs file (`initramfs=@FILE`)', { file: true }),
  cmdline: field(cmdlineValue.default(''), 'kernel command line; an update replaces it whole', { secret: 'urls' }),
  image: field(uidValue.or(z.literal('')).default(''), 'the image that becomes the root file system', {
    refers: 'image',
  }),
  boot_style: field(z.enum(BOOT_STYLES).default('rwram'), 'how nodes get their root file system'),
  release: field(textValue.default(''), 'version of the kernel, read from the kernel file', { readOnly: true }),
  repo: field(uidValue.or(z.literal('')).default(''), 'the ISO-based repository for style live', { refers: 'repo' }),
  kickstart: field(kickstartValue.default(''), 'kickstart, preseed or autoinstall file for style live'),
  frozen: field(flagValue.default(false), 'whether changes are blocked'),
});

const image = z.strictObject({
  name: field(nameValue, 'name of the image', { required: true }),
  description,
  content: field(storedImageValue.nullable().default(null), 'cwsquash or squashfs file (`content=@FILE`)', {
    file: true,
  }),
  parent: field(uidValue.or(z.literal('')).default(''), 'the image it was cloned from', {
    refers: 'image',
    history: true,
  }),
  distro: field(uidValue.or(z.literal('')).default(''), 'the distro it was created from', {
    refers: 'distro',
    history: true,
  }),
  frozen: field(flagValue.default(false), 'whether changes are blocked'),
});

const files = z.strictObject({
  name: field(nameValue, 'name of the file set', { required: true }),
  description,
  content: field(storedSetValue.nullable().default(null), 'tar archive of its files (`content=@FILE`)', { file: true }),
  parent: field(uidValue.or(z.literal('')).default(''), 'the file set it was cloned from', {
    refers: 'files',
    history: true,
  }),
  frozen: field(flagValue.default(false), 'whether changes are blocked'),
  versions: field(z.array(setVersionValue).default([]), 'its contents so far, the current one last', {
    readOnly: true,
    keeps: true,
  }),
});

const repo = z.strictObject({
  name: field(nameValue, 'name of the repository', { required: true }),
  description,
  full_name: field(lineValue.default(''), 'the name that package managers show'),
  urls: field(listOf(urlValue).default([]), 'base URLs, with commas', { secret: 'urls' }),
  mirrors: field(listOf(urlValue).default([]), 'URLs of mirror lists', { secret: 'urls' }),
  keys: field(listOf(lineValue).default([]), 'URLs of the signing keys', { secret: 'urls' }),
  check: field(flagValue.default(true), 'whether packages without a good signature are refused'),
  options: field(listOf(repoOptionValue).default([]), "further options of yum's repository files, `NAME=VALUE`", {
    secret: 'urls',
  }),
  iso: field(storedIsoValue.nullable().default(null), 'an ISO image with the packages (`iso=@FILE`)', { file: true }),
  isolabel: field(textValue.default(''), 'volume label, read from the ISO image', { readOnly: true }),
});

const distro = z.strictObject({
  name: field(nameValue, 'name of the distro', { required: true }),
  description,
  package_manager: field(
    z.enum(['', 'yum', 'dnf', 'apt', 'zypper']).default(''),
    'detected when an image is created, unless set',
  ),
  release: field(textValue.default(''), 'what `$releasever` stands for'),
  repos: field(listOf(uidValue).default([]), 'its repositories', { refers: 'repo' }),
});

/** The most indices of one naming pool. */
export const MOST_INDICES = 1_000_000;

const pool = z.strictObject({
  name: field(nameValue, 'name of the naming pool', { required: true }),
  description,
  pattern: field(
    z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,40}\{(:0?[1-9]d)?\}$/, 'must be letters and one {} or {:03d}, such as n{}')
      .default('n{}'),
    'how names are made from the index',
  ),
  first_index: field(integerValue(0, 1_000_000).default(0), 'the lowest index'),
  ip_base: field(ipValue.or(z.literal('')).default(''), 'address of the node with the first index'),
  ip_offset: field(
    integerValue(0, 16_777_215).or(z.literal('')).default(''),
    'without ip_base: the offset of the first node from the network address',
  ),
  network: field(
    textValue.default(''),
    'the name of the network that ip_offset counts in; the boot network when empty',
  ),
  size: field(integerValue(1, MOST_INDICES).default(65_536), 'the number of indices'),
  group: field(uidValue.or(z.literal('')).default(''), 'the attribute group that new nodes of the pool join', {
    refers: 'attrib',
  }),
  parent: field(
    uidValue.or(z.literal('')).default(''),
    'the parent pool: its group, network and addresses apply where this pool sets none',
    { refers: 'pool' },
  ),
});

const head = z.strictObject({
  name: field(textValue, 'name of the head', { readOnly: true }),
  description,
  address: field(textValue.default(''), 'its address on the boot network', { readOnly: true }),
  http_port: field(z.number().int().default(0), 'TCP port of its boot plane', { readOnly: true }),
  version: field(textValue.default(''), 'version of its musterd', { readOnly: true }),
});

const cluster = z.strictObject({
  name: field(z.literal('cluster').default('cluster'), 'always cluster'),
  cluster_name: field(textValue.default(''), 'a name for people'),
  cluster_id: field(textValue.default(''), 'a number or word that identifies the cluster to other systems'),
  default_group: field(uidValue.or(z.literal('')).default(''), 'the group every node is in, first of all', {
    refers: 'attrib',
  }),
  default_pool: field(uidValue.or(z.literal('')).default(''), 'the pool that names new nodes', { refers: 'pool' }),
  default_distro: field(uidValue.or(z.literal('')).default(''), 'the distro of a plain `modimg --create`', {
    refers: 'distro',
  }),
  accept_new_nodes: field(flagValue.default(false), 'whether an unknown MAC becomes a node on its first DISCOVER'),
});

/** One row per kind: its fields and its names. */
export const KINDS = {
  node: { schema: node, ...KIND_WORDS.node },
  attrib: { schema: attrib, ...KIND_WORDS.attrib },
  boot: { schema: boot, ...KIND_WORDS.boot },
  image: { schema: image, ...KIND_WORDS.image },
  files: { schema: files, ...KIND_WORDS.files },
  repo: { schema: repo, ...KIND_WORDS.repo },
  distro: { schema: distro, ...KIND_WORDS.distro },
  pool: { schema: pool, ...KIND_WORDS.pool },
  head: { schema: head, ...KIND_WORDS.head },
  cluster: { schema: cluster, ...KIND_WORDS.cluster },
} as const;

/** The value of an object of one kind, as stored. */
export type Value<K extends Kind = Kind> = z.infer<(typeof KINDS)[K]['schema']>;

export { KIND_NAMES, type Kind, oneOf, oneOfCapital } from './kind-words.ts';

export interface Field {
  name: string;
  schema: z.ZodType;
  meta: FieldMeta;
  meaning: string;
}

const FIELDS = new Map<Kind, readonly Field[]>(
  KIND_NAMES.map(kind => [
    kind,
    Object.entries(KINDS[kind].schema.shape).map(([name, schema]: [string, z.ZodType]): Field => {
      const { description, ...meta } = (schema.meta() ?? {}) as FieldMeta & { description?: string };
      return { name, schema, meta, meaning: description ?? '' };
    }),
  ]),
);

/** The name, schema and meta of each field of a kind, in the order of the table. */
export function fieldsOf(kind: Kind): readonly Field[] {
  return FIELDS.get(kind) ?? [];
}

/** The names of the fields that are stored files: `kernel`, `content`. */
export function fileFields(kind: Kind): string[] {
  return fieldsOf(kind).flatMap(row => (row.meta.file ? [row.name] : []));
}

/** The digests of the stored files that an object refers to, earlier versions included. */
export function filesOf(kind: Kind, value: Value): string[] {
  return storedFilesOf(kind, value).map(({ sha256 }) => sha256);
}

/** The stored files that an object refers to, with their sizes in bytes. */
export function storedFilesOf(kind: Kind, value: Value): StoredBytes[] {
  const stored = fieldsOf(kind).flatMap(({ name, meta }) => {
    if (!meta.file && !meta.keeps) return [];
    const held = (value as Record<string, unknown>)[name] as StoredBytes | readonly StoredBytes[] | null;
    return held ? [held].flat() : [];
  });
  return [...new Map(stored.map(file => [file.sha256, file])).values()];
}

interface StoredBytes {
  sha256: string;
  size: number;
}
