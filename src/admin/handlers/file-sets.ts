// Answers requests about the contents of file sets.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FILE_SETS, SetRow, SetUse } from '../../api/file-sets.ts';
import { MusterError } from '../../errors.ts';
import { readTree, writeTree } from '../../files/archive.ts';
import { secretPathsOf } from '../../files/read-set.ts';
import { type ShippedSet, shippedSet } from '../../files/shipped.ts';
import type { TreeEntry } from '../../files/tree.ts';
import { planUpdate } from '../../model/changes.ts';
import type { Cluster, Entry } from '../../model/cluster.ts';
import { FILE_SETS as FILE_SETS_ATTRIBUTE, fileSetsOf, listNames } from '../../model/file-sets.ts';
import { KINDS } from '../../model/kinds.ts';
import { usersOf } from '../../model/references.ts';
import { selectOne } from '../../model/select.ts';
import { SHIPPED_SETS } from '../../model/shipped-sets.ts';
import type { StoredSet } from '../../model/values.ts';
import type { Asker, Handlers, Raw } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { audited, change } from '../requests.ts';

/** More paths than this are of no use at a prompt. */
const MOST_PATHS = 1000;

export const fileSetHandlers: Handlers<typeof FILE_SETS> = {
  uses: (_asked, { cluster }) => usesOf(cluster),
  tree: async ({ params, query }, ports) => {
    const tree = await treeOf(ports, params.id, query.version);
    const secret = secretPathsOf(tree);
    return tree.map(entry => rowOf(entry, secret.has(entry.path)));
  },
  paths: async ({ params, query }, ports) => {
    const tree = await treeOf(ports, params.id, undefined);
    const paths = tree.flatMap(({ type, path }) => (type === 'folder' ? [] : [path]));
    return paths.filter(path => path.startsWith(query.prefix)).slice(0, MOST_PATHS);
  },
  archive: async (asked, ports) => {
    const { params, query } = asked;
    const shipped = await shippedOf(ports, params.id);
    if (shipped && query.version === undefined) return sent(writeTree(shipped.tree));
    return archive(ports, asked, selectOne(ports.cluster, 'files', params.id), query.version);
  },
  rollback: async (asked, ports) =>
    change(
      ports,
      asked,
      () => [selectOne(ports.cluster, 'files', asked.params.id)],
      ([entry]) => {
        const set = entry as Entry<'files'>;
        const { sha256, size, files, secret } = storedOf(set, asked.body.version);
        const content = { sha256, size, mtime: ports.now(), files, secret };
        const current = set.value.content?.sha256 === sha256;
        return planUpdate(ports.context, 'files', [set], {}, current ? {} : { content });
      },
    ),
};

/** Sends an archive as it was before it was encrypted. */
export async function archive(
  ports: AdminPorts,
  asker: Asker,
  entry: Entry<'files'>,
  version: number | undefined,
): Promise<Raw> {
  const stored = storedOf(entry, version);
  const bytes = await ports.sets.archive(stored, entry.value.name);
  if (stored.secret) await audited(ports, { ...asker, what: `read secrets: ${asker.what}` }, [entry]);
  return sent(bytes);
}

function sent(bytes: Buffer): Raw {
  return {
    headers: {
      'Content-Length': bytes.length,
      'X-Muster-SHA256': createHash('sha256').update(bytes).digest('hex'),
    },
    body: Readable.from([bytes]),
  };
}

/** Returns a set that comes with muster, unless an object has its name. */
async function shippedOf({ cluster }: Pick<AdminPorts, 'cluster'>, name: string): Promise<ShippedSet | undefined> {
  return cluster.byName('files', name) ? undefined : shippedSet(name);
}

async function treeOf(ports: AdminPorts, id: string, version: number | undefined): Promise<readonly TreeEntry[]> {
  const shipped = await shippedOf(ports, id);
  if (shipped && version === undefined) return shipped.tree;
  const entry = selectOne(ports.cluster, 'files', id);
  if (version === undefined && entry.value.content === null) return [];
  return readTree(await ports.sets.archive(storedOf(entry, version), entry.value.name));
}

/** Returns a content of a set; the current one without a number. */
function storedOf({ value }: Entry<'files'>, version: number | undefined): StoredSet {
  const { name, content, versions } = value;
  if (version === undefined && content) return content;
  if (version === undefined)
    throw new MusterError(
      'not-ready',
      `The file set ${name} has no files yet; add one: muster files put ${name} PATH FILE`,
    );
  const found = versions.find(({ number }) => number === version);
  if (found) return found;
  const known = versions.map(({ number }) => `v${number}`).join(', ') || 'none';
  throw new MusterError('no-such-object', `The file set ${name} has no version v${version}; there is ${known}.`);
}

function rowOf({ content, xattrs, mode, ...entry }: TreeEntry, secret: boolean): SetRow {
  return {
    ...entry,
    mode: mode.toString(8).padStart(4, '0'),
    size: content.length,
    xattrs: xattrs.map(([name]) => name),
    secret,
  };
}

function usesOf(cluster: Cluster): SetUse[] {
  const counts = new Map<string, number>();
  for (const { value } of cluster.all('node')) {
    const found = fileSetsOf(cluster, value);
    if ('refused' in found) continue;
    for (const { name } of found.sets) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const own = cluster.all('files').map(entry => ({
    name: entry.value.name,
    named_by: usersOf(cluster, entry).map(user => `${KINDS[user.kind].label} ${user.value.name}`),
    nodes: counts.get(entry.value.name) ?? 0,
  }));
  const shipped = Object.entries(SHIPPED_SETS).filter(([name]) => !cluster.byName('files', name));
  return [
    ...own,
    ...shipped.map(([name, words]) => ({
      name,
      named_by: namersOf(cluster, name),
      nodes: counts.get(name) ?? 0,
      shipped: words,
    })),
  ];
}

function namersOf(cluster: Cluster, name: string): string[] {
  const all = [...cluster.all('node'), ...cluster.all('attrib')];
  return all
    .filter(({ value }) => listNames(value.attributes[FILE_SETS_ATTRIBUTE], name))
    .map(({ kind, value }) => `${KINDS[kind].label} ${value.name}`);
}
