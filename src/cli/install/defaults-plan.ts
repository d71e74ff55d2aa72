// Decides which defaults a head still lacks, from the objects it has, so that an interrupted run resumes where it stopped.
import type { Shown } from '../../api/objects.ts';
import type { Words } from './head-distro.ts';

const CONFIG = 'DefaultBoot';
const IMAGE = 'DefaultImage';

export interface Found {
  images: readonly Shown[];
  configs: readonly Shown[];
  groups: readonly Shown[];
  settings: Shown;
}

export interface Rest {
  /** The commands that make what is missing, in order; empty when nodes have something to boot. */
  steps: Words[];
  /** Whether the steps make an image, which needs a distro and a repository that answers. */
  makesImage: boolean;
}

/** Decides which commands are still needed until every node boots a complete boot config. */
export function restOfDefaults({ images, configs, groups, settings }: Found): Rest {
  const group = groups.find(one => one.name === (settings['default_group'] || 'DefaultAttribs'));
  const chosen = ((group?.['attributes'] ?? {}) as Record<string, string>)['_boot_config'];
  // The administrator has chosen another boot config for every node.
  if (chosen !== undefined && chosen !== CONFIG && configs.some(({ name }) => name === chosen))
    return { steps: [], makesImage: false };
  const hasContent = (name: unknown): boolean => images.some(one => one.name === name && Boolean(one['content']));
  const config = configs.find(({ name }) => name === CONFIG);
  if (!config) {
    const makesImage = !hasContent(IMAGE);
    return {
      steps: [['add-boot-config', '--make-defaults', ...(makesImage ? [] : ['--image', IMAGE])]],
      makesImage,
    };
  }
  if (config['kernel'] && config['initramfs']) return { steps: [], makesImage: false };
  const update: Words = ['mkramfs', '--update', CONFIG];
  if (hasContent(config['image'])) return { steps: [update], makesImage: false };
  const makesImage = !hasContent(IMAGE);
  const create: Words = ['modimg', '--create', '--set-name', IMAGE, '--overwrite', '--upload'];
  const use: Words = ['boot', '-i', CONFIG, 'update', `image=${IMAGE}`];
  return {
    steps: [...(makesImage ? [create] : []), ...(config['image'] === IMAGE ? [] : [use]), update],
    makesImage,
  };
}
