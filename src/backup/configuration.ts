// The files of a head's configuration: muster.toml, the site's kickstarts and boot scripts. A backup has them; a restore writes
// those that are absent.

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { groupId } from '../accounts.ts';
import { type Config, parseConfig } from '../config.ts';
import { makeFolder } from '../durable/folders.ts';
import { type DraftOptions, replaceFile } from '../durable/replace.ts';
import { systemCode } from '../errors.ts';
import { CONFIGURATION } from './manifest.ts';

const MAIN = `${CONFIGURATION}muster.toml`;
/** Folders of the configuration: the name in a backup, and the key with its path. */
const FOLDERS = [
  { name: 'kickstarts', key: 'paths.kickstarts' },
  { name: 'boot-scripts', key: 'paths.scripts' },
] as const;

/** Hand-written files are smaller, in bytes. */
export const CONFIGURATION_LIMIT = 4 << 20;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;

export interface ConfigurationFiles {
  /** Paths in the backup (`configuration/muster.toml`), each with its content. */
  files: Map<string, Buffer>;
  /** Files that are too large, oddly named, not plain files or not readable for this user, and so are not in the backup. */
  leftOut: string[];
}

/** Returns the files of a configuration: `file` itself and the plain files in its folders. */
export async function configurationFiles(file: string | undefined, config: Config): Promise<ConfigurationFiles> {
  const found: ConfigurationFiles = { files: new Map(), leftOut: [] };
  if (file !== undefined) await take(found, MAIN, file);
  for (const { name, key } of FOLDERS) {
    const folder = config[key];
    if (folder === '') continue;
    for (const entry of (await readdir(folder).catch(absent)) ?? []) {
      if (entry.startsWith('.')) continue;
      if (NAME.test(entry)) await take(found, `${CONFIGURATION}${name}/${entry}`, join(folder, entry));
      else found.leftOut.push(join(folder, entry));
    }
  }
  return found;
}

async function take({ files, leftOut }: ConfigurationFiles, path: string, file: string): Promise<void> {
  const facts = await stat(file).catch(absent);
  if (!facts) return;
  const content =
    facts.isFile() && facts.size <= CONFIGURATION_LIMIT ? await readFile(file).catch(() => undefined) : undefined;
  if (content) files.set(path, content);
  else leftOut.push(file);
}

export interface Placed {
  /** Files that were written. */
  written: string[];
  /** Existing files with other content, with the place of the backup's version. */
  kept: { file: string; copy: string }[];
  /** Files that would be outside the folder of muster.toml: their paths in the backup. */
  elsewhere: string[];
}

/**
 * Writes the configuration from a backup: `main` and the files of its folders. An existing file stays; the backup's version is
 * written next to it, as `FILE.from-backup`. Nothing is written outside the folder of `main`: the backup says where its folders
 * are, and it must not choose where root writes.
 */
export async function placeConfiguration(main: string, brought: ReadonlyMap<string, Buffer>): Promise<Placed> {
  const placed: Placed = { written: [], kept: [], elsewhere: [] };
  const text = brought.get(MAIN);
  if (text) await place(placed, main, text, { mode: 0o644 });
  // They may hold password hashes: only musterd reads them.
  const group = process.getuid?.() === 0 ? groupId('muster') : undefined;
  const secret: DraftOptions = group === undefined ? { mode: 0o600 } : { mode: 0o640, owner: { uid: 0, gid: group } };
  const config = parseConfig(await readFile(main, 'utf8').catch(() => ''), main);
  const own = resolve(dirname(main));
  for (const { name, key } of FOLDERS) {
    const folder = resolve(config[key]);
    for (const [path, content] of brought) {
      if (!path.startsWith(`${CONFIGURATION}${name}/`)) continue;
      if (config[key] !== '' && folder.startsWith(`${own}/`))
        await place(placed, join(folder, basename(path)), content, secret);
      else placed.elsewhere.push(path);
    }
  }
  return placed;
}

async function place({ written, kept }: Placed, file: string, content: Buffer, options: DraftOptions): Promise<void> {
  await makeFolder(dirname(file), 0o755);
  const there = await readFile(file).catch(absent);
  if (there?.equals(content)) return;
  if (!there) {
    await replaceFile(file, content, options);
    written.push(file);
    return;
  }
  const copy = `${file}.from-backup`;
  await replaceFile(copy, content, options);
  kept.push({ file, copy });
}

function absent(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
  throw error;
}
