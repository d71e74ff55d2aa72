// The configuration in a backup: all of it is taken, what is absent is written, and nothing that is there is overwritten.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { configurationFiles, placeConfiguration } from '../../src/backup/configuration.ts';
import { loadConfig } from '../../src/config.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { makeHead } from '../durable/heads.ts';
import { temporaryFolder } from '../store/folder.ts';

const BIN = join(packageRoot, 'dist/src/cli/bin.js');

function site(folder: string): string {
  mkdirSync(join(folder, 'kickstarts/more'), { recursive: true });
  mkdirSync(join(folder, 'scripts'));
  writeFileSync(join(folder, 'kickstarts/site.ks'), 'rootpw --iscrypted HASH\n');
  writeFileSync(join(folder, 'kickstarts/.site.ks.swp'), 'editor');
  writeFileSync(join(folder, 'kickstarts/an odd name'), 'x');
  writeFileSync(join(folder, 'scripts/autoexec.ipxe'), '#!ipxe\n');
  const file = join(folder, 'muster.toml');
  writeFileSync(
    file,
    `[paths]\nkickstarts = "${join(folder, 'kickstarts')}"\nscripts = "${join(folder, 'scripts')}"\n# a comment\n`,
  );
  return file;
}

test('the contents of a backup, and the names of what it leaves out', async t => {
  const folder = temporaryFolder(t);
  const file = site(folder);
  writeFileSync(join(folder, 'kickstarts/large'), Buffer.alloc((4 << 20) + 1));
  const { files, leftOut } = await configurationFiles(file, loadConfig(file));
  t.deepEqual([...files.keys()].sort(), [
    'configuration/boot-scripts/autoexec.ipxe',
    'configuration/kickstarts/site.ks',
    'configuration/muster.toml',
  ]);
  t.deepEqual(
    leftOut.sort(),
    ['an odd name', 'large', 'more'].map(name => join(folder, 'kickstarts', name)),
  );
});

test('missing files are restored, kickstarts readable by musterd alone; different files stay, with the other version next to them', async t => {
  const folder = temporaryFolder(t);
  const file = site(folder);
  const { files } = await configurationFiles(file, loadConfig(file));
  const kickstart = join(folder, 'kickstarts/site.ks');
  t.deepEqual(await placeConfiguration(file, files), { written: [], kept: [], elsewhere: [] });
  writeFileSync(kickstart, 'changed');
  const script = join(folder, 'scripts/autoexec.ipxe');
  await run('rm', ['-rf', join(folder, 'scripts')]);
  t.deepEqual(await placeConfiguration(file, files), {
    written: [script],
    kept: [{ file: kickstart, copy: `${kickstart}.from-backup` }],
    elsewhere: [],
  });
  t.is(readFileSync(kickstart, 'utf8'), 'changed');
  t.is(readFileSync(`${kickstart}.from-backup`, 'utf8'), 'rootpw --iscrypted HASH\n');
  t.is(statSync(`${kickstart}.from-backup`).mode & 0o007, 0);
  t.is(readFileSync(script, 'utf8'), '#!ipxe\n');
});

test('a backup cannot choose where root writes: nothing is written outside the folder of muster.toml', async t => {
  const folder = temporaryFolder(t);
  const main = join(folder, 'etc/muster.toml');
  for (const place of [join(folder, 'root'), `${folder}/etc/../root`, join(folder, 'etcetera'), join(folder, 'etc')]) {
    const brought = new Map([
      ['configuration/muster.toml', Buffer.from(`paths.kickstarts = "${place}"\n`)],
      ['configuration/kickstarts/authorized_keys', Buffer.from('ssh-ed25519 AAAA')],
    ]);
    const { written, elsewhere } = await placeConfiguration(main, brought);
    t.deepEqual(written, [main], place);
    t.deepEqual(elsewhere, ['configuration/kickstarts/authorized_keys'], place);
    rmSync(main);
    t.deepEqual(readdirSync(folder), ['etc']);
    t.deepEqual(readdirSync(join(folder, 'etc')), []);
  }
});

test('muster backup and muster restore bring a configuration to a new machine', async t => {
  const folder = temporaryFolder(t);
  const { state } = await makeHead(join(folder, 'head'), 'head');
  const etc = join(folder, 'etc');
  mkdirSync(etc);
  const file = site(etc);
  const tar = join(folder, 'b.tar');
  const muster = async (...words: string[]) =>
    run(process.execPath, [BIN, ...words, '--socket', '/nowhere/admin.sock']);
  const backup = await muster('backup', tar, '--state', state, '--config', file);
  t.is(backup.status, 1, backup.stderr);
  t.regex(backup.stderr, /WARNING: .*kickstarts\/an odd name is not in the backup/);
  const before = readFileSync(file, 'utf8');
  await run('rm', ['-rf', etc]);
  const restored = await muster('restore', tar, '--state', join(folder, 'new'), '--config', file);
  t.is(restored.status, 0, restored.stderr);
  t.regex(restored.stderr, /Wrote .*etc\/muster\.toml\./);
  t.is(readFileSync(file, 'utf8'), before);
  t.is(readFileSync(join(etc, 'kickstarts/site.ks'), 'utf8'), 'rootpw --iscrypted HASH\n');
  chmodSync(file, 0o644);
  t.false(existsSync(`${file}.from-backup`));
});
