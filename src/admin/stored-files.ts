// Turns finished uploads into the files of objects: a kernel with its release, an initramfs, an image as cwsquash.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, truncate } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Blobs } from '../blobs/blobs.ts';
import type { Uploads } from '../blobs/uploads.ts';
import { digestFile } from '../durable/digest.ts';
import { asDiskFull, writeWhole } from '../durable/replace.ts';
import { MusterError } from '../errors.ts';
import { readTree, writeTree } from '../files/archive.ts';
import { contentOf } from '../files/read-set.ts';
import type { StoredSets } from '../files/stored.ts';
import { badFiles } from '../files/tree.ts';
import { planImageUpload } from '../image/cwsquash.ts';
import { unpackedSize } from '../image/inspect.ts';
import { readIsoFacts } from '../image/iso/facts.ts';
import { badIso } from '../image/iso/records.ts';
import { kernelRelease } from '../image/kernel-release.ts';
import { fileFields, type Kind } from '../model/kinds.ts';
import type { StoredFile, StoredImage, StoredIso, StoredSet } from '../model/values.ts';
import { own } from '../own.ts';

/** Space for the GPT header before a bare squashfs; the format's first partition begins after it. */
const HEADER = 1 << 20;
/** Bytes of a squashfs superblock: with them after the header, a cwsquash is recognised by its content. */
const SUPERBLOCK = 96;

export interface FilePorts {
  blobs: Blobs;
  uploads: Uploads;
  sets: StoredSets;
  now(): number;
  /** Whether an object or a boot refers to the blob. */
  isUsed(sha256: string): boolean;
}

