// `distros import --name CentOS7 CentOS-Base.repo`: the sections of yum's repository files become repos, and one distro of them.
import { readFile } from 'node:fs/promises';
import type { Changed, Shown } from '../admin/contract.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { printChanged } from './differences.ts';
import { readIni, type Section } from './ini.ts';
import { dryRun } from './selection.ts';
import { action } from './table.ts';

export const importDistro = action({
  name: 'import',
  selects: false,
  words: '<files...>',
  takes: 'files',
  summary: 'create a distro, and its repos, from yum repository files; all or nothing',
  options: [
    { flags: '--name <name>', meaning: 'the name of the new distro' },
    { flags: '--release <text>', meaning: 'what `$releasever` stands for in the files' },
  ],
  examples: ['muster distro import --name CentOS7 --release 7 /etc/yum.repos.d/CentOS-Base.repo'],
  async run(context) {
    const { client, given, terminal } = context;
    const { name, release } = given.options;
    if (!name) throw new MusterError('bad-usage', 'import needs --name NAME for the distro.');
    const repos: RepoFields[] = [];
    for (const file of given.words) {
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
      });
      repos.push(...readRepoFile(text, file, skipped => terminal.say(skipped)));
    }
    if (repos.length === 0)
      throw new MusterError('bad-value', `${given.words.join(', ')}: no repository is enabled there.`);
    const present = await client.call<Shown[]>('GET', '/api/v1/repos');
    const named = nameRepos(repos, name, present);
    const body = { name, ...(release !== undefined && { release }), ...named };
    printChanged(context, await client.call<Changed>('POST', '/api/v1/distros/import', dryRun(given), body));
    return 0;
  },
});

export interface RepoFields {
  name: string;
  full_name?: string;
  urls?: string[];
  mirrors?: string[];
  keys?: string[];
  check?: boolean;
}

/** The enabled sections as repos. dnf's `[main]` is no repository. */
export function readRepoFile(text: string, source: string, skip: (why: string) => void): RepoFields[] {
  const found: RepoFields[] = [];
  for (const section of readIni(text, source)) {
    if (section.name === 'main') continue;
    if (/^(0|no|false)$/i.test(section.values['enabled'] ?? ''))
      skip(`${source}: [${section.name}] is not enabled; left out`);
    else found.push(repoOf(section, source));
  }
  return found;
}

function repoOf({ name, values }: Section, source: string): RepoFields {
  const list = (...keys: string[]): string[] =>
    keys.flatMap(key => (values[key] ?? '').split(/[\s,]+/).filter(Boolean));
  const urls = list('baseurl');
  const mirrors = list('mirrorlist', 'metalink');
  if (urls.length === 0 && mirrors.length === 0)
    throw new MusterError('bad-value', `${source}: [${name}] has neither baseurl nor mirrorlist.`);
  const keys = list('gpgkey');
  return {
    name: objectName(name),
    ...(values['name'] && { full_name: values['name'] }),
    ...(urls.length > 0 && { urls }),
    ...(mirrors.length > 0 && { mirrors }),
    ...(keys.length > 0 && { keys }),
    ...(values['gpgcheck'] !== undefined && { check: /^(1|yes|true)$/i.test(values['gpgcheck']) }),
  };
}

/** What of a section's name may be the name of an object: `rhel-7-server:rpms` is `rhel-7-server_rpms`. */
function objectName(section: string): string {
  const clean = section.replace(/[^A-Za-z0-9_.-]/g, '_');
  return /^[A-Za-z]/.test(clean) ? clean : `repo_${clean}`;
}

/** Sections called `base` are in every such file: one that is there with the same URLs is used again, another gets the distro's name before its own. */
function nameRepos(
  repos: readonly RepoFields[],
  distro: string,
  present: readonly Shown[],
): { repos: RepoFields[]; present: string[] } {
  const made: RepoFields[] = [];
  const again: string[] = [];
  for (const repo of repos) {
    const same = present.find(other => other.name === repo.name);
    if (!same) made.push(repo);
    else if (sameUrls(same, repo)) again.push(repo.name);
    else made.push({ ...repo, name: `${distro}_${repo.name}` });
  }
  return { repos: made, present: again };
}

function sameUrls(shown: Shown, repo: RepoFields): boolean {
  const text = (list: unknown): string => JSON.stringify(list ?? []);
  return text(shown['urls']) === text(repo.urls) && text(shown['mirrors']) === text(repo.mirrors);
}
