// Answers requests about stored files.
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { STORAGE, UploadState } from '../../api/storage.ts';
import type { Upload } from '../../blobs/uploads.ts';
import { MusterError } from '../../errors.ts';
import { fileFields, KINDS } from '../../model/kinds.ts';
import { selectOne } from '../../model/select.ts';
import type { Asked, Handlers, Raw } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { baseFor } from '../stored-files.ts';
import { archive } from './file-sets.ts';

export const storageHandlers: Handlers<typeof STORAGE> = {
  beginUpload: async ({ body }, ports) => stateOf(ports, await ports.uploads.create(body.size)),
  uploadState: ({ params }, ports) => stateOf(ports, ports.uploads.get(params.id)),
  upload: async ({ params, query, body }, ports) =>
    stateOf(ports, await ports.uploads.append(params.id, query.offset, body, { baseFor })),
  dropUpload: async ({ params }, { uploads }) => {
    await uploads.remove(params.id);
    return null;
  },
  download: async (asked, ports) => download(ports, asked),
  collect: async ({ query }, ports) => ports.collect(query.dry_run),
  verify: (_asked, ports) => async (tell, gone) => ports.verify(tell, gone),
  backup: async ({ isHead, who }, ports) => {
    const backup = await ports.backup();
    const { size, manifest } = backup;
    const headers = { 'Content-Length': size };
    if (isHead) {
      await backup.drop();
      return { headers };
    }
    ports.log.info({ who, bytes: size, files: manifest.files.length }, 'sending a backup');
    return { headers, body: Readable.from(backup.stream(), { objectMode: false, highWaterMark: 1 << 20 }) };
  },
};

function stateOf({ uploads }: AdminPorts, { id, size, offset }: Upload): UploadState {
  return { id, size, offset, ...(offset === size && { sha256: uploads.digest(id) }) };
}

async function download(ports: AdminPorts, asked: Asked<typeof STORAGE.download>): Promise<Raw> {
  const { kind, params } = asked;
  const { label } = KINDS[kind];
  const { id, field } = params;
  const fields = fileFields(kind);
  if (!fields.includes(field))
    throw new MusterError(
      'no-such-object',
      `The ${label} has no stored file '${field}'; there is ${fields.join(', ')}.`,
    );
  if (kind === 'files') return archive(ports, asked, selectOne(ports.cluster, kind, id), undefined);
  const entry = selectOne(ports.cluster, kind, id);
  const stored = (entry.value as Record<string, unknown>)[field] as { sha256: string; size: number } | null;
  if (!stored) throw new MusterError('not-ready', `The ${label} ${entry.value.name} has no ${field}.`);
  // Opened before the answer begins, so that a missing file is an error and not a broken download.
  const file = await open(ports.blobs.path(stored.sha256), 'r').catch((error: unknown) => {
    throw new MusterError(
      'not-ready',
      `The ${field} of ${entry.value.name} is no longer in storage; upload it again.`,
      { cause: error },
    );
  });
  return {
    headers: { 'Content-Length': stored.size, 'X-Muster-SHA256': stored.sha256 },
    body: file.createReadStream({ highWaterMark: 1 << 20 }),
  };
}
