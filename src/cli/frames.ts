// The tools whose work comes with the image workshop: their options are read and checked in full, and then they say what they cannot do yet.
import { MusterError } from '../errors.ts';
import type { Action, Given, Option } from './table.ts';

export const yet = (what: string, instead: string): MusterError =>
  new MusterError('not-yet', `This muster cannot ${what} yet.`, { hint: instead });

export const WORKSHOP =
  "Build the root file system with your distribution's tools, pack it with mksquashfs, and load it: muster image create name=NAME content=@FILE.";

/** One row per step of `modimg`, in the order in which they would run. */
const STEPS: readonly {
  option: string;
  flags: string;
  meaning: string;
  does: string;
  repeats?: boolean;
  names?: 'distro' | 'node';
}[] = [
  {
    option: 'delete',
    flags: '--delete',
    meaning: 'delete the local copy; the head keeps its image',
    does: 'delete local copies of images',
  },
  {
    option: 'create',
    flags: '--create [distro]',
    meaning: 'create an image; from the default distro when none is named',
    does: 'create images',
    names: 'distro',
  },
  {
    option: 'capture',
    flags: '--capture <node>',
    meaning: 'make an image of what a running node has',
    does: 'capture nodes',
    names: 'node',
  },
  {
    option: 'freshen',
    flags: '--freshen',
    meaning: 'ignore the local copy and fetch the image again',
    does: 'fetch local copies of images',
  },
  {
    option: 'copyin',
    flags: '--copyin <files...>',
    meaning: 'copy a file into the image: SOURCE DESTINATION',
    does: 'copy files into images',
    repeats: true,
  },
  {
    option: 'install',
    flags: '--install <packages>',
    meaning: 'install packages, with commas',
    does: 'install packages into images',
    repeats: true,
  },
  {
    option: 'uninstall',
    flags: '--uninstall <packages>',
    meaning: 'remove packages, with commas',
    does: 'remove packages from images',
    repeats: true,
  },
  { option: 'update', flags: '--update', meaning: 'update all packages', does: 'update images' },
  {
    option: 'query',
    flags: '--query [package]',
    meaning: 'the versions of one package, or of all',
    does: 'look into images',
  },
  {
    option: 'chroot',
    flags: '--chroot [kver]',
    meaning: 'work in the image, at the end; with a kernel version for `uname`',
    does: 'work in images',
  },
  {
    option: 'upload',
    flags: '--upload',
    meaning: 'send the image to the head without asking',
    does: 'send local copies of images to the head',
  },
];

const OTHERS: readonly Option[] = [
  { flags: '--set-name <name>', meaning: 'the name of the new image' },
  { flags: '--no-discard', meaning: 'keep the changes without asking' },
  { flags: '--overwrite', meaning: 'replace an image of that name without asking' },
];

export const modimgRun: Action = {
  name: 'modimg',
  summary: 'create and change the content of images, in a local copy',
  options: [
    ...STEPS.map(({ flags, meaning, repeats, names }) => ({
      flags,
      meaning,
      ...(repeats && { repeats }),
      ...(names && { takes: { names } }),
    })),
    ...OTHERS,
  ],
  examples: [
    'muster modimg --create --set-name NewImg',
    'muster modimg -i mpiImage --install openmpi3.1',
    'muster modimg -i Prod202404 --copyin prod-install.sh /root --chroot --upload --overwrite',
  ],
  async run({ given }) {
    const steps = STEPS.filter(({ option }) => given.options[option] !== undefined);
    checkModimg(
      given,
      steps.map(({ option }) => option),
    );
    throw yet(`${steps.map(({ does }) => does).join(', ')}`, WORKSHOP);
  },
};

/** What is wrong whatever the workshop can do. */
function checkModimg(given: Given, steps: readonly string[]): void {
  const bad = (text: string) => new MusterError('bad-usage', text);
  const { options, ids, all } = given;
  const makes = steps.filter(step => step === 'create' || step === 'capture');
  if (steps.length === 0)
    throw bad(
      "'muster modimg' needs something to do, such as --create, --chroot, --install PACKAGES; or the action ls.",
    );
  if (makes.length > 1) throw bad('--create and --capture exclude each other.');
  if (steps.includes('delete') && steps.length > 1) throw bad('--delete goes alone.');
  if (makes.length === 1 && options['setName'] === undefined) throw bad(`--${makes[0]} needs --set-name NAME.`);
  if (makes.length === 1 && (ids.length > 0 || all))
    throw bad(`--${makes[0]} makes an image of its own; leave -i out.`);
  if (makes.length === 0 && options['setName'] !== undefined)
    throw bad(
      "--set-name goes with --create or --capture; an image is renamed by 'muster image -i NAME update name=NEW'.",
    );
  if (makes.length === 0 && ids.length === 0 && !all) throw bad(`--${steps[0]} needs an image: -i NAME.`);
  if (all && !steps.includes('delete')) throw bad('--all goes with --delete only.');
  if (ids.length > 1) throw bad('One image at a time: give -i once.');
  const pairs = options['copyin'];
  if (Array.isArray(pairs) && pairs.length % 2 !== 0) throw bad('--copyin needs two words: SOURCE DESTINATION.');
}

export const modimgList: Action = {
  name: 'list',
  aliases: ['ls'],
  summary: 'list local and remote images',
  examples: ['muster modimg ls'],
  async run() {
    throw yet('list local copies of images', 'The images on the head: muster image ls');
  },
};

export const packNode: Action = {
  name: 'pack-node',
  summary: 'write all files of this node as one archive to standard output; `modimg --capture` runs it on nodes',
  examples: ['muster pack-node >node.squashfs'],
  async run() {
    throw yet('pack a running node', WORKSHOP);
  },
};
