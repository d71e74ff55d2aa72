// No code joins the folder of an image with a path in it: such a path goes through links to this machine's own files.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/package-root.ts';

const src = join(packageRoot, 'src');
/** The type whose methods resolve paths of an image. */
const HOME = 'image/image-root.ts';
/** What trees of images are called. */
const TREE = String.raw`(?:\w+\??\.)*(?:root|tree|rootfs|lower|upper|image\.folder)`;
/** Ways to put a path behind the folder of a tree. */
const JOINS = [
  new RegExp(String.raw`\b(?:join|resolve|normalize)\(\s*${TREE}\s*,`),
  new RegExp(String.raw`\$\{${TREE}\}/`),
  new RegExp(String.raw`\b${TREE}\s*\+\s*['"\x60]`),
];

function offences(text: string): string[] {
  return text.split('\n').filter(line => !/^\s*(?:\/\/|\*)/.test(line) && JOINS.some(pattern => pattern.test(line)));
}

test('the rule sees every way to join', t => {
  for (const line of [
    "await writeFile(join(root, 'etc/hosts'), text)",
    "resolve(tree.root, 'x')",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line
    'await rm(`${root}/etc/hosts`)',
    "root + '/etc'",
    'join(image.folder, path)',
    "join(this.root, 'a')",
  ])
    t.is(offences(line).length, 1, line);
  for (const line of ['// join(root, path) is banned', "join(folder, 'root')", 'join(work, name)'])
    t.is(offences(line).length, 0, line);
});

test('paths in an image are resolved by ImageRoot alone', t => {
  const found: string[] = [];
  for (const folder of ['image', 'cli/modimg'])
    for (const entry of readdirSync(join(src, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || relative(src, path) === HOME) continue;
      for (const line of offences(readFileSync(path, 'utf8'))) found.push(`${relative(src, path)}: ${line.trim()}`);
    }
  t.deepEqual(found, []);
});
