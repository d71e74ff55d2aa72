// `distros import --name CentOS7 CentOS-Base.repo`: makes repos, and one distro of them, from repository files of yum or apt.
import { readFile } from 'node:fs/promises';
import { MEMBERS } from '../api/members.ts';
import { OBJECTS, type Shown } from '../api/objects.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { printChanged } from './differences.ts';
import { isAptFile, readAptFile } from './repo-files/apt.ts';
import { type RepoFields, textOf } from './repo-files/fields.ts';
import { readYumFile } from './repo-files/yum.ts';
import { dryRun } from './selection.ts';
import { action } from './table.ts';

export const importDistro = action({
  name: 'import',
  selects: false,
  words: '<files...>',
  takes: 'files',
  summary: 'create a distro and its repos from yum or apt repository files: all of it or nothing',
  options: [
    { flags: '--name <name>', meaning: 'the name of the new distro' },
    { flags: '--release <text>', meaning: 'the value of `$releasever` in the files; for apt, the suite' },
  ],
  examples: [
    'muster distro import --name CentOS7 --release 7 /etc/yum.repos.d/CentOS-Base.repo',
    'muster distro import --name Debian12 /etc/apt/sources.list.d/debian.sources',
  ],
  async run(context) {
    const { client, given, terminal } = context;
    const { name, release } = given.options;
    if (!name) throw new MusterError('bad-usage', 'import needs --name NAME for the distro.');
    const repos: RepoFields[] = [];
    const suites: string[] = [];
    for (const file of given.words) {
      const bytes = await readFile(file).catch((error: unknown) => {
        throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
      });
      const tell = (left: string): void => terminal.say(left);
      const text = textOf(bytes, file, tell);
      if (isAptFile(text, file)) {
        const found = readAptFile(text, file, tell);
        repos.push(...found.repos);
        suites.push(found.suite);
      } else repos.push(...readYumFile(text, file, tell));
    }
    if (suites.length > 0 && suites.length < given.words.length)
      throw new MusterError('bad-value', 'The files belong to both yum and apt; a distro uses only one of them.');
    if (repos.length === 0)
      throw new MusterError('bad-value', `${given.words.join(', ')}: no repository is enabled in them.`);
    const present = await client.call(OBJECTS.list, { kind: 'repo', query: { secrets: 'true' } });
    const named = nameRepos(repos, name, present);
    const chosen = release ?? suites.find(suite => suite !== '' && !suite.endsWith('/'));
    const manager = suites.length > 0 ? { package_manager: 'apt' } : {};
    const body = { name, ...(chosen !== undefined && { release: chosen }), ...manager, ...named };
    printChanged(context, await client.call(MEMBERS.importDistro, { query: dryRun(given), body }));
    return 0;
  },
});

/** Every such file has sections such as `base`: an existing repo with the same URLs is reused; otherwise the new one gets the distro's name as a prefix. */
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