/** Splits a request body into fields that name an upload, and all others. */
export function splitUploads(
  kind: Kind,
  body: Record<string, unknown>,
): { fields: Record<string, unknown>; uploads: Map<string, string> } {
  const files = new Set(fileFields(kind));
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

/**
 * Runs a command with the files it names: the uploads of each part become blobs, and `run` gets the fields that follow from them,
 * and a function that stores further bytes. However it ends, it leaves no upload and no blob without a reference.
 */
export async function withUploads<T>(
  ports: FilePorts,
  kind: Kind,
  parts: readonly ReadonlyMap<string, string>[],
  command: { before(): unknown; run(fixed: Fixed[], store: StoreBytes): Promise<T> },
): Promise<T> {
  const ids = parts.flatMap(part => [...part.values()]);
  const held: Held[] = [];
  try {
    if (ids.length > 0) command.before();
    const fixed: Fixed[] = [];
    for (const part of parts) fixed.push(await storeUploads(ports, kind, part, held));
    return await command.run(fixed, async bytes => storeBytes(ports, bytes, held));
  } finally {
    for (const id of ids) await ports.uploads.remove(id);
    for (const { sha256, release } of held) {
      release();
      await ports.blobs.removeUnless(sha256, () => ports.isUsed(sha256));
    }
  }
}

/** Stores bytes as a blob that is held while the command runs. */
export type StoreBytes = (bytes: Buffer) => Promise<{ sha256: string; size: number }>;

async function storeBytes({ uploads, blobs }: FilePorts, bytes: Buffer, held: Held[]): ReturnType<StoreBytes> {
  const { id } = await uploads.create(bytes.length);
  try {
    await uploads.append(id, 0, Readable.from([bytes]), { baseFor: () => 0 });
    const { path, sha256 } = uploads.take(id);
    held.push({ sha256, release: blobs.hold(sha256) });
    await blobs.adopt(path, sha256);
    return { sha256, size: bytes.length };
  } finally {
    await uploads.remove(id);
  }
}

type Fixed = Record<string, unknown>;
/** A blob held for this command until an object refers to it. */
interface Held {
  sha256: string;
  release(): void;
}

async function storeUploads(
  ports: FilePorts,
  kind: Kind,
  uploads: ReadonlyMap<string, string>,
  held: Held[],
): Promise<Fixed> {
  const fixed: Fixed = {};
  for (const [name, id] of uploads) {
    const upload = ports.uploads.take(id);
    try {
      if (upload.size === 0) throw new MusterError('bad-value', `The file for ${name} is empty.`);
      const { sha256, fields } = await (own(READERS, `${kind} ${name}`) ?? readPlain)(ports, name, upload);
      held.push({ sha256, release: ports.blobs.hold(sha256) });
      await ports.blobs.adopt(upload.path, sha256);
      Object.assign(fixed, fields);
    } finally {
      await rm(upload.path, { force: true });
    }
  }
  return fixed;
}

type Taken = ReturnType<Uploads['take']>;
type Reader = (ports: FilePorts, name: string, upload: Taken) => Promise<{ sha256: string; fields: Fixed }>;

const readPlain: Reader = async ({ now }, name, { size, sha256, base }) => {
  // It has space for a GPT before it, so its bytes are not where a plain file's are.
  if (base > 0)
    throw new MusterError(
      'bad-value',
      `The file for ${name} is a squashfs, which can only be the content of an image.`,
    );
  const stored: StoredFile = { sha256, size, mtime: now() };
  return { sha256, fields: { [name]: stored } };
};

/** Returns further fields that follow from a file, by the kind and field that it is for. */
const READERS: Readonly<Record<string, Reader>> = {
  'boot kernel': async (ports, name, upload) => {
    const release = await kernelRelease(upload.path);
    const { sha256, fields } = await readPlain(ports, name, upload);
    return { sha256, fields: { ...fields, release } };
  },
  'repo iso': async (ports, name, upload) => {
    if (upload.base > 0) throw badIso('it is a squashfs');
    const { label, ...facts } = await readIsoFacts(upload.path);
    const { sha256, size } = upload;
    const stored: StoredIso = { sha256, size, mtime: ports.now(), ...facts };
    return { sha256, fields: { [name]: stored, isolabel: label } };
  },
  'image content': async ({ now }, name, upload) => {
    const stored = await wrapImage(upload, now());
    return { sha256: stored.sha256, fields: { [name]: stored } };
  },
  'files content': async ({ sets, now }, name, upload) => {
    const stored = await storeSet(sets, upload, now());
    return { sha256: stored.sha256, fields: { [name]: stored } };
  },
};

/** Replaces the uploaded archive by the canonical one, encrypted if a file in it is secret. Equal trees are one blob. */
async function storeSet(sets: StoredSets, { path, base }: Taken, mtime: number): Promise<StoredSet> {
  if (base > 0) throw badFiles('The file is a squashfs; a file set is a tar archive.');
  const tree = await readTree(createReadStream(path));
  const { secret } = contentOf(tree);
  const bytes = secret ? sets.seal(writeTree(tree)) : writeTree(tree);
  const handle = await open(path, 'r+');
  try {
    await writeWhole(handle, bytes, 0);
    await handle.truncate(bytes.length);
  } catch (error) {
    throw asDiskFull(error, 'The file set');
  } finally {
    await handle.close();
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sha256, size: bytes.length, mtime, files: tree.length, secret };
}

/** Turns the uploaded file into a cwsquash: a bare squashfs gets its GPT before and after it. */
async function wrapImage(upload: Taken, mtime: number): Promise<StoredImage> {
  const first = await readStart(upload.path, upload.base, Math.min(upload.size, HEADER + SUPERBLOCK));
  const plan = planImageUpload(first, upload.size);
  if ('refused' in plan)
    throw new MusterError('bad-image', `The file is not an image that nodes can boot: ${plan.refused}.`);
  if (plan.prefix.length !== upload.base)
    throw new MusterError('internal', 'an image upload was received at the wrong place');
  await wrap(upload.path, plan.prefix, plan.suffix, upload.base + upload.size);
  const { whole, range } = await digestFile(upload.path, { range: plan.root });
  if (plan.prefix.length + plan.suffix.length === 0 && whole !== upload.sha256)
    throw new MusterError(
      'bad-digest',
      "The head's disk returned other bytes than were written to it; nothing was stored.",
    );
  return {
    sha256: whole,
    size: plan.prefix.length + upload.size + plan.suffix.length,
    mtime,
    root_offset: plan.root.offset,
    root_size: plan.root.size,
    root_sha256: range,
    unpacked: (await unpackedSize(upload.path, plan.root.offset)) ?? 0,
  };
}

/** Returns the space that an upload with this beginning needs before it: a bare squashfs (magic `hsqs`) gets its GPT there. */
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
    await writeWhole(handle, prefix, 0);
    await writeWhole(handle, suffix, end);
  } catch (error) {
    throw asDiskFull(error, 'The image');
  } finally {
    await handle.close();
  }
  await truncate(path, end + suffix.length);
}
