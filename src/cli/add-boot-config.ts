// `muster add-boot-config`: a boot config for an image, with kernel, initramfs and the default command line, or none at all.
import type { Changed, Shown } from '../admin/contract.ts';
import { MusterError } from '../errors.ts';
import { printChanged } from './differences.ts';
import { WORKSHOP, yet } from './frames.ts';
import { mkramfsRun } from './mkramfs-action.ts';
import type { Action, Context } from './table.ts';

/** SELinux in permissive mode (the specification's default). */
const CMDLINE = 'enforcing=0';

export const addBootConfig: Action = {
  name: 'add-boot-config',
  summary: 'make a boot config for an image: kernel and initramfs out of it, and the default command line',
  options: [
    { flags: '--image <name>', meaning: 'the image it boots', takes: { names: 'image' } },
    { flags: '--boot-config <name>', meaning: 'the name of the new boot config' },
    { flags: '--make-defaults', meaning: 'make DefaultImage, DefaultBoot and DefaultAttribs' },
    { flags: '--show-steps', meaning: 'print the commands that do the same; with --dry-run only these' },
  ],
  examples: [
    'muster add-boot-config --image mpiImage --boot-config mpiBoot',
    'muster add-boot-config --image mpiImage --boot-config mpiBoot --show-steps --dry-run',
  ],
  async run(context) {
    const { given, terminal } = context;
    const names = namesIn(given.options);
    if (given.options['showSteps'] || given.dryRun)
      terminal.write(
        steps(names)
          .map(line => `${line}\n`)
          .join(''),
      );
    await checkImage(context, names.image);
    if (given.dryRun) {
      terminal.write('This was a dry run: nothing was changed.\n');
      return 0;
    }
    return make(context, names);
  },
};

interface Names {
  image: string;
  config: string;
}

function namesIn({ image, bootConfig, makeDefaults }: Record<string, unknown>): Names {
  if (makeDefaults && (image !== undefined || bootConfig !== undefined))
    throw new MusterError('bad-usage', '--make-defaults goes without --image and --boot-config.');
  if (makeDefaults) throw yet('make the defaults', WORKSHOP);
  if (image === undefined && bootConfig === undefined)
    throw yet('ask for what it needs', 'Give --image NAME --boot-config NAME.');
  if (image === undefined || bootConfig === undefined) {
    const missing = image === undefined ? '--image' : '--boot-config';
    throw new MusterError('bad-usage', `add-boot-config needs ${missing} NAME too.`);
  }
  return { image: String(image), config: String(bootConfig) };
}

function steps({ image, config }: Names): string[] {
  return [`muster boot create name=${config} image=${image} cmdline=${CMDLINE}`, `muster mkramfs --update ${config}`];
}

/** What would fail only after the boot config was made. */
async function checkImage({ client }: Context, name: string): Promise<void> {
  const image = await client.call<Shown>('GET', `/api/v1/image/${encodeURIComponent(name)}`);
  if (!image['content'])
    throw new MusterError(
      'not-ready',
      `The image ${image.name} has no content to take a kernel from; update content=@FILE first.`,
    );
  if (process.getuid?.() !== 0)
    throw new MusterError('not-allowed', 'add-boot-config unpacks the image and runs programs inside it: become root.');
}

async function make(context: Context, { image, config }: Names): Promise<number> {
  const { client, given } = context;
  const made = await client.call<Changed>('POST', '/api/v1/bootconfigs', {}, { name: config, image, cmdline: CMDLINE });
  printChanged(context, made);
  try {
    return await mkramfsRun.run({ ...context, given: { ...given, options: { ...given.options, update: config } } });
  } catch (error) {
    // A boot config without a kernel is of no use: it goes again, and the name is free for the next try.
    printChanged(context, await client.call<Changed>('DELETE', '/api/v1/bootconfigs', { id: made.uids }));
    throw error;
  }
}
