// yum's repository files (dnf.conf(5), "Repo options"), each value as libdnf reads it.
import { MusterError } from '../../errors.ts';
import { REPO_FIELDS, repoOptionProblem } from '../../model/repo-options.ts';
import { readIni, type Section } from '../ini.ts';
import { objectName, type RepoFields, type Tell } from './fields.ts';

/** Returns the enabled sections as repos. dnf accepts no `[main]` in such a file. Errors: `bad-value`. */
export function readYumFile(text: string, source: string, tell: Tell): RepoFields[] {
  const found: RepoFields[] = [];
  for (const section of readIni(text, source)) {
    if (section.name === 'main') tell(`${source}: [main] is not a repository; left out`);
    else if (!flag(section, 'enabled', true, source)) tell(`${source}: [${section.name}] is not enabled; left out`);
    else found.push(repoOf(section, source, tell));
  }
  return found;
}

function repoOf(section: Section, source: string, tell: Tell): RepoFields {
  const { name, values } = section;
  // libdnf's OptionStringList: blanks, line breaks and commas are between the items.
  const list = (key: string): string[] => (values[key] ?? '').split(/[\s,]+/).filter(Boolean);
  const urls = list('baseurl');
  const mirrors = ['metalink', 'mirrorlist'].flatMap(list);
  if (urls.length === 0 && mirrors.length === 0)
    throw new MusterError('bad-value', `${source}: [${name}] has neither baseurl nor mirrorlist.`);
  const keys = list('gpgkey');
  const options = Object.entries(values).flatMap(([key, value]) => optionOf(key, value, `${source}: [${name}]`, tell));
  return {
    name: objectName(name),
    ...(values['name'] && { full_name: values['name'] }),
    ...(urls.length > 0 && { urls }),
    ...(mirrors.length > 0 && { mirrors }),
    ...(keys.length > 0 && { keys }),
    ...(values['gpgcheck'] !== undefined && { check: flag(section, 'gpgcheck', true, source) }),
    ...(options.length > 0 && { options }),
  };
}

/** Keeps an option, or reports that it is left out. */
function optionOf(key: string, value: string, where: string, tell: Tell): string[] {
  if ((REPO_FIELDS as readonly string[]).includes(key)) return [];
  // Such a list may use spaces instead of commas, and a list of options uses commas.
  const option = `${key}=${/^(?:exclude|include)/.test(key) ? value.replace(/\s*,\s*/g, ' ') : value}`;
  const problem = repoOptionProblem(option);
  if (problem === undefined) return [option];
  tell(`${where} ${problem}; left out`);
  return [];
}

/** libdnf's OptionBool. Errors: `bad-value` for any other word, because this must not guess whether to check signatures. */
function flag({ name, values }: Section, key: string, absent: boolean, source: string): boolean {
  const value = values[key];
  if (value === undefined) return absent;
  if (/^(1|yes|true|on)$/i.test(value)) return true;
  if (/^(0|no|false|off)$/i.test(value)) return false;
  throw new MusterError('bad-value', `${source}: [${name}] ${key}=${value} is neither yes nor no.`);
}
