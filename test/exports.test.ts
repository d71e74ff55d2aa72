import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../src/package-root.ts';
import { productSources, sourceName, sources } from './sources.ts';

/** Returns the names of each file, and by name the files that have it. */
function readNames(files: readonly string[]): Map<string, Set<string>> {
  const filesOf = new Map<string, Set<string>>();
  for (const file of files)
    for (const [name] of readFileSync(file, 'utf8').matchAll(/[A-Za-z_]\w*/g)) {
      const known = filesOf.get(name) ?? new Set();
      filesOf.set(name, known.add(file));
    }
  return filesOf;
}

test('every function, value and class that a file exports is used by another one', t => {
  const product = productSources();
  const scripts = readdirSync(join(packageRoot, 'scripts')).filter(name => name.endsWith('.mjs'));
  const filesOf = readNames([
    ...product,
    ...sources(join(packageRoot, 'test')),
    ...scripts.map(name => join(packageRoot, 'scripts', name)),
  ]);
  const unused = product.flatMap(file =>
    Array.from(
      readFileSync(file, 'utf8').matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm),
      match => match[1] ?? '',
    )
      .filter(name => filesOf.get(name)?.size === 1)
      .map(name => `${sourceName(file)}: ${name}`),
  );
  t.deepEqual(unused, [], 'delete what nobody uses; what only its own file uses is not exported');
});
