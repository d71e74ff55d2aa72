// The head's side of local images: lists, fetches and uploads images.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { AdminClient } from '../../api/client.ts';
import { type Changed, OBJECTS, type Shown } from '../../api/objects.ts';
import { STORAGE } from '../../api/storage.ts';
import { MusterError } from '../../errors.ts';
import type { Progress } from '../../image/progress.ts';
import type { Local, Remote } from '../../image/workspace/manifest.ts';
import { counted } from '../counted.ts';

/** Returns the head's images; undefined when no daemon answers, so that local work can continue. */
export async function remoteImages(client: AdminClient): Promise<Remote[] | undefined> {
  try {
    return (await client.call(OBJECTS.list, { kind: 'image' })).map(remoteOf);
  } catch (error) {
    if (error instanceof MusterError && error.code === 'not-running') return undefined;
    throw error;
  }
}

/** Returns one image by name or UID. Throws the head's own error when there is none: `No image found for ID=…`. */
export async function remoteImage(client: AdminClient, id: string): Promise<Remote> {
  return remoteOf(await client.call(OBJECTS.get, { kind: 'image', params: { id } }));
}

function remoteOf(shown: Shown): Remote {
  const content = shown['content'] as { sha256: string } | null;
  return { uid: shown.uid, name: shown.name, sha256: content?.sha256, frozen: shown['frozen'] === true };
}

/** Fetches an image's content into a file and verifies its digest; returns the digest. */
export async function fetchImage(
  client: AdminClient,
  image: Remote,
  file: string,
  progress: Progress,
): Promise<string> {
  if (image.sha256 === undefined)
    throw new MusterError('not-ready', `The image ${image.name} has no content yet.`, {
      hint: `Create it: muster modimg --create --set-name ${image.name} --overwrite --upload; or muster image -i ${image.name} update content=@FILE`,
    });
  progress.say(`Downloading image ${image.uid}`);
  return progress.measured(async update => {
    const { body, size, sha256 } = await client.download(STORAGE.download, {
      kind: 'image',
      params: { id: image.uid, field: 'content' },
    });
    const hash = createHash('sha256');
    let done = 0;
    const count = counted(chunk => {
      hash.update(chunk);
      done += chunk.length;
      update(done, size);
    });
    await pipeline(body, count, createWriteStream(file, { mode: 0o600 }));
    const digest = hash.digest('hex');
    if (digest === sha256) return digest;
    throw new MusterError('bad-digest', `The image ${image.name} arrived damaged; retry.`);
  });
}

/**
 * Uploads a local image as the new content of the head's image `target`, or as a new image when that is undefined. `check` may refuse
 * it when everything is sent and nothing is changed yet.
 */
export async function sendImage(
  client: AdminClient,
  local: Local,
  file: string,
  target: Remote | undefined,
  progress: Progress,
  check: () => Promise<void>,
): Promise<{ changed: Changed; remote: Remote }> {
  progress.say(`Uploading image ${local.name}`);
  const { id } = await progress.measured(async update => client.upload(file, update));
  const content = { upload: id };
  await check();
  if (target) {
    const changed = await client.call(OBJECTS.update, { kind: 'image', query: { id: target.uid }, body: { content } });
    return { changed, remote: await remoteImage(client, target.uid) };
  }
  const body = {
    name: local.name,
    content,
    ...(await reference(client, 'distro', local.distro)),
    ...(await reference(client, 'parent', local.parent)),
  };
  const changed = await client.call(OBJECTS.create, { kind: 'image', body });
  return { changed, remote: await remoteImage(client, changed.uids[0] ?? local.name) };
}

/** Leaves out a distro or a parent that was deleted meanwhile. */
async function reference(client: AdminClient, field: 'distro' | 'parent', name: string | undefined): Promise<object> {
  if (name === undefined) return {};
  const found = await client.call(OBJECTS.list, { kind: field === 'distro' ? 'distro' : 'image' });
  return found.some(one => one.name === name) ? { [field]: name } : {};
}
