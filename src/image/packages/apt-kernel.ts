// The package for the newest kernel; its name depends on the distribution.

import { readFile } from 'node:fs/promises';
import { machineType } from '../machine-types.ts';
import { sourceLines } from './apt-sources.ts';
import { ask } from './fetching.ts';
import type { Recipe } from './recipe.ts';

/** Returns Debian's name, unless a repository declares that it is Ubuntu's. */
export async function kernelPackage(recipe: Recipe): Promise<string> {
  for (const source of recipe.sources) {
    const lines =
      recipe.release === '' && source.urls.every(url => !url.includes('#')) ? [] : sourceLines(source, recipe);
    for (const line of lines) {
      const [, url = '', suite = ''] = /^deb (?:\[.*\] )?(\S+) (\S+)/.exec(line) ?? [];
      if (suite.endsWith('/')) continue;
      const origin = await originOf(`${url.replace(/\/*$/, '')}/dists/${suite}/InRelease`).catch(() => undefined);
      if (origin === 'Ubuntu') return 'linux-image-generic';
    }
  }
  return `linux-image-${machineType('rpm', recipe.arch).debianKernel}`;
}

/** The field of a repository's signed list that names its distribution. */
async function originOf(url: string): Promise<string | undefined> {
  const text = url.startsWith('file://') ? await readFile(url.slice('file://'.length), 'utf8') : await textOf(url);
  return /^Origin: *(.*\S)/m.exec(text)?.[1];
}

async function textOf(url: string): Promise<string> {
  const answer = await ask(url);
  return Buffer.from(await answer.arrayBuffer()).toString();
}
