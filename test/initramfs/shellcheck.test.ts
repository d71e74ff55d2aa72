import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { MODULE, SHELLS } from './shells.ts';

const BASH = ['module-setup.sh', 'iscsi-setup.sh'];

async function scripts(): Promise<string[]> {
  const files = await readdir(MODULE, { recursive: true, withFileTypes: true });
  return files
    .filter(file => file.isFile() && !file.name.endsWith('.service') && !BASH.includes(file.name))
    .map(file => join(file.parentPath, file.name));
}

test('shellcheck accepts every script that a node runs', async t => {
  if (!requireAll(t, { programs: ['shellcheck'] })) return;
  const posix = await run('shellcheck', ['--shell=sh', ...(await scripts())]);
  t.is(posix.stdout, '');
  const bash = await run('shellcheck', ['--shell=bash', ...BASH.map(name => join(MODULE, name))]);
  t.is(bash.stdout, '');
});

test('every shell that a node may have parses every script', async t => {
  for (const [shell, words] of Object.entries(SHELLS)) {
    if (!requireAll(t, { programs: [words[0] ?? ''] })) continue;
    for (const file of await scripts()) {
      const { status, stderr } = await run(words[0] ?? '', [...words.slice(1), '-n', file]);
      t.is(status, 0, `${shell}: ${stderr}`);
    }
  }
});
