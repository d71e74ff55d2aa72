// The defaults of a new head: a distro, DefaultImage and DefaultBoot for every node, by the commands that an administrator would type.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Shown } from '../../admin/contract.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { managerFor } from '../../image/packages/choose.ts';
import { run } from '../../process/run.ts';
import { distroOf, recipeOf } from '../modimg/create.ts';
import type { Context } from '../table.ts';
import { type HeadSystem, planDistro, readOsRelease } from './head-distro.ts';

const LATER = 'muster add-boot-config --make-defaults';

export interface DefaultsOutcome {
  done: string[];
  next: string[];
  /** Whether nodes have something to boot. */
  isComplete: boolean;
}

/** Makes what is missing. Without a repository that answers, the rest is left for later, and said. */
export async function makeDefaults(context: Context): Promise<DefaultsOutcome> {
  const { client, given } = context;
  const done: string[] = [];
  const list = async (many: string): Promise<Shown[]> => client.call<Shown[]>('GET', `/api/v1/${many}`);
  if ((await list('bootconfigs')).some(({ name }) => name === 'DefaultBoot'))
    return { done, next: [], isComplete: true };
  const settings = await client.call<Shown>('GET', '/api/v1/cluster');
  let distro = String(settings['default_distro'] ?? '');
  if (distro === '') {
    const plan = planDistro(await headSystem());
    if ('refused' in plan) return { done, ...later(`No distro was made: ${plan.refused}.`) };
    distro = plan.distro;
    const isThere = (await list('distros')).some(({ name }) => name === distro);
    const steps = isThere ? plan.steps.slice(-1) : plan.steps;
    if (given.dryRun)
      return { done: [...steps.map(commandLine), `muster ${LATER.slice(7)}`], next: [], isComplete: false };
    for (const words of steps) await type(context, words);
    done.push(`the default distro is ${distro}`);
  }
  if (given.dryRun) return { done: [LATER], next: [], isComplete: false };
  const problem = await whyUnreachable(context, distro);
  if (problem !== undefined) return { done, ...later(problem) };
  await type(context, LATER.split(' ').slice(1));
  done.push('created DefaultImage and DefaultBoot: every node boots them');
  return { done, next: [], isComplete: true };
}

function later(problem: string): Pick<DefaultsOutcome, 'next' | 'isComplete'> {
  const next = [
    `${problem.replace(/\s+$/, '')} So there is no image yet. When a repository can be reached, or a mirror of your own is there (docs/offline.md):`,
    LATER,
  ];
  return { next, isComplete: false };
}

/** Asks the repositories before anything is downloaded. */
async function whyUnreachable({ client }: Context, name: string): Promise<string | undefined> {
  const recipe = await recipeOf(client, await distroOf({ client }, name));
  try {
    // Without a name, so that the first repository is looked at whatever the distro says of its package manager.
    await managerFor('', recipe);
    return undefined;
  } catch (error) {
    if (error instanceof MusterError && error.code === 'not-ready') return reasonOf(error);
    throw error;
  }
}

async function headSystem(): Promise<HeadSystem> {
  const file = '/etc/os-release';
  const os = readOsRelease(existsSync(file) ? readFileSync(file, 'utf8') : '');
  const words = ['indextargets', '--format', '$(REPO_URI) $(CODENAME) $(COMPONENT)', 'Created-By: Packages'];
  const targets = existsSync('/usr/bin/apt-get') ? await run('apt-get', words) : undefined;
  const folder = '/etc/yum.repos.d';
  const repoFiles = existsSync(folder)
    ? readdirSync(folder)
        .filter(name => name.endsWith('.repo'))
        .sort()
    : [];
  return {
    os,
    aptTargets: targets?.status === 0 ? targets.stdout : '',
    repoFiles: repoFiles.map(name => join(folder, name)),
  };
}

function commandLine(words: readonly string[]): string {
  return ['muster', ...words].join(' ');
}

async function type({ run }: Context, words: readonly string[]): Promise<void> {
  const status = await run(words);
  if (status !== 0) throw new MusterError('tool-failed', `'${commandLine(words)}' ended with status ${status}.`);
}
