// `--query`: the packages of an image, from its package database alone, without running anything in the image.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../../errors.ts';
import { listPackages, PACKAGE_FILES, type Package } from '../../image/packages/list.ts';
import { unpackImage } from '../../image/unpack.ts';
import { isForPrograms } from '../listing.ts';
import type { Session } from './session.ts';

/** Returns the packages of a packed image, or of an unpacked one. */
export async function packagesOf(image: string, folder: string): Promise<Package[]> {
  if ((await stat(image)).isDirectory()) return listPackages(image);
  const root = join(folder, 'database');
  await unpackImage({ file: image, root, only: PACKAGE_FILES });
  return listPackages(root);
}

export async function queryImage(
  { context, report }: Session,
  image: string,
  folder: string,
  name: string,
): Promise<void> {
  const all = await packagesOf(image, folder);
  if (all.length === 0)
    throw new MusterError('image-lacks', 'The image has no package database: neither dpkg nor RPM made it.');
  const found = name === '' ? all : all.filter(row => row.name === name);
  if (found.length === 0) throw new MusterError('image-lacks', `The package ${name} is not installed in the image.`);
  report.packages = found;
  if (!isForPrograms(context.given))
    context.terminal.write(found.map(row => `${row.name} ${row.version} ${row.arch}\n`).join(''));
}
