// Files of nodes through a real daemon: a set, its templates, what explain and preview show, and the boot that takes them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { TestDaemon } from './daemon.ts';

async function living(t: ExecutionContext) {
  const daemon = await TestDaemon.start();
  t.teardown(async () => daemon.stop());
  const run = async (...words: string[]) => daemon.run('muster', ...words);
  const muster = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(...words);
    if (status !== 0) throw new Error(`muster ${words.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  };
  const write = (path: string, text: string): void => {
    const file = join(daemon.folder, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  };
  write('tree/etc/motd.tmpl', 'Welcome to {{ node.name }}\n{% render "rack" %}');
  write('tree/etc/key', 'geheim\n');
  write('tree/.fileset/partials/rack', 'rack {{ attributes.rack }}\n');
  write('tree/.fileset/set.toml', '[files."/etc/key"]\nsecret = true\n');
  await muster('files', 'create', 'base', '--from', 'tree');
  await muster('attrib', 'create', 'name=all', 'rack=r1').catch(async () => {
    await muster('attrib', 'create', 'name=all');
    await muster('attrib', '-i', 'all', 'set', 'rack=r1');
  });
  await muster('attrib', '-i', 'all', 'set', '_file_sets=base');
  await muster('node', 'create', 'mac=52:54:00:00:00:01', 'groups=all');
  await muster('node', 'create', 'mac=52:54:00:00:00:02', 'groups=all');
  return { daemon, run, muster, write };
}

test('a file is explained line by line, a secret one with stars, and a preview shows who changes', async t => {
  const { run, muster, write } = await living(t);
  const shown = await muster('boot', 'explain', 'n0', '--file', '/etc/motd');
  t.regex(shown, /^n0 \/etc\/motd from the file set base\n/);
  t.regex(shown, /base:\/etc\/motd\.tmpl:1 node\.name +Welcome to n0\n/);
  t.regex(shown, /base:\.fileset\/partials\/rack:1 attributes\.rack \(group all\) +rack r1\n/);
  const secret = await muster('boot', 'explain', 'n0', '--file', '/etc/key');
  t.regex(secret, /it is secret\n.*\*\*\*\n$/);
  t.false(secret.includes('geheim'));
  const none = await run('boot', 'explain', 'n0', '--file', '/etc/nothing');
  t.is(none.status, 1);
  t.regex(none.stdout, /no file set of the node has this file/);
  const moved = await run('boot', 'explain', 'n0', '--update', '%all.rack=r2');
  t.regex(moved.stdout, /Its files:\n {2}~ \/etc\/motd\n +- rack r1\n +\+ rack r2\n/);
  const preview = await muster('files', 'preview');
  t.regex(preview, /^2 of 2 nodes change\nn0 \(1\):\n/);
  t.regex(preview, /\+ \/etc\/key\n +\+ file 0644 \S+\n +\+ \*\*\*\n/);
  write('tree/etc/motd.tmpl', 'Hello\n');
  const tried = await muster('files', 'preview', 'base=tree');
  t.regex(tried, /^2 of 2 nodes change\n/);
  t.regex(tried, /~ \/etc\/motd\n +- Welcome to n0\n +- rack r1\n +\+ Hello\n/);
  write('tree/etc/motd.tmpl', '{{ nod }}\n');
  const failed = await run('files', 'preview', 'base=tree');
  t.is(failed.status, 1);
  t.regex(failed.stdout, /n\[0-1\] \(2\): base:\/etc\/motd\.tmpl:1:4: nod is unknown; did you mean 'node'\?/);
  await muster('files', 'put', 'base', 'etc/motd.tmpl', 'tree/etc/motd.tmpl');
  t.is((await run('node', '--all', 'files')).stdout, 'n[0-1]: unknown: the node is not up [base]\n');
});

test('the files of running nodes: who is in step, what waits, and a release that begins with a few', async t => {
  const { run, muster } = await living(t);
  const shown = await run('node', '--all', 'files');
  t.is(shown.status, 0);
  t.is(shown.stdout, 'n[0-1]: unknown: the node is not up [base]\n');
  const [first] = JSON.parse(await muster('node', '-i', 'n0', 'files', '--json')) as { live: string; index: string }[];
  t.is(first?.live, 'auto');
  t.regex(first?.index ?? '', /^[0-9a-f]{64}$/);
  t.regex(await muster('node', '--all', 'files', '--diff'), /^2 of 2 nodes change\n/);
  await muster('attrib', '-i', 'all', 'set', '_files_live=manual');
  t.regex(await muster('node', '--all', 'files', 'apply', '--canary', '1'), /^n\[0-1\]: unknown/);
  const unselected = await run('node', 'files', 'apply');
  t.regex(unselected.stderr, /needs a selection/);
  const bad = await run('node', '--all', 'files', 'apply', '--canary', 'x');
  t.regex(bad.stderr, /--canary 'x' must be a whole number/);
  const dry = await muster('node', '--all', 'files', 'apply', '--dry-run');
  t.is(dry, 'Dry run: nothing was released.\n');
  t.regex((await run('node', '--all', 'files', 'burn')).stderr, /takes the word apply/);
  const wrong = await run('attrib', '-i', 'all', 'set', '_files_live=maybe');
  t.regex(wrong.stderr, /must be auto or manual/);
});
