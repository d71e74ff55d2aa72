// What would change in the files of nodes: nodes with equal changes together.
import type { FileChange, Preview } from '../api/node-files.ts';
import { reasonOf } from '../errors.ts';
import { type Index, type IndexEntry, indexText, readIndex } from '../files/index-text.ts';
import { lineDifferences } from '../files/line-differences.ts';
import { MASK } from '../masking.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import type { Refused } from '../refused.ts';
import type { NodeFilesAccess } from './ports.ts';

/** The files of one node before and after. */
export interface FilesOf {
  /** The text of the index; undefined without files. */
  before: string | undefined;
  after: { index: string | undefined } | { refused: string };
}

export interface PreviewPorts {
  filesOf(node: Entry<'node'>): Promise<FilesOf>;
  /** Returns a content by its digest. */
  content(sha256: string): Promise<Buffer | undefined>;
}

/** Lines of a text up to which differences are shown. */
const MOST_LINES = 1000;

export async function previewOf(nodes: readonly Entry<'node'>[], ports: PreviewPorts): Promise<Preview> {
  const groups = new Map<string, { nodes: string[]; changes: Pair[] }>();
  const failed = new Map<string, string[]>();
  let same = 0;
  for (const node of nodes) {
    const { name } = node.value;
    const { before, after } = await ports.filesOf(node);
    if ('refused' in after) {
      failed.set(after.refused, [...(failed.get(after.refused) ?? []), name]);
      continue;
    }
    const changes = pairsOf(entriesOf(before), entriesOf(after.index));
    if (changes.length === 0) {
      same += 1;
      continue;
    }
    const key = changes.map(({ old, now }) => `${textOf(old)}\n${textOf(now)}`).join('\n');
    const group = groups.get(key) ?? { nodes: [], changes };
    groups.set(key, group);
    group.nodes.push(name);
  }
  const sorted = [...groups.values()].sort((left, right) => right.nodes.length - left.nodes.length);
  const shown: Preview['groups'] = [];
  for (const { nodes: names, changes } of sorted) {
    const lines: FileChange[] = [];
    for (const pair of changes) lines.push(await changeOf(pair, ports));
    shown.push({ nodes: names, changes: lines });
  }
  return { same, groups: shown, failed: Array.from(failed, ([reason, names]) => ({ nodes: names, reason })) };
}

/** Returns which files of one node change with other objects; none when either side cannot be rendered, which its stage reports. */
export async function fileChanges(
  files: Pick<NodeFilesAccess, 'tried'>,
  node: Entry<'node'>,
  objects: { before: Cluster; after: Cluster },
): Promise<FileChange[]> {
  const contents = new Map<string, Buffer>();
  const indexOf = async (cluster: Cluster): Promise<string | undefined | Refused> => {
    const entry = cluster.get('node', node.uid);
    const refused = (error: unknown): Refused => ({ refused: reasonOf(error) });
    const rendered = entry && (await files.tried(cluster, entry, new Map()).catch(refused));
    if (!rendered || 'refused' in rendered) return rendered;
    for (const { sha256, content } of rendered.entries) contents.set(sha256, content);
    return indexText(rendered);
  };
  const [before, after] = [await indexOf(objects.before), await indexOf(objects.after)];
  if (typeof before === 'object' || typeof after === 'object') return [];
  const ports = {
    filesOf: async () => ({ before, after: { index: after } }),
    content: async (sha256: string) => contents.get(sha256),
  };
  const { groups } = await previewOf([node], ports);
  return groups.flatMap(({ changes }) => changes);
}

/** A file before and after; undefined when it is not there. */
interface Pair {
  path: string;
  old: IndexEntry | undefined;
  now: IndexEntry | undefined;
}

function entriesOf(text: string | undefined): Map<string, IndexEntry> {
  const read = text === undefined ? undefined : readIndex(text);
  const index: Pick<Index, 'entries'> = !read || 'refused' in read ? { entries: [] } : read;
  return new Map(index.entries.map(entry => [entry.path, entry]));
}

function pairsOf(before: ReadonlyMap<string, IndexEntry>, after: ReadonlyMap<string, IndexEntry>): Pair[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap(path => {
    const [old, now] = [before.get(path), after.get(path)];
    return textOf(old) === textOf(now) ? [] : [{ path, old, now }];
  });
}

function textOf(entry: IndexEntry | undefined): string {
  return entry
    ? JSON.stringify({ ...entry, xattrs: entry.xattrs.map(([name, value]) => [name, value.toString('hex')]) })
    : '';
}

async function changeOf({ path, old, now }: Pair, ports: PreviewPorts): Promise<FileChange> {
  const change = !old ? 'added' : !now ? 'removed' : 'changed';
  const secret = old?.secret === true || now?.secret === true;
  const [before, after] = [headOf(old), headOf(now)];
  const head = before === after ? [] : [...(old ? [`- ${before}`] : []), ...(now ? [`+ ${after}`] : [])];
  if (old?.sha256 === now?.sha256) return { path, change, secret, lines: head };
  return { path, change, secret, lines: [...head, ...(await contentLines(old, now, secret, ports))] };
}

/** Type, mode, owner and group of a file. */
function headOf(entry: IndexEntry | undefined): string {
  if (!entry) return '';
  const { type, mode, owner, group, target } = entry;
  return `${type} ${mode.toString(8).padStart(4, '0')} ${owner}:${group}${target && ` to ${target}`}`;
}

async function contentLines(
  old: IndexEntry | undefined,
  now: IndexEntry | undefined,
  secret: boolean,
  ports: PreviewPorts,
): Promise<string[]> {
  if (secret) return [...(old ? [`- ${MASK}`] : []), ...(now ? [`+ ${MASK}`] : [])];
  const texts: string[][] = [];
  for (const entry of [old, now]) {
    const content = entry?.type === 'file' ? await ports.content(entry.sha256) : Buffer.alloc(0);
    if (!content) return [`the former content is no longer kept (${old?.size ?? 0} bytes)`];
    if (content.includes(0)) return [`${old?.size ?? 0} bytes become ${now?.size ?? 0}`];
    texts.push(content.length === 0 ? [] : content.toString().replace(/\n$/, '').split('\n'));
  }
  const [before = [], after = []] = texts;
  if (before.length > MOST_LINES || after.length > MOST_LINES) return [`${before.length} lines become ${after.length}`];
  return lineDifferences(before, after);
}
