// `muster add-boot-config`: makes a boot config for an image, with everything it needs. Every step is a separate command.
import { OBJECTS, type Shown } from '../api/objects.ts';
import { MusterError } from '../errors.ts';
import type { Kind } from '../model/kind-words.ts';
import { BOOT_STYLES } from '../model/values.ts';
import { quoteWords } from '../shell-words.ts';
import { type BootPlan, CMDLINE, planDefaults, planFromOptions, type Step, stepsOf } from './boot-config-plan.ts';
import { outliveReader } from './outputs.ts';
import { askText, askYes, isInteractive } from './questions.ts';
import { action, type Context, type Option, type OptionsOf } from './table.ts';

const OPTIONS = [
  {
    flags: '--image <name>',
    meaning: 'the image to boot; created from a distro if it does not exist',
    takes: { names: 'image' },
  },
  { flags: '--boot-config <name>', meaning: 'the name of the new boot config' },
  {
    flags: '--distro <name>',
    meaning: 'the distro to create the image from; default: the default distro',
    takes: { names: 'distro' },
  },
  { flags: '--install <packages>', meaning: 'packages to install into a new image, separated by commas' },
  { flags: '--cmdline <text>', meaning: `the kernel command line; default: ${CMDLINE}` },
  { flags: '--style <style>', meaning: 'the boot style; default: rwram', takes: { words: BOOT_STYLES } },
  {
    flags: '--group <name>',
    meaning: 'the attribute group whose nodes boot it; created if it does not exist',
    takes: { names: 'attrib' },
  },
  {
    flags: '--make-defaults',
    meaning: 'create DefaultImage (or use --image), DefaultBoot and DefaultAttribs',
  },
  { flags: '--show-steps', meaning: 'print the equivalent commands; with --dry-run print them and stop' },
] as const satisfies readonly Option[];

type Options = OptionsOf<typeof OPTIONS>;

export const addBootConfig = action({
  name: 'add-boot-config',
  summary: 'create a boot config for an image, with the kernel and an initramfs from the image',
  options: OPTIONS,
  examples: [
    'muster add-boot-config',
    'muster add-boot-config --image mpiImage --boot-config mpiBoot',
    'muster add-boot-config --image mpiImage --boot-config mpiBoot --show-steps --dry-run',
    'muster add-boot-config --make-defaults',
    'muster add-boot-config --make-defaults --image SiteImage',
  ],
  async run(context) {
    const { given, terminal } = context;
    const plan = await planOf(context);
    const steps = stepsOf(plan);
    // An incomplete set of steps is useless.
    if (!given.dryRun) outliveReader();
    if (given.options.showSteps || given.dryRun) terminal.write(steps.map(step => `${commandLine(step)}\n`).join(''));
    if (given.dryRun) {
      terminal.write('Dry run: nothing was changed.\n');
      return 0;
    }
    return perform(context, plan, steps);
  },
});

async function planOf(context: Context<Options>): Promise<BootPlan> {
  const { client, given } = context;
  const list = async (kind: Kind): Promise<Shown[]> => client.call(OBJECTS.list, { kind });
  const found = async () => ({
    images: await list('image'),
    configs: await list('boot'),
    groups: await list('attrib'),
    settings: await client.call(OBJECTS.settings),
  });
  const { options } = given;
  if (options.makeDefaults) {
    const { bootConfig, cmdline, style, group } = options;
    if ([bootConfig, cmdline, style, group].some(value => value !== undefined))
      throw new MusterError(
        'bad-usage',
        '--make-defaults cannot be combined with --boot-config, --cmdline, --style or --group: it creates DefaultBoot.',
      );
    return planDefaults(await found(), options);
  }
  if (options.image === undefined && options.bootConfig === undefined) return askedPlan(await found());
  return planFromOptions(await found(), options);
}

type Found = Parameters<typeof planFromOptions>[0];

/** Without arguments, asks for each part with a default answer. */
async function askedPlan(found: Found): Promise<BootPlan> {
  if (!isInteractive())
    throw new MusterError(
      'bad-usage',
      'add-boot-config needs --image NAME and --boot-config NAME when there is no terminal.',
    );
  const image = await askText('Name of the image', found.images[0]?.name ?? 'DefaultImage');
  const isThere = found.images.some(one => one.name === image && one['content']);
  const distro = isThere
    ? ''
    : await askText('Distro to create it from', String(found.settings['default_distro'] ?? ''));
  const install = isThere ? '' : await askText('Additional packages to install, separated by commas', '');
  const bootConfig = await askText('Name of the boot config', `${image.replace(/Image$/, '')}Boot`);
  const cmdline = await askText('Kernel command line', 'enforcing=0');
  const style = await askText('Boot style', 'rwram');
  const group = await askText(
    'Attribute group whose nodes boot it (- for none)',
    String(found.settings['default_group'] || '-'),
  );
  const plan = planFromOptions(found, {
    image,
    bootConfig,
    ...(distro && { distro }),
    ...(install && { install }),
    cmdline,
    style,
    ...(group !== '-' && { group }),
  });
  process.stderr.write(
    `Commands:\n${stepsOf(plan)
      .map(step => `  ${commandLine(step)}\n`)
      .join('')}`,
  );
  if (!(await askYes('Run them?', true))) throw new MusterError('bad-usage', 'Nothing was changed.');
  return plan;
}

function commandLine({ words }: Step): string {
  return quoteWords(['muster', ...words]);
}

/** Runs the commands. Removes a boot config that got no kernel, so that its name is free for the next try. */
async function perform({ run }: Context, plan: BootPlan, steps: readonly Step[]): Promise<number> {
  let isMade = false;
  try {
    for (const step of steps) {
      const status = await run(step.words);
      if (status !== 0) throw new MusterError('tool-failed', `'${commandLine(step)}' ended with status ${status}.`);
      if (step.makes === 'config') isMade = true;
      if (step.makes === 'kernel') isMade = false;
    }
    return 0;
  } catch (error) {
    if (isMade) await run(['boot', '-i', plan.config, 'delete']);
    throw error;
  }
}
