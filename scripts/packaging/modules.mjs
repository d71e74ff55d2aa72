// The npm packages that run with muster, copied from node_modules as they are installed: no network, no compiler.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What a package needs only during installation. */
const RUNS_WITH = { sqlite3: ['bindings'] };

/** Sources, objects and documents of packages, which nothing loads. */
const UNUSED = [
  /^node_modules\/sqlite3\/(deps|src|build\/(?!Release($|\/node_sqlite3\.node$))|binding\.gyp|node-addon-api)/,
  /^node_modules\/zod\/src(\/|$)/,
  /^node_modules\/koffi\/(doc|vendor)(\/|$)/,
  /^node_modules\/@koromix\/[^/]+\/musl_[^/]+(\/|$)/,
  /^node_modules\/(@[^/]+\/)?[^/]+\/(test|tests|benchmark|benchmarks|bench|examples?|docs|\.github|\.vscode)(\/|$)/,
  /\.(map|d\.ts|d\.cts|d\.mts|markdown|tsbuildinfo)$/,
  /\/(?!LICEN[CS]E)[^/]+\.md$/,
];

/** Copies them to `target`; returns the files with machine code. */
export function productionModules(root, target) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const wanted = new Set();
  const add = (name, from) => {
    // As Node resolves it: next to the package, then further up.
    const place = placesOf(name, from).find(path => packages[path]);
    if (place === undefined || wanted.has(place) || !existsSync(join(root, place))) return;
    wanted.add(place);
    // Machine code for each kind of machine is an optional dependency, of which one is installed: koffi does this.
    const { dependencies = {}, optionalDependencies = {} } = packages[place];
    const names = RUNS_WITH[name] ?? Object.keys({ ...dependencies, ...optionalDependencies });
    for (const each of names) add(each, place);
  };
  for (const name of Object.keys(packages[''].dependencies)) add(name, '');
  const natives = [];
  for (const place of wanted) {
    cpSync(join(root, place), join(target, place.slice('node_modules/'.length)), {
      recursive: true,
      filter: path => {
        const name = relative(root, path);
        // A separate package is copied when it is needed itself.
        if (name !== place && name.slice(place.length).includes('/node_modules')) return false;
        if (UNUSED.some(pattern => pattern.test(name))) return false;
        if (name.endsWith('.node')) natives.push(path);
        return true;
      },
    });
  }
  return natives;
}

function placesOf(name, from) {
  const places = [`${from === '' ? '' : `${from}/`}node_modules/${name}`];
  for (let path = from; path.includes('/node_modules/'); ) {
    path = path.slice(0, path.lastIndexOf('/node_modules/'));
    places.push(`${path}/node_modules/${name}`);
  }
  places.push(`node_modules/${name}`);
  return places;
}
