// The defaults of a new head: a distro, DefaultImage and DefaultBoot for every node, made with the commands that an administrator would type.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OBJECTS, type Shown } from '../../api/objects.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { managerFor } from '../../image/packages/choose.ts';
import type { Kind } from '../../model/kind-words.ts';
import { run } from '../../process/run.ts';
import type { Refused } from '../../refused.ts';
import { distroOf, recipeOf } from '../modimg/create.ts';
import type { Context } from '../table.ts';
import { restOfDefaults } from './defaults-plan.ts';
import { type HeadSystem, planDistro, readOsRelease, type Words } from './head-distro.ts';

const GO_ON = 'Correct the cause and run the same command again: it resumes where it stopped.';

export interface DefaultsOutcome {
  done: string[];
  next: string[];
}

/** Makes what is missing. If no repository answers, returns the commands to run later. */
export async function makeDefaults(context: Context): Promise<DefaultsOutcome> {
  const { client, given } = context;
  const done: string[] = [];
  const list = async (kind: Kind): Promise<Shown[]> => client.call(OBJECTS.list, { kind });
  const settings = await client.call(OBJECTS.settings);
  const found = {
    images: await list('image'),
    configs: await list('boot'),
    groups: await list('attrib'),
    settings,
  };
  const { steps, makesImage } = restOfDefaults(found);
  if (steps.length === 0) return { done, next: [] };
  const distro = makesImage ? await makeDistro(settings, await list('distro'), await list('repo')) : undefined;
  if (distro && 'refused' in distro) return { done, next: later(`No distro was made: ${distro.refused}.`, steps) };
  if (given.dryRun) return { done: [...(distro?.steps ?? []), ...steps].map(commandLine), next: [] };
  if (distro) {
    for (const words of distro.steps) await type(context, words);
    if (distro.steps.length > 0) done.push(`the default distro is ${distro.name}`);
    const problem = await whyUnreachable(context, distro.name);
    if (problem !== undefined) return { done, next: later(problem, steps) };
  }
  for (const words of steps) await type(context, words);
  done.push('DefaultBoot is complete: every node boots it');
  return { done, next: [] };
}

function later(problem: string, steps: readonly Words[]): string[] {
  return [
    `${problem.replace(/\s+$/, '')} So there is no image yet. When a repository is reachable, or you have your own mirror (docs/offline.md), run:`,
    ...steps.map(commandLine),
  ];
}

/** Returns the distro to make an image from, and the commands left until it is the default. */
async function makeDistro(
  settings: Shown,
  distros: readonly Shown[],
  repos: readonly Shown[],
): Promise<{ name: string; steps: Words[] } | Refused> {
  const name = String(settings['default_distro'] ?? '');
  if (name !== '') return { name, steps: [] };
  const plan = planDistro(await headSystem());
  if ('refused' in plan) return plan;
  const has = (objects: readonly Shown[], wanted: string): boolean => objects.some(one => one.name === wanted);
  const steps = plan.steps.filter(([noun, , word = '']) => {
    if (noun === 'cluster') return true;
    return noun === 'repo' ? !has(repos, word.replace('name=', '')) : !has(distros, plan.distro);
  });
  return { name: plan.distro, steps };
}

/** Checks the repositories before anything is downloaded. */
async function whyUnreachable({ client }: Context, name: string): Promise<string | undefined> {
  const recipe = await recipeOf(client, await distroOf({ client }, name));
  try {
    // Without a name, so that the first repository is checked whatever package manager the distro has.
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
  const status = await run(words).catch((error: unknown) => {
    if (!(error instanceof MusterError)) throw error;
    const hint = error.hint === undefined ? GO_ON : `${error.hint}\n${GO_ON}`;
    throw new MusterError(error.code, error.message, { cause: error, hint });
  });
  if (status !== 0)
    throw new MusterError('tool-failed', `'${commandLine(words)}' ended with status ${status}.`, { hint: GO_ON });
}
