// Files that must survive are written by src/durable alone: elsewhere the calls that would do it by halves are in no file but these.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { productSources, sourceName } from '../sources.ts';

/** Names of node:fs that give a file its bytes or its name. */
const CALLS = /\b(writeFile|appendFile|copyFile|rename|link|symlink|createWriteStream|cp)(Sync)?\b/;

/** What is written there may be lost: it is made again, or belongs to an image that is packed and synced as a whole. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'admin/private-socket.ts': 'a socket ends with the process',
  'cli/man-action.ts': 'manual pages for a package, made again by the same command',
  'cli/modimg/head-images.ts': 'a download in the folder to work in, which Workspace.keep syncs and moves',
  'daemon/boot-files.ts': 'made again by each start',
  'daemon/rendered-files.ts': 'rendered again when it is lost or damaged',
  'daemon/router-advertiser.ts': 'made again by each start',
  'daemon/shim-loaders.ts': 'made again by each start',
  'files/folder.ts': 'an export of a file set, made again by the same command',
  'image/workspace/workspace.ts':
    'the note of a folder to work in, and second names of a packed image that last as long as a program',
  'power/console-log.ts': 'what a console says, of which the end may be lost',
};
/** Folders of such files; image/workspace is not one. */
const FOLDERS: Readonly<Record<string, string>> = {
  'image/': 'files of an image, which is packed and synced as a whole',
  'lab/': 'a virtual cluster lives as long as its run',
};

const files = productSources()
  .map(path => ({ name: sourceName(path), path }))
  .filter(({ name }) => !name.startsWith('durable/'));

/** The names that a file takes from node:fs, and those it writes behind `fs.`. */
function taken(text: string): string[] {
  const imports = Array.from(
    text.matchAll(/import (?:\* as \w+|\{([^}]*)\}) from 'node:fs(?:\/promises)?'/g),
    match => match[1] ?? '*',
  );
  return imports
    .flatMap(names => names.split(','))
    .map(name => name.trim())
    .filter(name => name === '*' || CALLS.test(name));
}

const isExcepted = (name: string): boolean =>
  name in EXCEPTIONS ||
  (!name.startsWith('image/workspace/') && Object.keys(FOLDERS).some(folder => name.startsWith(folder)));

test('a file that writes without src/durable is in the list, with the reason', t => {
  const found = files
    .filter(({ name }) => !isExcepted(name))
    .flatMap(({ name, path }) => {
      const names = taken(readFileSync(path, 'utf8'));
      return names.map(one => `${name}: ${one}`);
    });
  t.deepEqual(found, [], 'use replaceFile, Draft, moveInto or linkInto of src/durable');
});

test('the list has no outdated exceptions', t => {
  const used = files.filter(({ path }) => taken(readFileSync(path, 'utf8')).length > 0).map(({ name }) => name);
  t.deepEqual(
    Object.keys(EXCEPTIONS).filter(name => !used.includes(name)),
    [],
  );
  t.deepEqual(
    Object.keys(FOLDERS).filter(folder => !used.some(name => name.startsWith(folder))),
    [],
  );
});

test('the check detects what it forbids', t => {
  t.deepEqual(taken("import { readFile, writeFile } from 'node:fs/promises';"), ['writeFile']);
  t.deepEqual(taken("import {\n  renameSync,\n} from 'node:fs';"), ['renameSync']);
  t.deepEqual(taken("import * as fs from 'node:fs';"), ['*']);
  t.deepEqual(taken("import { readFile, unlink, realpath } from 'node:fs/promises';"), []);
});
