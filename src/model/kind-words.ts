// The names of the kinds of object. They are separate from the fields, whose schemas load slowly.

/** One row per kind: singular and plural in URLs, title in lists, name in sentences. */
export const KIND_WORDS = {
  node: { one: 'node', many: 'nodes', title: 'Nodes', label: 'node', freezes: false },
  attrib: {
    one: 'attrib',
    many: 'attribs',
    title: 'Attributes',
    label: 'attribute group',
    freezes: false,
  },
  boot: {
    one: 'bootconfig',
    many: 'bootconfigs',
    title: 'Boot configurations',
    label: 'boot config',
    freezes: true,
  },
  image: { one: 'image', many: 'images', title: 'Images', label: 'image', freezes: true },
  files: { one: 'fileset', many: 'filesets', title: 'File sets', label: 'file set', freezes: true },
  repo: { one: 'repo', many: 'repos', title: 'Repos', label: 'repo', freezes: false },
  distro: { one: 'distro', many: 'distros', title: 'Distros', label: 'distro', freezes: false },
  pool: {
    one: 'namingpool',
    many: 'namingpools',
    title: 'Naming pools',
    label: 'naming pool',
    freezes: false,
  },
  head: { one: 'head', many: 'heads', title: 'Heads', label: 'head', freezes: false },
  cluster: { one: 'cluster', many: 'clusters', title: 'Cluster', label: 'cluster', freezes: false },
} as const;

export type Kind = keyof typeof KIND_WORDS;
export const KIND_NAMES = Object.keys(KIND_WORDS) as Kind[];

/** `a node`, `an image`: the kind in a sentence. */
export function oneOf(kind: Kind): string {
  const { label } = KIND_WORDS[kind];
  return `${/^[aeiou]/.test(label) ? 'an' : 'a'} ${label}`;
}

/** The same at the beginning of a sentence. */
export function oneOfCapital(kind: Kind): string {
  return `A${oneOf(kind).slice(1)}`;
}
