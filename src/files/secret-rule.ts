// Makes a file of a set secret in its settings; comments and order stay.
import { own } from '../own.ts';
import { nodePathOf } from './read-set.ts';
import { readSettings, SETTINGS } from './settings.ts';
import { badFiles, type TreeEntry, withFile } from './tree.ts';

/** Returns the tree with settings that make a file secret. Throws `bad-files` when the settings have rules for the file that this cannot extend. */
export function withSecret(tree: readonly TreeEntry[], path: string): TreeEntry[] {
  const settings = tree.find(entry => entry.path === SETTINGS && entry.type === 'file');
  const content = Buffer.from(secretRule(settings?.content.toString() ?? '', nodePathOf({ type: 'file', path })));
  return withFile(tree, SETTINGS, content);
}

function secretRule(text: string, path: string): string {
  const isSecret = (toml: string): boolean => {
    const { files, secret } = readSettings(toml);
    return own(files, path)?.secret ?? secret;
  };
  if (isSecret(text)) return text;
  const lines = text.split('\n');
  const header = `[files.${JSON.stringify(path)}]`;
  const at = lines.findIndex(line => line.trim() === header);
  const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  const edited =
    at >= 0
      ? lines.toSpliced(at + 1, 0, 'secret = true').join('\n')
      : `${before}${text === '' ? '' : '\n'}${header}\nsecret = true\n`;
  const refusal = badFiles(`.fileset/set.toml has other rules for '${path}'; set secret = true there yourself.`);
  try {
    if (isSecret(edited)) return edited;
  } catch {
    throw refusal;
  }
  throw refusal;
}
