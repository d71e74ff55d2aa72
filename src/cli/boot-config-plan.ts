// Decides which commands make a boot config, from the request and the objects of the head, or refuses with the reason.
import type { Shown } from '../api/objects.ts';
import { MusterError } from '../errors.ts';
import { BOOT_STYLES } from '../model/values.ts';
import { nearest } from '../nearest.ts';

/** SELinux in permissive mode (the specification's default). */
export const CMDLINE = 'enforcing=0';

export interface BootPlan {
  image: string;
  /** How to create the image; undefined when the head has it. */
  create?: { distro: string | undefined; install: string | undefined };
  config: string;
  cmdline: string;
  style: string | undefined;
  /** The attribute group that gets `_boot_config`. */
  group?: { name: string; isNew: boolean; becomesDefault: boolean };
}

export interface Step {
  /** Arguments of `muster`. */
  words: string[];
  makes?: 'config' | 'kernel';
}

interface Found {
  images: readonly Shown[];
  configs: readonly Shown[];
  groups: readonly Shown[];
  settings: Shown;
}

/** The request, from options or answers. */
export interface Wanted {
  image?: string | undefined;
  bootConfig?: string | undefined;
  distro?: string | undefined;
  install?: string | undefined;
  cmdline?: string | undefined;
  style?: string | undefined;
  group?: string | undefined;
}

export function planFromOptions(found: Found, options: Wanted): BootPlan {
  const [image, config] = [options.image, options.bootConfig];
  if (image === undefined || config === undefined) {
    const missing = image === undefined ? '--image' : '--boot-config';
    throw new MusterError('bad-usage', `add-boot-config also needs ${missing} NAME.`);
  }
  const known = found.images.find(one => one.name === image || one.uid === image);
  const [distro, install] = [options.distro, options.install];
  // Creating an image takes long: only on explicit request.
  if (known || distro === undefined) requireContent(found.images, image, [distro, install]);
  requireFree(found.configs, config, 'boot');
  const style = options.style;
  if (style !== undefined && !(BOOT_STYLES as readonly string[]).includes(style))
    throw new MusterError('bad-value', `The boot style must be one of ${BOOT_STYLES.join(', ')}.`);
  const group = options.group;
  return {
    image,
    config,
    cmdline: options.cmdline ?? CMDLINE,
    style,
    ...(!known && { create: { distro, install } }),
    ...(group !== undefined && {
      group: { name: group, isNew: !found.groups.some(one => one.name === group), becomesDefault: false },
    }),
  };
}

/** DefaultImage, DefaultBoot and DefaultAttribs. Existing ones must be deleted or cleared first: they may be in use. */
export function planDefaults(found: Found, options: Wanted): BootPlan {
  requireFree(found.configs, 'DefaultBoot', 'boot');
  const given = options.image;
  const taken = found.images.find(one => one.name === 'DefaultImage');
  if (given === undefined && taken?.['content']) requireFree(found.images, 'DefaultImage', 'image');
  if (given !== undefined) requireContent(found.images, given, [options.distro, options.install]);
  const isDefault = found.settings['default_group'];
  const name = String(isDefault || 'DefaultAttribs');
  const group = found.groups.find(one => one.name === name);
  const attributes = (group?.['attributes'] ?? {}) as Record<string, string>;
  if (attributes['_boot_config'] !== undefined && attributes['_boot_config'] !== 'DefaultBoot')
    throw new MusterError(
      'conflict',
      `The attribute group ${name} already has _boot_config=${attributes['_boot_config']}.`,
      {
        hint: `Clear it first: muster attrib -i ${name} clear _boot_config`,
      },
    );
  return {
    image: given ?? 'DefaultImage',
    ...(given === undefined && { create: { distro: options.distro, install: options.install } }),
    config: 'DefaultBoot',
    cmdline: CMDLINE,
    style: undefined,
    group: { name, isNew: !group, becomesDefault: !isDefault },
  };
}

/** The image exists and has content, so its distro does not matter. */
function requireContent(images: readonly Shown[], image: string, from: readonly (string | undefined)[]): void {
  const known = images.find(one => one.name === image || one.uid === image);
  const close = nearest(
    image,
    images.map(({ name }) => name),
  );
  if (!known)
    throw new MusterError('no-such-object', `No image found for ID=${image}`, {
      hint: `${close === undefined ? '' : `Did you mean ${close}? `}Create it in the same step with --distro NAME, or first: muster modimg --create --set-name ${image} --upload`,
    });
  if (from.some(word => word !== undefined))
    throw new MusterError('bad-usage', `The image ${image} exists: --distro and --install apply only to a new image.`);
  if (!known['content'])
    throw new MusterError(
      'not-ready',
      `The image ${image} has no content to take a kernel from; run 'update content=@FILE' first.`,
    );
}

function requireFree(objects: readonly Shown[], name: string, noun: string): void {
  if (!objects.some(one => one.name === name)) return;
  throw new MusterError(
    'duplicate',
    `${noun === 'boot' ? 'A boot config' : 'An image'} ${name} already exists; nothing was changed.`,
    {
      hint: `Delete it first: muster ${noun} -i ${name} delete`,
    },
  );
}

/** Returns the commands in order. */
export function stepsOf(plan: BootPlan): Step[] {
  const { image, create, config, cmdline, style, group } = plan;
  const steps: Step[] = [];
  if (create) {
    const distro = create.distro === undefined ? [] : [create.distro];
    const install = create.install === undefined ? [] : ['--install', create.install];
    steps.push({
      words: ['modimg', '--create', ...distro, '--set-name', image, ...install, '--overwrite', '--upload'],
    });
  }
  const fields = [
    `name=${config}`,
    `image=${image}`,
    `cmdline=${cmdline}`,
    ...(style === undefined ? [] : [`boot_style=${style}`]),
  ];
  steps.push({ words: ['boot', 'create', ...fields], makes: 'config' });
  steps.push({ words: ['mkramfs', '--update', config], makes: 'kernel' });
  if (group?.isNew) steps.push({ words: ['attrib', 'create', `name=${group.name}`] });
  if (group?.becomesDefault) steps.push({ words: ['cluster', 'update', `default_group=${group.name}`] });
  if (group) steps.push({ words: ['attrib', '-i', group.name, 'set', `_boot_config=${config}`] });
  return steps;
}
