// `image diff` and `image history`: the changes between images, who made them, and when.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditLine, DAEMON } from '../api/daemon.ts';
import { OBJECTS, type Shown } from '../api/objects.ts';
import { MusterError, systemCode } from '../errors.ts';
import { SILENT } from '../image/progress.ts';
import { temporaryFolder } from '../process/temporary.ts';
import { fetchShown } from './list-action.ts';
import { isForPrograms, printData } from './listing.ts';
import type { Action, Context } from './table.ts';
import { humanTime } from './terminal.ts';

export const imageDiff: Action = {
  name: 'diff',
  words: '<before> [after]',
  takes: { names: 'image' },
  selects: false,
  summary: 'show the packages that differ between two images, or between an image and its parent',
  examples: ['muster image diff DefaultImage mpiImage', 'muster image diff mpiImage'],
  async run(context) {
    const { terminal, given } = context;
    const { comparePackages } = await import('../image/packages/list.ts');
    const [before, after] = await twoImages(context);
    const changes = comparePackages(await packagesOnHead(context, before), await packagesOnHead(context, after));
    if (isForPrograms(given)) {
      printData(terminal, given, { before: before.name, after: after.name, changes });
      return 0;
    }
    const lines = changes.map(({ name, arch, before: old, after: now }) => {
      if (old === '') return `+ ${name} ${now} ${arch}`;
      return now === '' ? `- ${name} ${old} ${arch}` : `  ${name} ${old} -> ${now} ${arch}`;
    });
    const count = changes.length === 1 ? '1 package differs' : `${changes.length || 'no'} packages differ`;
    terminal.write(`${before.name} -> ${after.name}: ${count}\n${lines.map(line => `${line}\n`).join('')}`);
    return 0;
  },
};

async function twoImages(context: Context): Promise<[Shown, Shown]> {
  const { client, given } = context;
  const image = async (id: string): Promise<Shown> => client.call(OBJECTS.get, { kind: 'image', params: { id } });
  const [first = '', second] = given.words;
  if (second !== undefined) return [await image(first), await image(second)];
  const child = await image(first);
  if (!child['parent'])
    throw new MusterError('bad-usage', `The image ${child.name} has no parent to compare it with; name two images.`);
  const parent = await parentOf(context, child);
  if (!parent)
    throw new MusterError('no-such-object', `The parent of the image ${child.name} was deleted; name two images.`);
  return [parent, child];
}

/** Fetches the content temporarily and unpacks only its package database. */
async function packagesOnHead(context: Context, image: Shown) {
  const { fetchImage, remoteImage } = await import('./modimg/head-images.ts');
  const { packagesOf } = await import('./modimg/query.ts');
  const folder = await temporaryFolder('muster-diff-');
  try {
    const file = join(folder, 'image');
    await fetchImage(context.client, await remoteImage(context.client, image.uid), file, SILENT);
    return await packagesOf(file, folder);
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
    throw new MusterError('disk-full', `There is no space for the image ${image.name} in ${folder}`, {
      cause: error,
      hint: 'Set another folder for temporary files in the environment: TMPDIR=/FOLDER',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Generation {
  name: string;
  uid: string;
  distro: string;
  events: { at: number; who: string; what: string }[];
}

/** More ancestors than this are a circle. */
const MOST_GENERATIONS = 50;

export const imageHistory: Action = {
  name: 'history',
  summary: 'show an image and its ancestors: who created and changed each, and when',
  examples: ['muster image -i mpiImage history'],
  async run(context) {
    const { terminal, given, client } = context;
    const [object, ...more] = await fetchShown(context);
    if (!object || more.length > 0 || given.ids.length === 0)
      throw new MusterError('bad-usage', "'history' needs exactly one image: -i NAME.");
    const generations: Generation[] = [];
    for (let image: Shown | undefined = object; image && generations.length < MOST_GENERATIONS; ) {
      const { uid, name } = image;
      const lines: AuditLine[] = await client.call(DAEMON.audit, { query: { uid, limit: '1000' } });
      const events = lines.map(({ at, who, what }) => ({ at, who, what }));
      generations.push({ name, uid, distro: String(image['distro'] ?? ''), events });
      image = await parentOf(context, image);
    }
    if (isForPrograms(given)) printData(terminal, given, generations);
    else terminal.write(generations.map(textOf).join(''));
    return 0;
  },
};

/** A parent may have been deleted since. */
async function parentOf({ client }: Context, image: Shown): Promise<Shown | undefined> {
  if (!image['parent']) return undefined;
  const all = await client.call(OBJECTS.list, { kind: 'image' });
  return all.find(({ name, uid }) => name === image['parent'] || uid === image['parent']);
}

function textOf({ name, distro, events }: Generation, position: number): string {
  const isGone = /^[0-9a-f]{32}$/.test(distro);
  const origin = distro === '' ? '' : `, created from ${isGone ? 'a distro that was deleted' : `the distro ${distro}`}`;
  const lines = events.map(({ at, who, what }) => `  ${humanTime(at)}  ${who}  ${what}`);
  return `${position === 0 ? '' : 'from '}${name}${origin}\n${lines.map(line => `${line}\n`).join('')}`;
}
