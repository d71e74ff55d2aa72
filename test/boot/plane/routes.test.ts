// The table of routes and the docs say the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ROUTES } from '../../../src/boot/plane/routes.ts';
import type { Who } from '../../../src/boot/plane/who.ts';
import { packageRoot } from '../../../src/package-root.ts';

/** For docs/security.md. */
const WHO_IN_WORDS: Readonly<Record<Who, string>> = {
  everyone: 'everyone',
  loading: "a node's address, while a boot of that node is under way",
  granted: "a node's address, after a DHCP exchange of booting firmware in the last ten minutes",
  session: "the session's id, from the node's own address, while that boot lasts",
  enrolling: "a single-use token of the node, from the node's own address, over TLS",
  token: "the boot's token, from the node's own address",
};

/** `:name`, and `:name?` that may be empty, as the docs write them. */
const inDocs = (path: string): string => path.replace(/:(\w+)\??/g, '<$1>').replace('*', '<path>');

test('docs/security.md and the code agree on who may ask', t => {
  const file = join(packageRoot, 'docs/security.md');
  const page = readFileSync(file, 'utf8');
  const rows = ROUTES.map(({ methods, path, who, tftp }) => {
    const ways = `${methods.join(', ')}${tftp ? '; TFTP' : ''}`;
    return `| \`${inDocs(path)}\` | ${ways} | ${WHO_IN_WORDS[who]} |\n`;
  });
  const table = `| URL | by | who may ask |\n|---|---|---|\n${rows.join('')}`;
  const wanted = page.replace(
    /<!-- who may ask -->[\s\S]*<!-- end of who may ask -->/,
    () => `<!-- who may ask -->\n${table}<!-- end of who may ask -->`,
  );
  if (process.env['UPDATE_DOCS']) writeFileSync(file, wanted);
  t.is(readFileSync(file, 'utf8'), wanted, 'write it again: UPDATE_DOCS=1 npx ava dist/test/boot/plane/routes.test.js');
  t.true(wanted.includes(table));
});

test('docs/architecture.md has each URL', t => {
  const page = readFileSync(join(packageRoot, 'docs/architecture.md'), 'utf8');
  const [, section = ''] =
    /### URLs of the boot plane([\s\S]*?)\n\n[^|\n]/.exec(page.replace(/(URLs[^\n]*)\n\n/, '$1\n')) ?? [];
  for (const { path } of ROUTES) {
    const name = inDocs(path).replace('<code>', '<errno>');
    const short = name.replace('/boot/v1/<session>/', '');
    t.true(section.includes(`${name}\``) || section.includes(`\`${short}\``), name);
  }
});
