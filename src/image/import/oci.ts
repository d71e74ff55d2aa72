// OCI image layouts (OCI image specification, image-layout.md) and archives of `docker save`: which layers make the image.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { lstat, mkdir, readFile, realpath, rename } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MusterError, reasonOf } from '../../errors.ts';
import { own } from '../../own.ts';
import { extract, type Member } from './archive.ts';
import { byByte, dropWhiteouts, isMark, linkBelow, mergeLayers, placeMarks } from './layers.ts';

/** Go's names, which the specification uses, of the machines that Node names otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** A manifest is small; more than this is no manifest. */
const MANIFEST_LIMIT = 4 << 20;

interface Descriptor {
  mediaType?: string;
  digest?: string;
  platform?: { architecture?: string; os?: string };
  annotations?: Record<string, string>;
}

/** The name of an image in a layout (OCI image specification, annotations.md). */
const REF_NAME = 'org.opencontainers.image.ref.name';

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
    const links: Member[] = [];
    const marks = new Set<string>();
    const onMember = (member: Member): void => {
      if (isMark(member.name)) marks.add(member.name);
      else if (member.isFolder) folders.add(join('/', member.name, '.'));
      else if (member.linkTo !== undefined) links.push(member);
    };
    await extract(layer, upper, options.signal, { onMember, leavesLinks: position > 0 });
    if (position === 0) await dropWhiteouts(byByte(upper));
    else {
      await placeMarks(byByte(upper), marks);
      await linkBelow(byByte(root), byByte(upper), links);
      await mergeLayers(byByte(root), byByte(upper), folders);
    }
    await rename(upper, root);
  }
}

async function ociLayers(folder: string): Promise<string[]> {
  let manifest = (await readJson('index.json', folder)) as {
    manifests?: Descriptor[];
    layers?: Descriptor[];
  };
  // An index may lead to a further index, by platform; more than a few are a circle.
  for (let depth = 0; manifest.layers === undefined && depth < 4; depth += 1) {
    const chosen = choose(manifest.manifests ?? [], folder);
    manifest = (await readJson(await blob(folder, chosen), folder)) as typeof manifest;
  }
  const files: string[] = [];
  for (const layer of manifest.layers ?? []) files.push(await fileIn(folder, await blob(folder, layer)));
  return files;
}

/** The manifest for this kind of machine, or the only one. */
function choose(manifests: readonly Descriptor[], folder: string): Descriptor {
  const native = own(ARCHITECTURES, arch()) ?? arch();
  const fits = manifests.filter(
    ({ platform }) => !platform || (platform.architecture === native && platform.os === 'linux'),
  );
  const [first, ...more] = fits;
  if (!first) throw bad(folder, `it has no image for linux/${native}`);
  if (more.length === 0) return first;
  const names = fits.map(({ annotations }) => annotations?.[REF_NAME] ?? '').filter(Boolean);
  const [name] = names;
  throw new MusterError(
    'bad-image',
    `${folder} has ${fits.length} images${name === undefined ? '' : ` (${names.join(', ')})`}, and one is to be imported.`,
    { hint: `Make a layout of it: skopeo copy oci:LAYOUT:${name ?? 'NAME'} oci:NEW; and import NEW` },
  );
}

/** The path of a digest in the layout, its bytes verified. */
async function blob(folder: string, { digest = '' }: Descriptor): Promise<string> {
  const [, algorithm = '', hex = ''] = /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(digest) ?? [];
  if (hex === '') throw bad(folder, `'${digest}' is no digest`);
  const path = join('blobs', algorithm, hex);
  const file = await fileIn(folder, path);
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash).catch((error: unknown) => {
    throw bad(folder, `${digest} cannot be read: ${reasonOf(error)}`);
  });
  if (hash.digest('hex') !== hex) throw bad(folder, `${digest} is damaged: its bytes have another digest`);
  return path;
}

/** `docker save` of old: `manifest.json`, a list with paths of layers. */
async function dockerLayers(folder: string): Promise<string[]> {
  const list = (await readJson('manifest.json', folder)) as { Layers?: string[]; RepoTags?: string[] }[];
  // What `skopeo copy … dir:` writes has a manifest of this name as well.
  if (!Array.isArray(list)) throw bad(folder, "its manifest.json is not that of 'docker save'; copy the image to oci:");
  const [first, ...more] = list;
  if (!first || more.length > 0) {
    const names = list.flatMap(({ RepoTags }) => RepoTags ?? []).join(', ');
    throw bad(folder, `it must have exactly one image, and has ${list.length}${names && ` (${names})`}`);
  }
  const files: string[] = [];
  for (const path of first.Layers ?? []) {
    if (!/^[\w.-]+(\/[\w.-]+)*$/.test(path) || path.split('/').includes('..'))
      throw bad(folder, `'${path}' is no layer`);
    files.push(await fileIn(folder, path));
  }
  return files;
}

/** A regular file of the layout. One that links lead to must lie in it too, and a FIFO would be waited for without end. */
async function fileIn(folder: string, path: string): Promise<string> {
  const top = await realpath(folder);
  const file = await realpath(join(top, path)).catch((error: unknown) => {
    throw bad(folder, `${path} cannot be read: ${reasonOf(error)}`);
  });
  if (!file.startsWith(`${top}/`)) throw bad(folder, `${path} is a link that leads out of it`);
  if (!(await lstat(file)).isFile()) throw bad(folder, `${path} is no regular file`);
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

function bad(folder: string, why: string): MusterError {
  return new MusterError('bad-image', `${folder} is no OCI image that can be imported: ${why}.`);
}
