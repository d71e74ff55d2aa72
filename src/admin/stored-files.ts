// Finished uploads become the files of objects: a kernel with its release, an initramfs, an image as cwsquash.
import { open, truncate } from 'node:fs/promises';
import { asDiskFull, type Blobs, digestFile } from '../blobs/blobs.ts';
import type { Uploads } from '../blobs/uploads.ts';
import { MusterError } from '../errors.ts';
import { planImageUpload } from '../image/cwsquash.ts';
import { unpackedSize } from '../image/inspect.ts';
import { kernelRelease } from '../image/kernel-release.ts';
import { fieldsOf, type Kind } from '../model/kinds.ts';
import type { StoredFile, StoredImage } from '../model/values.ts';

/** Room for the GPT header before a bare squashfs; the format's first partition begins there. */
const HEADER = 1 << 20;

export interface FilePorts {
  blobs: Blobs;
  uploads: Uploads;
  now(): number;
}

/** Splits a request body: fields that name an upload, and all others. */
export function splitUploads(
  kind: Kind,
  body: Record<string, unknown>,
): { fields: Record<string, unknown>; uploads: Map<string, string> } {
  const files = new Set(fieldsOf(kind).flatMap(row => (row.meta.file ? [row.name] : [])));
  const fields: Record<string, unknown> = {};
  const uploads = new Map<string, string>();
  for (const [name, value] of Object.entries(body)) {
    const upload = typeof value === 'object' && value !== null && 'upload' in value ? value.upload : undefined;
    if (typeof upload === 'string' && files.has(name)) uploads.set(name, upload);
    else if (typeof value === 'object' && value !== null && files.has(name)) {
      throw new MusterError('bad-value', `${name} must be a finished upload: {"upload": "<id>"}.`);
    } else fields[name] = value;
  }
  return { fields, uploads };
}

/** Stores the uploads of one object as blobs, and answers the fields that follow from them. */
export async function storeUploads(
  ports: FilePorts,
  uploads: ReadonlyMap<string, string>,
): Promise<Record<string, unknown>> {
  const fixed: Record<string, unknown> = {};
  for (const [name, id] of uploads) {
    const upload = ports.uploads.get(id);
    await ports.uploads.digest(upload);
    if (name === 'content') fixed[name] = await storeImage(ports, id);
    else {
      const file = await storePlain(ports, id, name === 'kernel' ? path => kernelRelease(path) : undefined);
      fixed[name] = file.stored;
      if (file.release !== undefined) fixed['release'] = file.release;
    }
  }
  return fixed;
}

async function storePlain(
  { blobs, uploads, now }: FilePorts,
  id: string,
  releaseOf?: (path: string) => Promise<string>,
): Promise<{ stored: StoredFile; release?: string }> {
  const upload = uploads.get(id);
  if (upload.size === 0) throw new MusterError('bad-value', 'The uploaded file is empty.');
  const release = await releaseOf?.(upload.path);
  const { whole } = await digestFile(upload.path);
  await blobs.adopt(upload.path, whole);
  uploads.release(id);
  return { stored: { sha256: whole, size: upload.size, mtime: now() }, ...(release !== undefined && { release }) };
}

async function storeImage({ blobs, uploads, now }: FilePorts, id: string): Promise<StoredImage> {
  const upload = uploads.get(id);
  const first = await readStart(upload.path, upload.base, Math.min(upload.size, HEADER));
  const plan = planImageUpload(first, upload.size);
  if ('refusal' in plan)
    throw new MusterError('bad-image', `The file is no image that nodes can boot: ${plan.refusal}.`);
  if (plan.prefix.length !== upload.base)
    throw new MusterError('internal', 'an image upload was received at the wrong place');
  await wrap(upload.path, plan.prefix, plan.suffix, upload.base + upload.size);
  const { whole, range } = await digestFile(upload.path, plan.root);
  const unpacked = (await unpackedSize(upload.path, plan.root.offset)) ?? 0;
  await blobs.adopt(upload.path, whole);
  uploads.release(id);
  return {
    sha256: whole,
    size: plan.prefix.length + upload.size + plan.suffix.length,
    mtime: now(),
    root_offset: plan.root.offset,
    root_size: plan.root.size,
    root_sha256: range,
    unpacked,
  };
}

/** What an upload that begins like this needs before it: a bare squashfs (magic `hsqs`) gets its GPT there. */
export function baseFor(beginning: Buffer): number {
  return beginning.toString('latin1', 0, 4) === 'hsqs' ? HEADER : 0;
}

async function readStart(path: string, offset: number, length: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await handle.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function wrap(path: string, prefix: Buffer, suffix: Buffer, end: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(prefix, 0, prefix.length, 0);
    await handle.write(suffix, 0, suffix.length, end);
  } catch (error) {
    throw asDiskFull(error, 'The image');
  } finally {
    await handle.close();
  }
  await truncate(path, end + suffix.length);
}
