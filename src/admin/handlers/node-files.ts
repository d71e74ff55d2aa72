// Answers requests about the files that nodes get from their file sets.
import type { NODE_FILES, TracedNodeFile } from '../../api/node-files.ts';
import { reasonOf } from '../../errors.ts';
import { MASK } from '../../masking.ts';
import type { Entry } from '../../model/cluster.ts';
import { type FilesOf, previewOf } from '../file-preview.ts';
import type { Handlers } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { listed } from '../requests.ts';

export const nodeFileHandlers: Handlers<typeof NODE_FILES> = {
  file: async ({ query }, ports) => {
    const found: TracedNodeFile[] = [];
    for (const node of listed(ports, 'node', query)) found.push(await tracedFile(ports, node, query));
    return found;
  },
  preview: async ({ query }, ports) =>
    previewOf(listed(ports, 'node', query), {
      filesOf: async node => filesOf(ports, node),
      content: async sha256 => ports.nodeFiles.content(sha256),
    }),
};

async function tracedFile(
  { cluster, nodeFiles }: AdminPorts,
  node: Entry<'node'>,
  { path, secrets }: { path: string; secrets: boolean },
): Promise<TracedNodeFile> {
  const named = { uid: node.uid, name: node.value.name, path };
  const traced = await nodeFiles.trace(cluster, node, path).catch((error: unknown) => ({ refused: reasonOf(error) }));
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

/** The files of the node's boot, and those of a boot now. */
async function filesOf({ boots, cluster, nodeFiles }: AdminPorts, node: Entry<'node'>): Promise<FilesOf> {
  const running = boots.current(node.uid)?.plan?.files?.index;
  const before = running === undefined ? undefined : (await nodeFiles.content(running))?.toString();
  const after = await nodeFiles.planned(cluster, node.uid).catch((error: unknown) => ({ refused: reasonOf(error) }));
  if ('refused' in after) return { before, after };
  const index = after.files && (await nodeFiles.content(after.files.index))?.toString();
  return { before, after: { index } };
}
