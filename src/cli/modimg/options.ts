// The options of `modimg`: one row per step, in the order in which they run; and the checks of their combinations.
import { MusterError } from '../../errors.ts';
import { COMPRESSIONS, type Compression } from '../../image/pack.ts';
import { checkPackages } from '../../image/packages/manager.ts';
import { isKernelVersion } from '../../image/uname.ts';
import type { Given, Option, OptionsOf } from '../table.ts';

interface StepRow extends Option {
  step: string;
}

const STEPS = [
  { step: 'delete', flags: '--delete', meaning: 'delete the local copy; the head keeps its image' },
  {
    step: 'create',
    flags: '--create [distro]',
    meaning: 'create an image from a distro, or from the default distro',
    takes: { names: 'distro' },
  },
  {
    step: 'capture',
    flags: '--capture <node>',
    meaning: 'create an image from the files of a running node',
    takes: { names: 'node' },
  },
  {
    step: 'import',
    flags: '--import <source>',
    meaning: 'create an image from a folder, a tar archive, a squashfs, or an OCI layout or archive',
    takes: 'files',
  },
  { step: 'freshen', flags: '--freshen', meaning: 'ignore the local copy and fetch the image again' },
  {
    step: 'copyin',
    flags: '--copyin <files...>',
    meaning: 'copy a file or folder into the image: SOURCE DESTINATION',
    repeats: true,
    takes: 'files',
  },
  { step: 'install', flags: '--install <packages>', meaning: 'install packages, separated by commas', repeats: true },
  {
    step: 'uninstall',
    flags: '--uninstall <packages>',
    meaning: 'remove packages, separated by commas',
    repeats: true,
  },
  { step: 'update', flags: '--update', meaning: 'update all packages' },
  {
    step: 'execute',
    flags: '--execute <command>',
    meaning: 'run a shell command in the image; if it fails, nothing is kept',
    repeats: true,
  },
  {
    step: 'chroot',
    flags: '--chroot [kver]',
    meaning: 'open a shell in the image as the last step; with a kernel version, `uname` reports it in all steps',
  },
  { step: 'query', flags: '--query [package]', meaning: 'show the version of one package, or of all' },
  { step: 'upload', flags: '--upload', meaning: 'send the image to the head without asking' },
] as const satisfies readonly StepRow[];

const OTHERS = [
  {
    flags: '--set-name <name>',
    meaning: 'the name of the new image; with -i, the changed image is kept under this name',
  },
  { flags: '--no-discard', meaning: 'keep the changes without asking' },
  { flags: '--overwrite', meaning: 'replace an image of that name, here and on the head, without asking' },
  {
    flags: '--compress <method>',
    meaning: "zstd, xz, lz4 or gzip; default: zstd if the image's kernel can read it",
    takes: { words: COMPRESSIONS },
  },
] as const satisfies readonly Option[];

export const MODIMG_OPTIONS = [...STEPS, ...OTHERS] as const;

type ModimgOptions = OptionsOf<typeof MODIMG_OPTIONS>;
type Name = keyof ModimgOptions;

/** The request, parsed and checked. */
export interface Wanted {
  /** The image to start from; undefined when a new one is made. */
  id: string | undefined;
  all: boolean;
  delete: boolean;
  /** A distro's name, or '' for the default one. */
  create: string | undefined;
  capture: string | undefined;
  import: string | undefined;
  freshen: boolean;
  copyin: { from: string; to: string }[];
  install: string[];
  uninstall: string[];
  update: boolean;
  execute: string[];
  chroot: boolean;
  kver: string | undefined;
  /** A package's name, or '' for all. */
  query: string | undefined;
  upload: boolean;
  setName: string | undefined;
  keep: boolean;
  overwrite: boolean;
  /** Undefined: choose one that the image's kernels can read. */
  compression: Compression | undefined;
}

