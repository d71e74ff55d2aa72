// OCI image layouts (OCI image specification, image-layout.md) and archives of `docker save`: which layers make the image.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MusterError, reasonOf } from '../../errors.ts';
import { extract } from './archive.ts';
import { dropWhiteouts, mergeLayers } from './layers.ts';

/** Go's names, which the specification uses, of the machines that Node names otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** A manifest is small; more than this is no manifest. */
const MANIFEST_LIMIT = 4 << 20;

interface Descriptor {
  mediaType?: string;
  digest?: string;
  platform?: { architecture?: string; os?: string };
}

export function isLayout(folder: string): boolean {
  return existsSync(join(folder, 'oci-layout')) || existsSync(join(folder, 'index.json')) || isDockerArchive(folder);
}

function isDockerArchive(folder: string): boolean {
  return existsSync(join(folder, 'manifest.json'));
}

/** Unpacks the layers of a layout into the new folder `root`; `work` is for one layer at a time. */
export async function unpackLayout(
  folder: string,
  root: string,
  work: string,
  options: { say?: (text: string) => void; signal?: AbortSignal } = {},
): Promise<void> {
  const layers = existsSync(join(folder, 'index.json')) ? await ociLayers(folder) : await dockerLayers(folder);
  if (layers.length === 0) throw bad(folder, 'the image has no layers');
  for (const [position, layer] of layers.entries()) {
    options.say?.(`Unpacking layer ${position + 1} of ${layers.length}`);
    const upper = join(work, 'layer');
    await mkdir(upper);
    const folders = new Set<string>();
    await extract(layer, upper, options.signal, name => name.endsWith('/') && folders.add(join('/', name, '.')));
    if (position === 0) await dropWhiteouts(upper);
    else await mergeLayers(root, upper, folders);
    await rename(upper, root);
  }
}

async function ociLayers(folder: string): Promise<string[]> {
  let manifest = (await readJson(join(folder, 'index.json'), folder)) as {
    manifests?: Descriptor[];
    layers?: Descriptor[];
  };
  // An index may lead to a further index, by platform; more than a few are a circle.
  for (let depth = 0; manifest.layers === undefined && depth < 4; depth += 1) {
    const chosen = choose(manifest.manifests ?? [], folder);
    manifest = (await readJson(await blob(folder, chosen), folder)) as typeof manifest;
  }
  const files: string[] = [];
  for (const layer of manifest.layers ?? []) files.push(await blob(folder, layer));
  return files;
}

/** The manifest for this kind of machine, or the only one. */
function choose(manifests: readonly Descriptor[], folder: string): Descriptor {
  const own = ARCHITECTURES[arch()] ?? arch();
  const fits = manifests.filter(
    ({ platform }) => !platform || (platform.architecture === own && platform.os === 'linux'),
  );
  const [first, ...more] = fits;
  if (!first) throw bad(folder, `it has no image for linux/${own}`);
  if (more.length > 0) throw bad(folder, `it has ${fits.length} images; make a layout of one of them`);
  return first;
}

/** The file of a digest, its bytes verified. */
async function blob(folder: string, { digest = '' }: Descriptor): Promise<string> {
  const [, algorithm = '', hex = ''] = /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(digest) ?? [];
  if (hex === '') throw bad(folder, `'${digest}' is no digest`);
  const file = join(folder, 'blobs', algorithm, hex);
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash).catch((error: unknown) => {
    throw bad(folder, `${digest} cannot be read: ${reasonOf(error)}`);
  });
  if (hash.digest('hex') !== hex) throw bad(folder, `${digest} is damaged: its bytes have another digest`);
  return file;
}

/** `docker save` of old: `manifest.json`, a list with paths of layers. */
async function dockerLayers(folder: string): Promise<string[]> {
  const list = (await readJson(join(folder, 'manifest.json'), folder)) as { Layers?: string[] }[];
  const [first, ...more] = Array.isArray(list) ? list : [];
  if (!first || more.length > 0) throw bad(folder, 'it must have exactly one image');
  return (first.Layers ?? []).map(path => {
    if (!/^[\w.-]+(\/[\w.-]+)*$/.test(path) || path.split('/').includes('..'))
      throw bad(folder, `'${path}' is no layer`);
    return join(folder, path);
  });
}

async function readJson(file: string, folder: string): Promise<unknown> {
  try {
    if ((await stat(file)).size > MANIFEST_LIMIT) throw new Error('it is too large');
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw bad(folder, `${file.slice(folder.length + 1)} cannot be read: ${reasonOf(error)}`);
  }
}

function bad(folder: string, why: string): MusterError {
  return new MusterError('bad-image', `${folder} is no OCI image that can be imported: ${why}.`);
}
