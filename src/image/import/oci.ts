// OCI image layouts (OCI image specification, image-layout.md) and archives of `docker save`: finds the layers of the image.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { lstat, mkdir, readFile, realpath } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { MusterError, reasonOf } from '../../errors.ts';
import { problemOf } from '../../issue.ts';
import { machineType } from '../machine-types.ts';
import { applyLayer } from './layer.ts';
import {
  configuration,
  type Descriptor,
  type Document,
  dockerList,
  document,
  forMachine,
  manifestProblem,
} from './oci-json.ts';

/** A manifest is small; a larger file is not a manifest. */
const MANIFEST_LIMIT = 4 << 20;

/** The deepest nesting of indexes; more is a circle. */
const MOST_INDEXES = 4;

/** The name of an image in a layout (OCI image specification, annotations.md). */
const REF_NAME = 'org.opencontainers.image.ref.name';

/** A layer's file, and its digest when unpacked, if the image states it. */
interface LayerFile {
  file: string;
  unpacked: string | undefined;
}

export function isLayout(folder: string): boolean {
  return existsSync(join(folder, 'oci-layout')) || existsSync(join(folder, 'index.json')) || isDockerArchive(folder);
}

function isDockerArchive(folder: string): boolean {
  return existsSync(join(folder, 'manifest.json'));
}

/** Unpacks the layers of a layout into the new folder `root`. Errors: `bad-image`, `disk-full`, `tool-failed`, `tool-missing`. */
export async function unpackLayout(
  folder: string,
  root: string,
  options: { say?: (text: string) => void; signal?: AbortSignal } = {},
): Promise<void> {
  const layers = existsSync(join(folder, 'index.json')) ? await ociLayers(folder) : await dockerLayers(folder);
  if (layers.length === 0) throw bad(folder, 'the image has no layers');
  await mkdir(root, { mode: 0o755 });
  for (const [position, { file, unpacked }] of layers.entries()) {
    options.say?.(`Unpacking layer ${position + 1} of ${layers.length}`);
    await applyLayer(root, file, { ...(unpacked !== undefined && { unpacked }), ...(options.signal && options) });
  }
}

async function ociLayers(folder: string): Promise<LayerFile[]> {
  let manifest: Document = await readAs(document, 'index.json', folder);
  for (let depth = 0; manifest.layers === undefined; depth += 1) {
    if (depth === MOST_INDEXES) throw bad(folder, 'its indexes lead to further indexes without end');
    const chosen = choose(manifest.manifests ?? [], folder);
    manifest = await readAs(document, await blob(folder, chosen), folder);
  }
  const problem = manifestProblem(manifest);
  if (problem !== undefined) throw bad(folder, problem);
  const config = manifest.config && (await readAs(configuration, await blob(folder, manifest.config), folder));
  if (config?.os !== undefined && config.os !== 'linux') throw bad(folder, `it is for ${config.os}`);
  const unpacked = config?.rootfs?.diff_ids;
  if (unpacked && unpacked.length !== manifest.layers.length)
    throw bad(folder, `it has ${manifest.layers.length} layers, but its configuration names ${unpacked.length}`);
  const files: LayerFile[] = [];
  for (const [at, layer] of manifest.layers.entries())
    files.push({ file: await fileIn(folder, await blob(folder, layer)), unpacked: unpacked?.[at] });
  return files;
}

/** Returns the manifest for this machine type, or the only one. */
function choose(manifests: readonly Descriptor[], folder: string): Descriptor {
  const machine = machineType('node', arch()).go;
  const fits = forMachine(manifests, machine);
  const [first, ...more] = fits;
  if (!first) throw bad(folder, `it has no image for linux/${machine}`);
  if (more.length === 0) return first;
  const names = fits.map(({ annotations }) => annotations?.[REF_NAME] ?? '').filter(Boolean);
  const [name] = names;
  throw new MusterError(
    'bad-image',
    `${folder} has ${fits.length} images${name === undefined ? '' : ` (${names.join(', ')})`}, but modimg imports one.`,
    { hint: `Copy it to its own layout and import that: skopeo copy oci:LAYOUT:${name ?? 'NAME'} oci:NEW` },
  );
}

/** Returns the path of a descriptor's content in the layout, after verifying its bytes. */
async function blob(folder: string, { digest, size }: Descriptor): Promise<string> {
  const [algorithm = '', hex = ''] = digest.split(':');
  const path = join('blobs', algorithm, hex);
  const file = await fileIn(folder, path);
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash).catch((error: unknown) => {
    throw bad(folder, `${digest} cannot be read: ${reasonOf(error)}`);
  });
  const { size: has } = await lstat(file);
  if (hash.digest('hex') !== hex) throw bad(folder, `${digest} is damaged: its bytes have another digest`);
  if (size !== undefined && size !== has) throw bad(folder, `${digest} has ${has} bytes instead of ${size}`);
  return path;
}

/** The old format of `docker save`: `manifest.json`, a list with paths of layers. */
async function dockerLayers(folder: string): Promise<LayerFile[]> {
  // `skopeo copy … dir:` also writes a manifest of this name.
  if (!Array.isArray(await readJson('manifest.json', folder)))
    throw bad(folder, "its manifest.json is not from 'docker save'; copy the image to oci:");
  const list = await readAs(dockerList, 'manifest.json', folder);
  const [first, ...more] = list;
  if (!first || more.length > 0) {
    const names = list.flatMap(({ RepoTags }) => RepoTags ?? []).join(', ');
    throw bad(folder, `it must have exactly one image, but has ${list.length}${names && ` (${names})`}`);
  }
  const files: LayerFile[] = [];
  for (const path of first.Layers ?? []) {
    if (!/^[\w.-]+(\/[\w.-]+)*$/.test(path) || path.split('/').includes('..'))
      throw bad(folder, `'${path}' is not a layer`);
    files.push({ file: await fileIn(folder, path), unpacked: undefined });
  }
  return files;
}

/** Returns a regular file of the layout. The target of a link must be in it too, and reading a FIFO would never end. */
async function fileIn(folder: string, path: string): Promise<string> {
  const top = await realpath(folder);
  const file = await realpath(join(top, path)).catch((error: unknown) => {
    throw bad(folder, `${path} cannot be read: ${reasonOf(error)}`);
  });
  if (!file.startsWith(`${top}/`)) throw bad(folder, `${path} is a link that leads out of it`);
  if (!(await lstat(file)).isFile()) throw bad(folder, `${path} is not a regular file`);
  return file;
}

async function readJson(path: string, folder: string): Promise<unknown> {
  const file = await fileIn(folder, path);
  try {
    if ((await lstat(file)).size > MANIFEST_LIMIT) throw new Error('it is too large');
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw bad(folder, `${path} cannot be read: ${reasonOf(error)}`);
  }
}

async function readAs<T>(type: z.ZodType<T>, path: string, folder: string): Promise<T> {
  const read = type.safeParse(await readJson(path, folder));
  if (read.success) return read.data;
  throw bad(folder, `${path}: ${problemOf('it', read.error)}`);
}

function bad(folder: string, why: string): MusterError {
  return new MusterError('bad-image', `${folder} is not an OCI image that muster can import: ${why}.`);
}
