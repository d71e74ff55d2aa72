// `--create`, `--import`: the steps that make a new tree.
import { mkdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { DAEMON } from '../../api/daemon.ts';
import { OBJECTS, type Shown } from '../../api/objects.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { removeIdentity } from '../../image/identity.ts';
import { importTree } from '../../image/import/import.ts';
import { machineType } from '../../image/machine-types.ts';
import { managerFor } from '../../image/packages/choose.ts';
import { makeRecipe, type Recipe } from '../../image/packages/recipe.ts';
import type { Wanted } from './options.ts';
import { newLocal, type Session, type Tree } from './session.ts';

/** Checks that the name can be used, before anything is downloaded. */
export async function requireFreeName({ workspace }: Session, wanted: Wanted, ask: boolean): Promise<void> {
  const name = wanted.setName ?? '';
  if (wanted.overwrite || ask || !(await workspace.find(name))) return;
  throw new MusterError('duplicate', `A local image ${name} already exists; nothing was changed.`, {
    hint: `Replace it with --overwrite, or remove it: muster modimg -i ${name} --delete`,
  });
}

export async function createTree(session: Session, wanted: Wanted, folder: string): Promise<Tree> {
  const { client, progress } = session;
  const distro = await distroOf(session, wanted.create ?? '');
  const recipe = await recipeOf(client, distro);
  const manager = await managerFor(distro.package_manager, recipe);
  const root = join(folder, 'root');
  await mkdir(root);
  const ports = { progress, work: folder, ...(wanted.kver !== undefined && { kver: wanted.kver }) };
  await manager.create(root, recipe, wanted.install, ports);
  if (distro.package_manager === '') await noteManager(session, distro.name, manager.name);
  await removeIdentity(root);
  const local = await newLocal(session, wanted.setName ?? '');
  return { root, before: undefined, local: { ...local, distro: distro.name } };
}

/** The specification: the package manager is determined during image creation; the distro shows it afterwards. */
async function noteManager({ client, progress }: Session, distro: string, name: string): Promise<void> {
  await client
    .call(OBJECTS.updateOne, { kind: 'distro', params: { id: distro }, body: { package_manager: name } })
    // The image exists; a distro that was deleted meanwhile needs no package manager.
    .catch((error: unknown) => progress.say(`WARNING: could not set package_manager of ${distro}: ${reasonOf(error)}`));
}

/** Returns what an image of the distro is created from, as this head sees it. */
export async function recipeOf(client: Session['client'], distro: Distro): Promise<Recipe> {
  const health = await client.call(DAEMON.health);
  const baseUrl = `http://${health.address.split('/')[0]}:${health.http_port}`;
  return makeRecipe(distro, { baseUrl, arch: machineType('node', arch()).rpm });
}

export interface Distro {
  name: string;
  release: string;
  package_manager: string;
  repos: {
    name: string;
    full_name: string;
    urls: string[];
    mirrors: string[];
    keys: string[];
    check: boolean;
    options?: string[];
  }[];
}

/** Returns the distro of this name, or the default one, with its repos. Throws `not-ready` when there is none. */
export async function distroOf({ client }: Pick<Session, 'client'>, given: string): Promise<Distro> {
  const settings = await client.call(OBJECTS.settings);
  const name = given || String(settings['default_distro'] ?? '');
  if (name === '')
    throw new MusterError('not-ready', 'There is no default distro to create an image from.', {
      hint: 'Name one: --create DISTRO, or set the default: muster cluster --set-distro NAME. docs/images.md explains how to make distros.',
    });
  const shown = await client.call(OBJECTS.get, { kind: 'distro', params: { id: name } });
  const repos: Distro['repos'] = [];
  for (const repo of shown['repos'] as string[]) {
    repos.push(
      (await client.call(OBJECTS.get, { kind: 'repo', params: { id: repo }, query: { secrets: 'true' } })) as Shown &
        Distro['repos'][number],
    );
  }
  return {
    name: shown.name,
    release: String(shown['release'] ?? ''),
    package_manager: String(shown['package_manager'] ?? ''),
    repos,
  };
}

export async function importedTree(session: Session, wanted: Wanted, folder: string): Promise<Tree> {
  const root = join(folder, 'root');
  await importTree(wanted.import ?? '', root, { progress: session.progress, work: folder });
  await removeIdentity(root);
  return { root, before: undefined, local: await newLocal(session, wanted.setName ?? '') };
}