export function readModimg(given: Given<ModimgOptions>): Wanted {
  const { options } = given;
  const steps = STEPS.map(({ step }) => step).filter(step => options[step] !== undefined);
  check(given, steps);
  const text = (name: Name): string | undefined => {
    const value = options[name];
    return value === undefined ? undefined : typeof value === 'string' ? value : '';
  };
  const list = (name: Name): string[] => [options[name] ?? []].flat().map(String);
  const packages = (name: Name): string[] => list(name).flatMap(value => value.split(/[,\s]+/).filter(Boolean));
  const files = list('copyin');
  // An empty word is nearly always an unset variable of a script.
  for (const { step, flags } of STEPS)
    if (list(step).some(value => value.trim() === '')) throw bad(`--${step} is followed by an empty word: ${flags}.`);
  const wanted: Wanted = {
    id: given.ids[0],
    all: given.all,
    delete: steps.includes('delete'),
    create: text('create'),
    capture: text('capture'),
    import: text('import'),
    freshen: steps.includes('freshen'),
    copyin: files.flatMap((from, at) => (at % 2 === 0 ? [{ from, to: files[at + 1] ?? '' }] : [])),
    install: packages('install'),
    uninstall: packages('uninstall'),
    update: steps.includes('update'),
    execute: list('execute'),
    chroot: steps.includes('chroot'),
    kver: text('chroot') || undefined,
    query: text('query'),
    upload: steps.includes('upload'),
    setName: text('setName'),
    keep: options.discard === false,
    overwrite: options.overwrite === true,
    compression: COMPRESSIONS.find(name => name === text('compress')),
  };
  if (wanted.kver !== undefined && !isKernelVersion(wanted.kver))
    throw bad(`--chroot '${wanted.kver}' is not a kernel version such as 5.14.0-362.24.1.el9_3.x86_64.`);
  for (const step of ['install', 'uninstall'] as const)
    if (steps.includes(step) && wanted[step].length === 0) throw bad(`--${step} names no package.`);
  checkPackages([...wanted.install, ...wanted.uninstall]);
  for (const { to } of wanted.copyin)
    if (!to.startsWith('/')) throw bad(`--copyin: '${to}' must be a path in the image, beginning with '/'.`);
  return wanted;
}

const bad = (text: string): MusterError => new MusterError('bad-usage', text);

/** Checks that do not depend on the images. */
function check({ options, ids, all }: Given<ModimgOptions>, steps: readonly string[]): void {
  const makes = steps.filter(step => step === 'create' || step === 'capture' || step === 'import');
  const [make] = makes;
  if (steps.length === 0)
    throw bad(
      "'muster modimg' needs something to do, such as --create, --chroot, --install PACKAGES; or the action ls.",
    );
  if (makes.length > 1) throw bad('--create, --capture and --import cannot be combined.');
  if (steps.includes('delete') && steps.length > 1) throw bad('--delete cannot be combined with other steps.');
  if (make !== undefined && options.setName === undefined) throw bad(`--${make} needs --set-name NAME.`);
  if (make !== undefined && (ids.length > 0 || all)) throw bad(`--${make} makes a new image; leave -i out.`);
  if (make === undefined && ids.length === 0 && !all) throw bad(`--${steps[0]} needs an image: -i NAME.`);
  if (make !== undefined && steps.includes('freshen'))
    throw bad(`--freshen needs -i NAME and cannot be combined with --${make}.`);
  if (all && !steps.includes('delete')) throw bad('--all can only be used with --delete.');
  if (ids.length > 1 && !steps.includes('delete')) throw bad('modimg works on one image at a time; give -i once.');
  const name = options.setName;
  if (name !== undefined && !/^[A-Za-z][A-Za-z0-9_.-]{0,62}$/.test(String(name)))
    throw bad(
      `--set-name '${String(name)}' must begin with a letter, followed by letters, digits, '_', '.' or '-', at most 63 characters.`,
    );
  const changes = ['copyin', 'install', 'uninstall', 'update', 'execute', 'chroot'];
  if (name !== undefined && make === undefined && !steps.some(step => changes.includes(step)))
    throw bad("--set-name names a new or changed image; to rename one, run 'muster image -i NAME update name=NEW'.");
  if (options.compress !== undefined && make === undefined && !steps.some(step => changes.includes(step)))
    throw bad('--compress needs a step that makes or changes an image; nothing is packed here.');
  const pairs = options.copyin;
  if (Array.isArray(pairs) && pairs.length % 2 !== 0) throw bad('--copyin needs two words: SOURCE DESTINATION.');
  const method = options.compress;
  if (method !== undefined && !(COMPRESSIONS as readonly unknown[]).includes(method))
    throw bad(`--compress must be one of ${COMPRESSIONS.join(', ')}.`);
}
