// The words of the project: constructions that read as if translated, with what to write instead.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../src/package-root.ts';

/** A sentence never leaves these: full stops, and the marks for code that `proseOf` puts in. */
const BANNED: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /\banew\b/i, instead: 'again' },
  {
    pattern: /\b(?:is|are|was|were|be|been|being|not|and|or|never) told\b/i,
    instead: 'logged, reported, shown, learns',
  },
  { pattern: /\btold (?:as|by|of|in|on|the|a|it|that|what|who|with)\b/i, instead: 'logged, reported, shown, learns' },
  { pattern: /\bso many\b/i, instead: 'N, at most N, that many' },
  { pattern: /\bwhose\b[^.]*\b(?:he|him|his)\b/i, instead: 'they, its' },
  { pattern: /\b(?:he|him|his|himself)\b/i, instead: 'they, their, its' },
  { pattern: /\bby and by\b/i, instead: 'over time' },
  { pattern: /\bin place of\b/i, instead: 'instead of' },
  { pattern: /\bbeside\b/i, instead: 'next to, with, besides' },
  {
    pattern: /(?<!\b(?:instead|because|outside|one) )\bof (?:its|their|his|muster's|musterd's) own\b/i,
    instead: 'its own, separate, built-in',
  },
  { pattern: /\b(?:falls?|fell|falling) over\b/i, instead: 'crash, fail' },
  {
    pattern: /\b(?:lest|thereby|whereof|whereby|wherein|therein|thereof|hitherto|henceforth|wherefore)\b/i,
    instead: 'rewrite',
  },
  { pattern: /(?<!\bneither\b(?:[^.]|\.\d){0,120})\bnor\b/i, instead: 'and … not, or' },
  {
    pattern: /\b(?:stands?|stood) (?:on|in) (?:the|its|a|no) (?:timeline|log|journal|database|audit trail)/i,
    instead: 'appears on, is in',
  },
  { pattern: /\b(?:came|comes|come) to pass\b/i, instead: 'happen' },
  { pattern: /\b(?:gives?|gave|giving) way\b/i, instead: 'make room, be replaced' },
  { pattern: /\b(?:is|are|was|were) said\b/i, instead: 'report, state' },
  { pattern: /\b(?:is|are) no more\b/i, instead: 'no longer exists' },
  { pattern: /\bto be had\b/i, instead: 'available' },
  { pattern: /\bfor want of\b/i, instead: 'for lack of' },
  { pattern: /\bwithout a word\b/i, instead: 'silently' },
  { pattern: /\b(?:it|he) is (?:he|whom?)\b/i, instead: 'rewrite' },
  { pattern: /\b(?:of|by|to|from|for) (?:who|whom)\b/i, instead: 'name the actor' },
  { pattern: /\bheard (?:of|by|from|again|that|to)\b/i, instead: 'received, seen' },
  { pattern: /\bis heard\b/i, instead: 'is received, is seen' },
  { pattern: /\banother's\b/i, instead: 'of another' },
  { pattern: /\b(?:upon|till|ere|amidst|whilst|oft)\b/i, instead: 'on, until, during, while, often' },
  { pattern: /\bin mid-/i, instead: 'during' },
];

const ROOTS = [
  'src',
  'lab',
  'docs',
  'scripts',
  'node-scripts',
  'initramfs',
  'boot-scripts',
  'templates',
  'packaging',
  'systemd',
  'test',
];
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'];

const blanked = (text: string): string => text.replace(/[^\n]/g, '.');
const unmarked = (text: string): string => text.replace(/^([ \t]*)(?:\/\*\*?|\*\/?|\/\/|#)/gm, '$1');
/** A text of one word is a name; texts that are only shown to a compiler have no blank. */
const spoken = (text: string): string =>
  text.includes(' ') ? text.replace(/\$\{[^}]*\}/g, value => 'x'.repeat(value.length)) : blanked(text);

const CODE = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const TITLE = /\btest(?:\.\w+)*\(\s*('(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*")/g;

/** Returns the text with everything but its prose replaced by full stops; lines stay where they are. */
function proseOf(file: string, text: string): string {
  if (file.startsWith('test/')) return only(text, TITLE, ([, title = '']) => spoken(title));
  if (/\.(ts|mjs)$/.test(file))
    return only(text, CODE, ([whole]) => (whole.startsWith('/') ? unmarked(whole) : spoken(whole)));
  if (file.endsWith('.md')) return text.replace(/^```[\s\S]*?^```|<!--.*?-->|`[^`\n]*`|^ {4,}\S.*$/gm, blanked);
  return unmarked(text);
}

function only(text: string, pattern: RegExp, prose: (match: RegExpMatchArray) => string): string {
  let out = '';
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const part = prose(match);
    const start = match.index + match[0].length - part.length;
    out += blanked(text.slice(end, start)) + part;
    end = match.index + match[0].length;
  }
  return out + blanked(text.slice(end));
}

function findings(file: string, text: string): string[] {
  const prose = proseOf(file, text);
  return BANNED.flatMap(({ pattern, instead }) =>
    Array.from(prose.matchAll(new RegExp(pattern.source.replaceAll(' ', '\\s+'), 'gi')), match => {
      const line = prose.slice(0, match.index).split('\n').length;
      return `${file}:${line}: "${match[0].replace(/\s+/g, ' ')}"; better: ${instead}`;
    }),
  );
}

const isText = (name: string): boolean => !/\.(png|json|db|gz|bin)$/.test(name) && !/\/(fixtures|corpus)\//.test(name);
const files = [
  ...PAGES,
  ...ROOTS.flatMap(root =>
    (readdirSync(join(packageRoot, root), { recursive: true }) as string[]).map(name => join(root, name)),
  ).filter(name => isText(name) && statSync(join(packageRoot, name)).isFile()),
].filter(name => name !== 'test/words.test.ts' && (!name.startsWith('test/') || name.endsWith('.ts')));

test('prose is comments and texts of code, titles of tests, and pages without their code', t => {
  const banned = (file: string, text: string): number => findings(file, text).length;
  t.is(banned('src/a.ts', "// It is done anew\nconst anew = 'anew'; // so\n"), 1);
  t.is(banned('src/a.ts', 'fail(`made\n  it anew`);'), 1);
  t.is(banned('src/a.ts', '/**\n * At most so\n * many at a time.\n */'), 1, 'over the end of a line');
  t.is(banned('docs/a.md', 'Write `told by` anew.\n\n    muster told by\n'), 1);
  t.is(banned('initramfs/a', '# Neither this nor that.\n# Nor this.\n'), 1);
  t.is(banned('test/a.ts', "// anew\ntest('it is told', t => {});\ntest.serial(\n  'anew', t => {});"), 1);
  t.is(banned('docs/a.md', 'The image whose name is wrong. The agent tells the head its key.'), 0);
});

for (const root of [...ROOTS, 'pages'])
  test(`${root}: plain English, without the constructions that are banned`, t => {
    const found = files
      .filter(file => (root === 'pages' ? PAGES.includes(file) : file.startsWith(`${root}/`)))
      .flatMap(file => findings(file, readFileSync(join(packageRoot, file), 'utf8')));
    t.deepEqual(found, []);
  });
