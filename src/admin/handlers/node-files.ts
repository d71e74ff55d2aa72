// Answers requests about the files that nodes get from their file sets.
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { NODE_FILES, TracedNodeFile } from '../../api/node-files.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { readTree } from '../../files/archive.ts';
import { indexText } from '../../files/index-text.ts';
import { contentOf } from '../../files/read-set.ts';
import type { SetContent } from '../../files/set-content.ts';
import { MASK } from '../../masking.ts';
import type { Entry } from '../../model/cluster.ts';
import { didYouMean } from '../../nearest.ts';
import type { Refused } from '../../refused.ts';
import { type FilesOf, previewOf } from '../file-preview.ts';
import { filesStates } from '../files-states.ts';
import type { Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { audited, listed, selected } from '../requests.ts';

export const nodeFileHandlers: Handlers<typeof NODE_FILES> = {
  file: async ({ query }, ports) => {
    const found: TracedNodeFile[] = [];
    for (const node of listed(ports, 'node', query)) found.push(await tracedFile(ports, node, query));
    return found;
  },
  states: async ({ query }, ports) => filesStates(ports, listed(ports, 'node', query)),
  release: async (asked, ports) => {
    const nodes = selected(ports, 'node', asked.query);
    await audited(ports, asked, nodes);
    return filesStates(ports, nodes, true);
  },
  preview: async ({ query }, ports) =>
    previewOf(listed(ports, 'node', query), {
      filesOf: async node => filesOf(ports, node),
      content: async sha256 => ports.nodeFiles.content(sha256),
    }),
  try: async ({ query, body }, ports) => {
    const { set, upload } = body;
    const nodes = listed(ports, 'node', query);
    const content = await uploadedSet(ports, set, upload);
    const contents = new Map<string, Buffer>();
    return previewOf(nodes, {
      filesOf: async node => triedFiles(ports, node, new Map([[set, content]]), contents),
      content: async sha256 => contents.get(sha256) ?? ports.nodeFiles.content(sha256),
    });
  },
};

/** Returns what an uploaded archive holds; the upload is used up. */
async function uploadedSet(ports: AdminPorts, set: string, upload: string): Promise<SetContent> {
  if (!ports.cluster.byName('files', set)) {
    const names = ports.cluster.all('files').map(({ value }) => value.name);
    const hint = didYouMean(set, names, `there are ${names.join(', ') || 'none yet'}`);
    throw new MusterError('no-such-object', `There is no file set '${set}'; ${hint}`);
  }
  const { path, base } = ports.uploads.take(upload);
  try {
    return contentOf(await readTree(createReadStream(path, { start: base })));
  } finally {
    await rm(path, { force: true });
  }
}

/** The files of a boot now, and with another content of a set. */
async function triedFiles(
  { cluster, nodeFiles }: AdminPorts,
  node: Entry<'node'>,
  other: ReadonlyMap<string, SetContent>,
  contents: Map<string, Buffer>,
): Promise<FilesOf> {
  const now = await nodeFiles.planned(cluster, node.uid).catch(refusedBy);
  const index = 'files' in now && now.files ? (await nodeFiles.content(now.files.index))?.toString() : undefined;
  const tried = await nodeFiles.tried(cluster, node, other).catch(refusedBy);
  if (tried && 'refused' in tried) return { before: index, after: tried };
  for (const { sha256, content } of tried?.entries ?? []) contents.set(sha256, content);
  return { before: index, after: { index: tried && indexText(tried) } };
}

function refusedBy(error: unknown): Refused {
  return { refused: reasonOf(error) };
}

async function tracedFile(
  { cluster, nodeFiles }: AdminPorts,
  node: Entry<'node'>,
  { path, secrets }: { path: string; secrets: boolean },
): Promise<TracedNodeFile> {
  const named = { uid: node.uid, name: node.value.name, path };
  const traced = await nodeFiles.trace(cluster, node, path).catch(refusedBy);
  if (!traced) return named;
  if ('refused' in traced) return { ...named, refusal: traced.refused };
  const { set, secret, hidden, lines } = traced;
  const isShown = secrets || !secret;
  const shown = lines.map(({ text, template, line, reads }) => ({
    ...{ text: isShown ? text : MASK, template, line },
    reads: reads.map(read => ({ ...read })),
  }));
  return { ...named, set, secret, hidden: [...hidden], lines: shown };
}

/** The files that the node has applied, or those of its boot, and those of a boot now. */
async function filesOf({ boots, statuses, cluster, nodeFiles }: AdminPorts, node: Entry<'node'>): Promise<FilesOf> {
  const applied = statuses.of(node.uid).facts['files_applied'];
  const running = applied ?? boots.current(node.uid)?.plan?.files?.index;
  const before = running === undefined ? undefined : (await nodeFiles.content(running))?.toString();
  const after = await nodeFiles.planned(cluster, node.uid).catch(refusedBy);
  if ('refused' in after) return { before, after };
  const index = after.files && (await nodeFiles.content(after.files.index))?.toString();
  return { before, after: { index } };
}
