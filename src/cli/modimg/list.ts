// `modimg ls`: local and remote images side by side.
import { stat } from 'node:fs/promises';
import { MusterError } from '../../errors.ts';
import { isOvertaken, type Local, type Remote } from '../../image/workspace/manifest.ts';
import { isForPrograms, printData } from '../listing.ts';
import type { Context } from '../table.ts';
import { humanBytes } from '../terminal.ts';
import { openSession } from './session.ts';

export async function listImages(context: Context): Promise<number> {
  const { terminal, given } = context;
  const { workspace, remotes: all } = await openSession(context);
  const wanted = [...given.ids, ...given.words];
  const images = await workspace.list();
  requireEach(wanted, [...images, ...(all ?? [])]);
  const remotes = all?.filter(image => isWanted(wanted, image));
  const local = await Promise.all(
    images
      .filter(image => isWanted(wanted, image))
      .map(async image => ({
        ...image,
        size: await stat(workspace.file(image)).then(
          found => found.size,
          () => 0,
        ),
        state: stateOf(image, all),
      })),
  );
  if (isForPrograms(given)) {
    printData(terminal, given, { local, remote: remotes ?? null });
    return 0;
  }
  const uid = (image: { uid: string }): string => (given.showUids ? ` (${image.uid})` : '');
  const lines = [
    `Local images (${workspace.folder})`,
    ...local.map(image => `  ${image.name}${uid(image)}: ${humanBytes(image.size)}, ${image.state}`),
    'Remote images',
    ...(remotes ?? []).map(
      image =>
        `  ${image.name}${uid(image)}: ${image.sha256 === undefined ? 'no content' : image.frozen ? 'frozen' : 'ready'}`,
    ),
    ...(remotes ? [] : ['  unknown: musterd does not answer']),
  ];
  terminal.write(`${lines.join('\n')}\n`);
  return 0;
}

interface Named {
  uid: string;
  name: string;
}

const isCalled = ({ uid, name }: Named, id: string): boolean =>
  name === id || (/^[0-9a-f]{5,}$/.test(id) && uid.startsWith(id));

/** Without identifiers, lists all. */
const isWanted = (ids: readonly string[], image: Named): boolean =>
  ids.length === 0 || ids.some(id => isCalled(image, id));

function requireEach(ids: readonly string[], images: readonly Named[]): void {
  for (const id of ids)
    if (!images.some(image => isCalled(image, id)))
      throw new MusterError('no-such-object', `No image found for ID=${id}, neither in the workspace nor on the head`);
}

/** Compares a local image with the head's. */
function stateOf(local: Local, remotes: readonly Remote[] | undefined): string {
  if (!remotes) return 'unknown: musterd does not answer';
  const same = remotes.find(({ uid }) => uid === local.uid);
  if (isOvertaken(local, same))
    return "the head's content changed since it was fetched: --freshen, or --overwrite --upload";
  if (same)
    return same.sha256 === local.sha256 ? 'the same as on the head' : 'differs from the head: --upload, or --freshen';
  const namesake = remotes.find(({ name }) => name === local.name);
  if (!local.remote) return namesake ? 'not uploaded; the head has another image of this name' : 'not uploaded';
  return namesake
    ? 'deleted on the head, which has another image of this name: --delete removes the local one'
    : 'deleted on the head';
}
