import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { action, type OptionsOf } from '../../src/cli/table.ts';
import { packageRoot } from '../../src/package-root.ts';

const ROWS = [
  { flags: '-l, --long-name <text>', meaning: '' },
  { flags: '--no-discard', meaning: '' },
  { flags: '--chroot [kver]', meaning: '' },
  { flags: '--files <files...>', meaning: '' },
  { flags: '--each <name>', meaning: '', repeats: true },
] as const;

test('the options of an action have the names and the kinds of its rows', t => {
  const options: OptionsOf<typeof ROWS> = { longName: 'x', discard: false, chroot: true, files: ['a'], each: ['b'] };
  t.is(options.longName?.length, 1);
  t.is(options.files?.length, 1);
  t.is(options.each?.length, 1);
  // @ts-expect-error An option that no row declares cannot be read.
  t.is(options.other, undefined);
  // @ts-expect-error Nor can one be read as what it is not.
  t.is(options.discard?.length, undefined);
  const made = action({
    name: 'x',
    summary: '',
    options: [{ flags: '--known', meaning: '' }],
    async run({ given }) {
      // @ts-expect-error The rows of the action itself say what there is.
      return given.options.known && given.options.unknown ? 1 : 0;
    },
  });
  t.is(made.options?.length, 1);
});

test('no action looks past the types of its options', t => {
  const wrong: string[] = [];
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) look(path);
      else if (/given\.options as |options\[/.test(readFileSync(path, 'utf8'))) wrong.push(path);
    }
  };
  look(join(packageRoot, 'src/cli'));
  // Loops over their own rows, whose names they make of the same table, or names that the type of the options checks.
  t.deepEqual(wrong.map(path => path.replace(`${packageRoot}/src/cli/`, '')).sort(), [
    'modimg/options.ts',
    'perform.ts',
    'power-actions.ts',
  ]);
});
