// The operations of every package manager, for the steps of modimg, and which one an image or a distro has.

import { MusterError } from '../../errors.ts';
import { ImageRoot } from '../image-root.ts';
import type { Progress } from '../progress.ts';
import type { ManagerName, Recipe } from './recipe.ts';

export interface Ports {
  progress: Progress;
  /** A folder for temporary files, outside the image. */
  work: string;
  signal?: AbortSignal;
  /** The release that `uname` reports to the packages' scripts. */
  kver?: string;
}

export interface PackageManager {
  name: ManagerName;
  /** Fills an empty folder with a system from the recipe and these packages. */
  create(root: string, recipe: Recipe, packages: readonly string[], ports: Ports): Promise<void>;
  install(root: string, packages: readonly string[], ports: Ports): Promise<void>;
  uninstall(root: string, packages: readonly string[], ports: Ports): Promise<void>;
  update(root: string, ports: Ports): Promise<void>;
}

/** A package's name as people type it: with version, architecture, group or path, but nothing that a program reads as an option. */
export function checkPackages(names: readonly string[]): void {
  for (const name of names) {
    if (!/^[@/A-Za-z0-9][\w.+:~^=*@/ -]{0,200}$/.test(name))
      throw new MusterError('bad-value', `'${name}' is not the name of a package.`);
  }
}

/** Returns the package family of an image, from its database. */
export async function packageSystem(root: string): Promise<'rpm' | 'dpkg' | undefined> {
  const image = new ImageRoot(root);
  if (await image.has('/var/lib/dpkg/status')) return 'dpkg';
  for (const path of ['/var/lib/rpm', '/usr/lib/sysimage/rpm']) if (await image.has(path)) return 'rpm';
  return undefined;
}
