// `muster man`: prints manual pages from the table of nouns; `--output` writes all of them for a package.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { action } from './table.ts';

export const manRun = action({
  name: 'man',
  words: '[page]',
  summary: 'print a manual page: muster man node | man -l -',
  options: [{ flags: '--output <folder>', meaning: 'write all pages to this folder', takes: 'files' }],
  examples: ['muster man | man -l -', 'muster man scyld-nodectl | man -l -', 'muster man --output /usr/share/man/man1'],
  async run({ given, terminal }) {
    // The pages describe the nouns, and this action is one of them.
    const { manPages } = await import('./man-pages.ts');
    const pages = manPages();
    const folder = given.options.output;
    if (typeof folder === 'string') {
      await mkdir(folder, { recursive: true });
      for (const [name, text] of pages) await writeFile(join(folder, `${name}.1`), text);
      terminal.say(`${pages.size} pages in ${folder}`);
      return 0;
    }
    const [word = 'muster'] = given.words;
    const text = pages.get(word) ?? pages.get(`muster-${word}`) ?? pages.get(`scyld-${word}`);
    if (text === undefined) {
      const close = nearest(
        word,
        [...pages.keys()].flatMap(name => [name, name.replace(/^\w+-/, '')]),
      );
      const hint = close ? `Did you mean '${close}'?` : `There are ${[...pages.keys()].join(', ')}.`;
      throw new MusterError('bad-usage', `There is no manual page '${word}'.`, { hint });
    }
    terminal.write(text);
    return 0;
  },
});
