// From the tree of a file set to its content: templates, rules and scripts (docs/decisions/0010-file-sets.md).
import { didYouMean } from '../nearest.ts';
import { own } from '../own.ts';
import { readTree } from './archive.ts';
import type { FileRules, OnChange, SetContent, SetEntry, StageScript } from './set-content.ts';
import { placeIn, readSettings, SETTINGS, type Settings } from './settings.ts';
import { badFiles, checkPath, quoted, type TreeEntry } from './tree.ts';

const CONTROL = '/.fileset';
export const SCRIPTS = '/.fileset/scripts/';
const PARTIALS = '/.fileset/partials/';
const TEMPLATE = '.tmpl';

/** The content of a set without an archive. */
export const EMPTY_SET: SetContent = { entries: [], scripts: [], changes: [], partials: {}, secret: false };

/** Reads the archive of a file set. Throws `bad-files` with the file and what is wrong with it. */
export async function readFileSet(tar: Buffer): Promise<SetContent> {
  return contentOf(await readTree(tar));
}

/** Returns what a checked tree means. Throws `bad-files`. */
export function contentOf(tree: readonly TreeEntry[]): SetContent {
  const text = settingsTextOf(tree);
  const settings = readSettings(text);
  const scripts = scriptsOf(tree);
  const entries = tree.filter(({ path }) => !isControl(path)).map(entry => entryOf(entry, settings));
  checkPaths(entries, settings, text);
  return {
    entries,
    scripts: [...staged(settings, scripts, text), ...called(settings, scripts, text)],
    changes: settings.on_change.flatMap(changesOf),
    partials: partialsOf(tree),
    secret: settings.secret || entries.some(({ rules }) => rules.secret),
  };
}

/** Returns the text of the settings; empty for a set without them. */
export function settingsTextOf(tree: readonly TreeEntry[]): string {
  return tree.find(({ path }) => path === SETTINGS)?.content.toString() ?? '';
}

/** Returns the paths of the archive whose contents are secret. */
export function secretPathsOf(tree: readonly TreeEntry[]): Set<string> {
  const content = contentOf(tree);
  const isAllSecret = readSettings(settingsTextOf(tree)).secret;
  const secret = new Set(content.entries.flatMap(({ path, rules }) => (rules.secret ? [path] : [])));
  // A partial may be a part of a secret file
  const hides = (path: string): boolean =>
    (isAllSecret && path.startsWith(SCRIPTS)) || (content.secret && path.startsWith(PARTIALS));
  const files = tree.filter(entry => entry.type === 'file' && (secret.has(nodePathOf(entry)) || hides(entry.path)));
  return new Set(files.map(({ path }) => path));
}

function isControl(path: string): boolean {
  return path === CONTROL || path.startsWith(`${CONTROL}/`);
}

/** Returns the path on the node: without the ending of a template. */
export function nodePathOf({ type, path }: Pick<TreeEntry, 'type' | 'path'>): string {
  return type === 'file' && path.endsWith(TEMPLATE) ? path.slice(0, -TEMPLATE.length) : path;
}

function entryOf(entry: TreeEntry, settings: Settings): SetEntry {
  const path = nodePathOf(entry);
  const isTemplate = path !== entry.path;
  if (path.endsWith('/'))
    throw badFiles(`${quoted(entry.path)} has no name before its ending; name what it renders to.`);
  checkPath(path);
  return { ...entry, path, isTemplate, rules: rulesOf(path, settings) };
}

function rulesOf(path: string, settings: Settings): FileRules {
  const { local_edits: ofFile, ...given } = own(settings.files, path) ?? { merge: 'replace' as const };
  const { owner, group, mode, context, merge } = given;
  return {
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
    ...(mode !== undefined && { mode }),
    ...(context !== undefined && { context }),
    merge,
    optional: given.optional ?? settings.optional,
    secret: given.secret ?? settings.secret,
    localEdits: ofFile ?? settings.local_edits,
  };
}

/** A template and a file for one path would hide each other, and rules for a path that is not there would do nothing. */
function checkPaths(entries: readonly SetEntry[], settings: Settings, toml: string): void {
  const known = new Set<string>();
  for (const { path } of entries) {
    if (known.has(path)) throw badFiles(`${quoted(path)} is there as a file and as a template; remove one.`);
    known.add(path);
  }
  for (const path of Object.keys(settings.files)) {
    if (known.has(path)) continue;
    const near = path.endsWith(TEMPLATE) ? path.slice(0, -TEMPLATE.length) : path;
    const hint = known.has(near)
      ? `did you mean '${near}'?`
      : didYouMean(path, [...known], 'add it, or remove the rules.');
    throw badFiles(`${placeIn(toml, ['files', path])}: ${quoted(path)} is not in the set; ${hint}`);
  }
}

function scriptsOf(tree: readonly TreeEntry[]): Map<string, Buffer> {
  const scripts = new Map<string, Buffer>();
  for (const { path, type, content } of tree.filter(entry => isControl(entry.path))) {
    if (type === 'folder' || (path === SETTINGS && type === 'file')) continue;
    if (path.startsWith(PARTIALS) && type === 'file') continue;
    const name = path.startsWith(SCRIPTS) ? path.slice(SCRIPTS.length) : '';
    if (name === '' || name.includes('/') || type !== 'file')
      throw badFiles(`${quoted(path)} is unknown; .fileset has set.toml, and files in scripts/ and partials/.`);
    if (content.toString('latin1', 0, 2) !== '#!')
      throw badFiles(`The script ${quoted(path)} must begin with its interpreter, such as #!/bin/sh.`);
    scripts.set(name, content);
  }
  return scripts;
}

function partialsOf(tree: readonly TreeEntry[]): Record<string, string> {
  const files = tree.filter(({ type, path }) => type === 'file' && path.startsWith(PARTIALS));
  return Object.fromEntries(files.map(({ path, content }) => [path.slice(PARTIALS.length), content.toString()]));
}

/** @param place where the settings name the script */
function contentOfScript(name: string, scripts: ReadonlyMap<string, Buffer>, place: () => string): Buffer {
  const content = scripts.get(name);
  if (content) return content;
  const hint = didYouMean(name, [...scripts.keys()], `add .fileset/scripts/${name}.`);
  throw badFiles(`${place()}: the script '${name}' is not in the set; ${hint}`);
}

function staged(settings: Settings, scripts: ReadonlyMap<string, Buffer>, toml: string): StageScript[] {
  return settings.scripts.map(({ stage, file, required, seconds }, index) => ({
    stage,
    name: file,
    content: contentOfScript(file, scripts, () => placeIn(toml, ['scripts', index, 'file'])),
    required,
    seconds,
    ...(settings.secret && { secret: true }),
  }));
}

/** Scripts that run for a change of their paths alone. */
function called(settings: Settings, scripts: ReadonlyMap<string, Buffer>, toml: string): StageScript[] {
  const indexes = new Map(settings.on_change.flatMap(({ run }, index) => (run === undefined ? [] : [[run, index]])));
  return Array.from(indexes, ([name, index]) => {
    const content = contentOfScript(name, scripts, () => placeIn(toml, ['on_change', index, 'run']));
    return { stage: 'called', name, content, required: false, seconds: 60, ...(settings.secret && { secret: true }) };
  });
}

function changesOf({ paths, reload, restart, run }: Settings['on_change'][number]): OnChange[] {
  return [
    ...reload.map((what): OnChange => ({ paths, action: 'reload', what })),
    ...restart.map((what): OnChange => ({ paths, action: 'restart', what })),
    ...(run === undefined ? [] : [{ paths, action: 'run' as const, what: run }]),
  ];
}
