// What `muster init` has the running daemon create: default group, naming pool, nodes; each only when it is not there yet.
import type { AdminClient } from '../admin/client.ts';
import type { Changed, Shown } from '../api/objects.ts';
import type { InitPlan } from './init-plan.ts';

export interface Made {
  /** What was created or changed, in words. */
  done: string[];
  /** What is left for the administrator, as command lines. */
  next: string[];
  /** The part of it that is not about what nodes boot. */
  otherNext: string[];
}

export async function makeObjects(client: AdminClient, plan: InitPlan, isDryRun: boolean): Promise<Made> {
  const done: string[] = [];
  const dry: Record<string, string> = isDryRun ? { dry_run: 'true' } : {};
  const ask = async (method: 'POST' | 'PATCH', path: string, body: unknown, words: string): Promise<void> => {
    const { differences } = await client.call<Changed>(method, `/api/v1${path}`, dry, body);
    if (differences.length > 0) done.push(words);
  };
  const list = async (many: string): Promise<Shown[]> => client.call<Shown[]>('GET', `/api/v1/${many}`);
  const settings = await client.call<Shown>('GET', '/api/v1/cluster');
  if (settings['default_group'] === '') await makeDefaultGroup(ask, await list('attribs'), isDryRun);
  await makePool(ask, settings, await list('namingpools'), plan, isDryRun);
  const known = new Set((await list('nodes')).map(node => node['mac']));
  const missing = plan.macs.filter(mac => !known.has(mac));
  if (missing.length > 0)
    await ask(
      'POST',
      '/nodes',
      missing.map(mac => ({ mac })),
      `created ${missing.length} nodes`,
    );
  const next = await defaultBoot(ask, await list('images'), await list('bootconfigs'), await list('attribs'), settings);
  const otherNext =
    known.size + plan.macs.length > 0
      ? []
      : [
          'muster node create mac=MAC',
          'muster cluster update accept_new_nodes=true   # or: every machine that asks becomes a node',
        ];
  return { done, next: [...next, ...otherNext], otherNext };
}

type Ask = (method: 'POST' | 'PATCH', path: string, body: unknown, words: string) => Promise<void>;

async function makeDefaultGroup(ask: Ask, groups: readonly Shown[], isDryRun: boolean): Promise<void> {
  const isThere = groups.some(group => group.name === 'DefaultAttribs');
  if (!isThere)
    await ask(
      'POST',
      '/attribs',
      { name: 'DefaultAttribs', description: 'every node is in this group, first of all' },
      'created DefaultAttribs',
    );
  // With a dry run the group was not made, so that it cannot be named.
  if (isThere || !isDryRun)
    await ask('PATCH', '/cluster/cluster', { default_group: 'DefaultAttribs' }, 'DefaultAttribs is the default group');
}

async function makePool(
  ask: Ask,
  settings: Shown,
  pools: readonly Shown[],
  plan: InitPlan,
  isDryRun: boolean,
): Promise<void> {
  const name = String(settings['default_pool'] || 'default');
  const isThere = pools.some(pool => pool.name === name);
  const words = Object.entries(plan.pool).map(([field, value]) => `${field}=${value}`);
  if (!isThere) await ask('POST', '/namingpools', { name, ...plan.pool }, `created the naming pool ${name}`);
  else if (words.length > 0)
    await ask('PATCH', `/namingpool/${name}`, plan.pool, `the naming pool ${name} has ${words.join(' ')}`);
  if (settings['default_pool'] === '' && (isThere || !isDryRun))
    await ask('PATCH', '/cluster/cluster', { default_pool: name }, `${name} is the default naming pool`);
}

/** Nodes boot DefaultBoot when it is there; making an image takes a distro or a file, so that is only said. */
async function defaultBoot(
  ask: Ask,
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
    await ask(
      'PATCH',
      `/attrib/${group.name}/attributes`,
      { _boot_config: 'DefaultBoot' },
      'every node boots DefaultBoot',
    );
  return next;
}
