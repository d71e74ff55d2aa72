// The objects that `muster init` creates through the running daemon, each only if it is missing: default group, naming pool, nodes.
import type { AdminClient } from '../api/client.ts';
import { MEMBERS } from '../api/members.ts';
import { type Changed, OBJECTS, type Shown } from '../api/objects.ts';
import type { Kind } from '../model/kind-words.ts';
import type { Fields } from './content.ts';
import type { InitPlan } from './init-plan.ts';

export interface Made {
  /** What was created or changed, as text. */
  done: string[];
  /** Next steps for the administrator, as command lines. */
  next: string[];
  /** The next steps that do not concern what nodes boot. */
  otherNext: string[];
}

export async function makeObjects(client: AdminClient, plan: InitPlan, isDryRun: boolean): Promise<Made> {
  const done: string[] = [];
  const query = isDryRun ? ({ dry_run: 'true' } as const) : {};
  const note = async (change: Promise<Changed>, words: string): Promise<void> => {
    if ((await change).differences.length > 0) done.push(words);
  };
  const make: Make = {
    create: async (kind, body, words) => note(client.call(OBJECTS.create, { kind, query, body }), words),
    update: async (kind, id, body, words) =>
      note(client.call(OBJECTS.updateOne, { kind, params: { id }, query, body }), words),
    set: async (id, body, words) =>
      note(client.call(MEMBERS.setOne, { kind: 'attrib', params: { id }, query, body }), words),
  };
  const list = async (kind: Kind): Promise<Shown[]> => client.call(OBJECTS.list, { kind });
  const settings = await client.call(OBJECTS.settings);
  if (settings['default_group'] === '') await makeDefaultGroup(make, await list('attrib'), isDryRun);
  await makePool(make, settings, await list('pool'), plan, isDryRun);
  const known = new Set((await list('node')).map(node => node['mac']));
  const missing = plan.macs.filter(mac => !known.has(mac));
  if (missing.length > 0)
    await make.create(
      'node',
      missing.map(mac => ({ mac })),
      `created ${missing.length} nodes`,
    );
  const next = await defaultBoot(make, await list('image'), await list('boot'), await list('attrib'), settings);
  const otherNext =
    known.size + plan.macs.length > 0
      ? []
      : [
          'muster node create mac=MAC',
          'muster cluster update accept_new_nodes=true   # or: every machine that requests an address becomes a node',
        ];
  return { done, next: [...next, ...otherNext], otherNext };
}

/** Makes each change, and records its text if it changes something. */
interface Make {
  create(kind: Kind, body: Fields | Fields[], words: string): Promise<void>;
  update(kind: Kind, id: string, body: Fields, words: string): Promise<void>;
  /** Attributes of a group. */
  set(group: string, body: Record<string, string>, words: string): Promise<void>;
}

async function makeDefaultGroup(make: Make, groups: readonly Shown[], isDryRun: boolean): Promise<void> {
  const isThere = groups.some(group => group.name === 'DefaultAttribs');
  if (!isThere)
    await make.create(
      'attrib',
      { name: 'DefaultAttribs', description: 'the default group of every node' },
      'created DefaultAttribs',
    );
  // A dry run does not create the group, so nothing can refer to it.
  if (isThere || !isDryRun)
    await make.update('cluster', 'cluster', { default_group: 'DefaultAttribs' }, 'DefaultAttribs is the default group');
}

async function makePool(
  make: Make,
  settings: Shown,
  pools: readonly Shown[],
  plan: InitPlan,
  isDryRun: boolean,
): Promise<void> {
  const name = String(settings['default_pool'] || 'default');
  const isThere = pools.some(pool => pool.name === name);
  const words = Object.entries(plan.pool).map(([field, value]) => `${field}=${value}`);
  if (!isThere) await make.create('pool', { name, ...plan.pool }, `created the naming pool ${name}`);
  else if (words.length > 0)
    await make.update('pool', name, plan.pool, `the naming pool ${name} has ${words.join(' ')}`);
  if (settings['default_pool'] === '' && (isThere || !isDryRun))
    await make.update('cluster', 'cluster', { default_pool: name }, `${name} is the default naming pool`);
}

/** Makes nodes boot DefaultBoot if it exists. An image needs a distro or a file, so it is only a next step. */
async function defaultBoot(
  make: Make,
  images: readonly Shown[],
  configs: readonly Shown[],
  groups: readonly Shown[],
  settings: Shown,
): Promise<string[]> {
  const image = images.find(one => one.name === 'DefaultImage');
  const config = configs.find(one => one.name === 'DefaultBoot');
  const next: string[] = [];
  if (!image && !config)
    next.push('muster add-boot-config --make-defaults   # from a distro: docs/images.md; or, from a file:');
  if (!image)
    next.push('muster image create name=DefaultImage content=@FILE   # a squashfs or cwsquash of a root file system');
  else if (!image['content']) next.push('muster image -i DefaultImage update content=@FILE');
  if (!config) {
    next.push('muster boot create name=DefaultBoot image=DefaultImage kernel=@FILE');
    next.push('muster mkramfs --update DefaultBoot');
    next.push('muster attrib set _boot_config=DefaultBoot');
    return next;
  }
  if (!config['kernel']) next.push('muster boot -i DefaultBoot update kernel=@FILE');
  if (!config['initramfs']) next.push('muster mkramfs --update DefaultBoot');
  const group = groups.find(one => one.name === (settings['default_group'] || 'DefaultAttribs'));
  const attributes = (group?.['attributes'] ?? {}) as Record<string, string>;
  if (group && attributes['_boot_config'] === undefined)
    await make.set(group.name, { _boot_config: 'DefaultBoot' }, 'every node boots DefaultBoot');
  return next;
}
