// `muster kickstart fetch`: the answers of one node's installer become a kickstart file of this site.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userIds } from '../accounts.ts';
import { KICKSTARTS } from '../api/kickstarts.ts';
import { replaceFile } from '../durable/replace.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { lineDifferences } from '../files/line-differences.ts';
import { kickstartValue } from '../model/values.ts';
import { isForPrograms, printData } from './listing.ts';
import { action } from './table.ts';

export const kickstartFetch = action({
  name: 'fetch',
  words: '<node> [name]',
  takes: { names: 'node' },
  summary:
    "store the answers of a running node's installer (anaconda-ks.cfg, debconf, autoinstall) as a file for other nodes: names and addresses of the node and URLs of the head become placeholders; only root and musterd may read it",
  options: [{ flags: '--force', meaning: 'replace a file of this name' }],
  examples: ['muster kickstart fetch n0', 'muster kickstart fetch n0 site.ks --dry-run'],
  async run({ client, given, terminal }) {
    const [node = '', wanted, ...more] = given.words;
    if (node === '' || more.length > 0)
      throw new MusterError('bad-usage', "'fetch' needs a node and may have a name: muster kickstart fetch n0 site.ks");
    if (wanted === '' || (wanted !== undefined && !kickstartValue.safeParse(wanted).success))
      throw new MusterError('bad-value', `'${wanted}' is no name of a kickstart file.`);
    const fetched = await client.call(KICKSTARTS.fetch, { body: { node } });
    const name = wanted ?? fetched.name;
    const file = join(fetched.folder, name);
    const old = await oldText(file);
    const isSame = old === fetched.text;
    const differences = old === undefined || isSame ? [] : differencesOf(old, fetched.text);
    const isStored = !given.dryRun && !isSame && (old === undefined || given.options.force === true);
    if (isStored) await store(file, fetched.text);
    const { kind, path, changes, text } = fetched;
    if (isForPrograms(given))
      printData(terminal, given, { name, file, kind, path, changes, text, differences, stored: isStored });
    else {
      terminal.write(`${path} of ${node} (${kind}):\n${changes.map(line => `  ${line}\n`).join('')}`);
      terminal.write(differences.map(line => `${line}\n`).join(''));
      if (isSame) terminal.write(`${file} is the same already.\n`);
      else if (given.dryRun) terminal.write(`${old === undefined ? text : ''}Dry run: nothing was stored.\n`);
      else if (isStored)
        terminal.write(`Stored as ${file}. Look through it: muster kickstart render ${node} ${name}\n`);
    }
    if (old !== undefined && !isSame && !isStored && !given.dryRun)
      throw new MusterError('duplicate', `${file} exists and differs. Give another name, or --force to replace it.`);
    return 0;
  },
});

/** Kickstart files are short. The comparison of a file of 1 MiB would take minutes. */
const MOST_LINES = 2000;

function differencesOf(old: string, text: string): string[] {
  const [before, after] = [old.split('\n'), text.split('\n')];
  if (Math.max(before.length, after.length) > MOST_LINES) return ['- the file that is there', '+ the one of the node'];
  return lineDifferences(before, after);
}

async function oldText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new MusterError('not-allowed', `${file} cannot be read: ${reasonOf(error)}. Run this as root.`);
  }
}

/** The file may have password hashes, so only musterd may read it. */
async function store(file: string, text: string): Promise<void> {
  const owner = process.getuid?.() === 0 ? userIds('muster') : undefined;
  try {
    await replaceFile(file, text, { mode: 0o600, ...(owner && { owner }) });
  } catch (error) {
    if (error instanceof MusterError) throw error;
    throw new MusterError('not-allowed', `${file} cannot be written: ${reasonOf(error)}. Run this as root.`);
  }
}
