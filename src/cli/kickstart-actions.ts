// Kickstart files: lists them, and shows one as a node would fetch it.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { KICKSTARTS } from '../api/kickstarts.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { SHOW_PASSWORDS, secrets } from './list-action.ts';
import { isForPrograms, printData } from './listing.ts';
import { action } from './table.ts';
import { humanBytes } from './terminal.ts';

export const kickstartList = action({
  name: 'list',
  aliases: ['ls'],
  summary: 'list the answer files and the boot configs that use them',
  options: [{ flags: '-l, --long', meaning: 'show their paths as well' }],
  examples: ['muster kickstart ls', 'muster kickstart ls -l'],
  async run({ client, given, terminal }) {
    const files = await client.call(KICKSTARTS.list);
    if (isForPrograms(given)) {
      printData(terminal, given, files);
      return 0;
    }
    const width = Math.max(0, ...files.map(({ name }) => name.length));
    for (const { name, path, size, shipped, readable, used_by } of files) {
      const words = [
        shipped ? 'came with muster' : "the site's own",
        ...(used_by.length > 0 ? [`used by ${used_by.join(', ')}`] : []),
        ...(readable && !shipped ? [terminal.red('every user of the head can read it')] : []),
        ...(given.options.long ? [path] : []),
      ];
      terminal.write(`${name.padEnd(width)}  ${humanBytes(size).padStart(9)}  ${words.join('; ')}\n`);
    }
    return 0;
  },
});

export const kickstartRender = action({
  name: 'render',
  words: '<node> <file>',
  takes: { names: 'node' },
  summary: 'show a file as the node would get it, with stars for passwords; `@PATH` uses a local file',
  options: [SHOW_PASSWORDS],
  examples: ['muster kickstart render n0 basic.ks', 'muster kickstart render n0 @./new.ks'],
  async run({ client, given, terminal }) {
    const [node, file = '', ...more] = given.words;
    if (!node || file === '' || more.length > 0)
      throw new MusterError('bad-usage', "'render' needs a node and a file: muster kickstart render n0 basic.ks");
    const body = file.startsWith('@')
      ? { node, name: basename(file.slice(1)), text: await textOf(file.slice(1)) }
      : { node, name: file };
    const text = await client.call(KICKSTARTS.render, { body, query: secrets(given) });
    if (isForPrograms(given)) printData(terminal, given, { node, name: body.name, text });
    else terminal.write(text);
    return 0;
  },
});

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new MusterError('bad-value', `${path}: cannot be read: ${reasonOf(error)}`);
  });
}
