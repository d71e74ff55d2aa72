import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { JOURNEY } from '../src/boot/journey.ts';
import { STYLES } from '../src/boot/styles/style.ts';
import { CLOCK_RULE } from '../src/boot/why-clock.ts';
import { ERROR_RULES } from '../src/boot/why-errors.ts';
import { EVIDENCE_RULES } from '../src/boot/why-evidence.ts';
import { STALL_RULES } from '../src/boot/why-stalls.ts';
import { readContent } from '../src/cli/content.ts';
import { CONFIG_KEYS, parseConfig } from '../src/config.ts';
import { powerUriProblem } from '../src/model/power-uri.ts';
import { packageRoot } from '../src/package-root.ts';
import { DRIVERS } from '../src/power/drivers.ts';

const LISTED = ['mac', 'name', 'ip', 'power_uri', 'attributes'];

const read = (name: string): string => readFileSync(join(packageRoot, name), 'utf8');

function pages(folder: string): string[] {
  return readdirSync(join(packageRoot, folder), { withFileTypes: true }).flatMap(entry => {
    const name = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'dist', '.git'].includes(entry.name) ? [] : pages(name);
    return name.endsWith('.md') ? [name] : [];
  });
}

test('docs/configuration.md has exactly the keys that exist', t => {
  const documented = Array.from(read('docs/configuration.md').matchAll(/^\| `([^`]+)` \|/gm), match => match[1]);
  t.deepEqual(documented.sort(), Object.keys(CONFIG_KEYS).sort());
});

test('the configuration example in the documentation is right', t => {
  for (const page of ['docs/configuration.md', 'README.md']) {
    const [, example = ''] = /```toml\n([\s\S]*?)```/.exec(read(page)) ?? [];
    t.notThrows(() => parseConfig(example, page));
  }
});

/** Every key with its meaning, all of them commented out except the one that a head needs. */
function exampleConfig(): string {
  const lines = ['# Configuration of musterd: copy to /etc/muster/muster.toml, then musterd --check.', ''];
  for (const [name, { meaning, example }] of Object.entries(CONFIG_KEYS))
    lines.push(`# ${meaning}`, `${name === 'head.address' ? '' : '#'}${name} = ${example}`, '');
  return lines.join('\n');
}

test('templates/muster.toml has every key with its meaning', t => {
  const file = join(packageRoot, 'templates/muster.toml');
  if (process.env['UPDATE_DOCS']) writeFileSync(file, exampleConfig());
  t.is(read('templates/muster.toml'), exampleConfig(), 'write it again: UPDATE_DOCS=1 npx ava dist/test/docs.test.js');
});

test('README has the journey, stage by stage, as the code has it', t => {
  const rows = Array.from(read('README.md').matchAll(/^\| (\d+) \| (\w+) \| (.+) \|$/gm), ([, number, name, wire]) => ({
    number: Number(number),
    name,
    wire,
  }));
  t.deepEqual(
    rows,
    JOURNEY.map(({ number, name, wire }) => ({ number, name, wire })),
  );
});

test('README has exactly the boot styles that are served', t => {
  const styles = Array.from(read('README.md').matchAll(/^\| `(\w+)` \|/gm), match => match[1]);
  t.deepEqual(styles.sort(), Object.keys(STYLES).sort());
});

test('docs/troubleshooting.md has every fault that `why` knows, and no other', t => {
  const [, table = ''] = read('docs/troubleshooting.md').split('## Every fault that `why` knows');
  const cells = Array.from(table.matchAll(/^\| (`.*?`) \|/gm), ([, cell = '']) => cell);
  const documented = cells.flatMap(cell => Array.from(cell.matchAll(/`([^`]+)`/g), ([, name]) => name));
  const said = Array.from(
    (read('src/boot/why.ts') + read('src/boot/why-up.ts')).matchAll(/say\(\s*'\w+',\s*'([a-z-]+)'/g),
    ([, name]) => name,
  );
  const system = Array.from(read('src/boot/why-system.ts').matchAll(/rule: '([a-z-]+)',/g), ([, name]) => name);
  const errors = Object.entries(ERROR_RULES).map(([fault, { rule }]) => rule ?? fault);
  const others = [
    'powered-off',
    CLOCK_RULE,
    ...said,
    ...system,
    ...errors,
    ...[...EVIDENCE_RULES, ...STALL_RULES].map(({ name }) => name),
  ];
  t.deepEqual(documented.sort(), [...new Set(others)].sort());
});

test('every link between the documents leads somewhere', t => {
  for (const page of pages('.')) {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)) {
      t.true(existsSync(join(packageRoot, dirname(page), target)), `${page}: ${target}`);
    }
  }
});

test('README leads to every document', t => {
  const linked = new Set(Array.from(read('README.md').matchAll(/\]\(docs\/([^)]+)\)/g), ([, name]) => name));
  for (const page of readdirSync(join(packageRoot, 'docs')).filter(name => name.endsWith('.md')))
    t.true(linked.has(page), page);
});

test('the list of nodes in docs/coming-from.md is one that is taken', t => {
  const [, list = ''] = /```nodes\n([\s\S]*?)```/.exec(read('docs/coming-from.md')) ?? [];
  const nodes = readContent(list, 'the page');
  t.deepEqual(
    nodes.map(node => Object.keys(node)),
    [LISTED, LISTED],
  );
  for (const { power_uri } of nodes) t.is(powerUriProblem(String(power_uri)), undefined);
});

test('the power URIs of the documentation can be set, and every driver is in it', t => {
  const page = read('docs/power.md');
  const uris = Array.from(page.matchAll(/(?:`|power_uri=)([a-z]+:\/\/[^`'\s]+)/g), ([, uri = '']) =>
    uri.replaceAll('…', 'u:p'),
  );
  t.true(uris.length > 8);
  for (const uri of uris) if (!uri.startsWith('scheme:')) t.is(powerUriProblem(uri), undefined, uri);
  for (const { scheme } of DRIVERS)
    t.true(
      uris.some(uri => uri.startsWith(`${scheme}://`)),
      scheme,
    );
});
