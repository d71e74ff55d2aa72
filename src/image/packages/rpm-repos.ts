// Repository files of yum, dnf and zypper: the ones the head reads while it makes an image, and `clusterware-node.repo` in the image.
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MusterError, reasonOf } from '../../errors.ts';
import { own } from '../../own.ts';
import { packageRoot } from '../../package-root.ts';
import { ImageRoot } from '../image-root.ts';
import { isMetalink, type Recipe, type Source } from './recipe.ts';

const TEMPLATE = join(packageRoot, 'templates/repositories/yum.repo');

const NODE_REPO = 'clusterware-node.repo';
/** The head's own repository of muster's packages, if it has one. */
const HEAD_REPO = '/etc/yum.repos.d/clusterware.repo';
const HEAD_KEYS = '/etc/pki/rpm-gpg';

/** A section per repository, in yum's form. */
export function repoFile(sources: readonly Source[]): string {
  return sources.map(section).join('\n');
}

/** Omits lines of the template with an empty value. */
function section({ name, title, urls, mirrors, keys, check, options = [] }: Source): string {
  const list = (values: readonly string[]): string => values.join('\n    ');
  const values: Readonly<Record<string, string>> = {
    NAME: name,
    TITLE: title,
    URLS: list(urls),
    METALINKS: list(mirrors.filter(isMetalink)),
    MIRRORLISTS: list(mirrors.filter(url => !isMetalink(url))),
    CHECK: check ? '1' : '0',
    KEYS: list(keys),
    OPTIONS: options.join('\n'),
  };
  const lines = readFileSync(TEMPLATE, 'utf8').trimEnd().split('\n');
  return lines
    .filter(line => !line.includes('@') || line === 'name=@TITLE@' || own(values, placeholder(line)) !== '')
    .map(line => line.replace(/@([A-Z]+)@/, (_, key: string) => own(values, key) ?? ''))
    .concat('')
    .join('\n');
}

const placeholder = (line: string): string => /@([A-Z]+)@/.exec(line)?.[1] ?? '';

/** A checked repository without keys gets the keys that this machine's system trusts; if there are none, it is refused. */
export async function withKeys(recipe: Recipe): Promise<Recipe> {
  const lacking = recipe.sources.filter(({ check, keys }) => check && keys.length === 0);
  if (lacking.length === 0) return recipe;
  const names = existsSync(HEAD_KEYS) ? await readdir(HEAD_KEYS) : [];
  const trusted = names.filter(name => name.startsWith('RPM-GPG-KEY')).map(name => `file://${HEAD_KEYS}/${name}`);
  const [first] = lacking;
  if (trusted.length === 0 && first)
    throw new MusterError(
      'not-ready',
      `The repo ${first.name} has no keys, so the signatures of its packages cannot be checked.`,
      {
        hint: `Give keys: muster repo -i ${first.name} update keys=URL; or accept unchecked packages: muster repo -i ${first.name} update check=false`,
      },
    );
  return {
    ...recipe,
    sources: recipe.sources.map(source => (lacking.includes(source) ? { ...source, keys: trusted } : source)),
  };
}

/** Copies key files of this machine into the image, and returns their paths there. */
async function keysInto(root: string, sources: readonly Source[]): Promise<Source[]> {
  const made: Source[] = [];
  for (const source of sources) {
    const keys: string[] = [];
    for (const key of source.keys) {
      if (!key.startsWith('file://')) keys.push(key);
      else keys.push(await keyInto(root, key.slice('file://'.length)));
    }
    made.push({ ...source, keys });
  }
  return made;
}

async function keyInto(root: string, file: string): Promise<string> {
  const content = await readFile(file).catch((error: unknown) => {
    throw new MusterError('bad-value', `The key ${file} cannot be read: ${reasonOf(error)}`);
  });
  const path = `/etc/pki/rpm-gpg/${basename(file)}`;
  await new ImageRoot(root).write(path, content);
  return `file://${path}`;
}

/** Writes `clusterware-node.repo` into the image: the head's own repository and the distro's. */
export async function writeNodeRepo(root: string, folder: string, recipe: Recipe): Promise<void> {
  const head = existsSync(HEAD_REPO) ? `${(await readFile(HEAD_REPO, 'utf8')).trimEnd()}\n\n` : '';
  const text = `# Written by muster: the repos of the distro ${recipe.distro}.\n${head}${repoFile(await keysInto(root, recipe.sources))}`;
  await new ImageRoot(root).write(`${folder}/${NODE_REPO}`, text);
}
