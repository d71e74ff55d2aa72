// `muster files` against a living daemon: what administrators type, two at once, and an editor.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { smallFileSystem } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';
import { type Output, TestDaemon } from './daemon.ts';

async function living(
  t: ExecutionContext,
): Promise<{ daemon: TestDaemon; muster: (...words: string[]) => Promise<string> }> {
  const daemon = await TestDaemon.start(['files.keep = 4']);
  t.teardown(async () => daemon.stop());
  const muster = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await daemon.run('muster', ...words);
    if (status !== 0) throw new Error(`muster ${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  const folder = join(daemon.folder, 'tree');
  mkdirSync(join(folder, 'etc/ssh'), { recursive: true });
  mkdirSync(join(folder, '.fileset/scripts'), { recursive: true });
  writeFileSync(join(folder, 'etc/motd'), 'hello\n', { mode: 0o640 });
  writeFileSync(join(folder, 'etc/hosts.tmpl'), '127.0.0.1 localhost\n{{ x }}\n');
  writeFileSync(join(folder, '.fileset/scripts/say'), '#!/bin/sh\necho\n');
  writeFileSync(join(folder, '.fileset/set.toml'), '[[on_change]]\npaths = ["/etc/motd"]\nrun = "say"\n');
  return { daemon, muster };
}

const fails = (t: ExecutionContext, { status, stderr }: Output, code: number, text: RegExp): void => {
  t.is(status, code, stderr);
  t.regex(stderr, text);
};

test('a set comes from a folder, changes file by file, and goes back to any version', async t => {
  const { daemon, muster } = await living(t);
  t.is(await muster('files', 'create', 'base', '--from', 'tree', 'description=Files of all nodes'), 'created base\n');
  t.regex(
    await muster('files', 'ls'),
    /^NAME +FILES +SIZE +VERSION +NODES\nbase +8 +.* v1 +0 nodes *\nauthorized_keys +- +- +shipped +0 nodes *\n/,
  );
  const shown = await muster('files', 'show', 'base');
  const both = await daemon.run('muster', 'files', '-i', 'base', 'show', 'other');
  fails(t, both, 2, /'show' takes one file set: muster files show hosts/);
  t.regex(shown, /^base: v1 of \d{4}-.* by \S+.*\nFiles of all nodes\nd0755 /);
  t.regex(shown, /^-0640 {2}\S+ \S+ +6 {2}\/etc\/motd$/m);
  await muster('attrib', 'create', 'name=DefaultAttribs').catch(() => '');
  await muster('attrib', 'set', '_file_sets=base');
  await muster('node', 'create', 'mac=52:54:00:00:00:01');
  t.regex(await muster('files', 'ls'), /v1 +1 node +attribute group DefaultAttribs *\n/);

  writeFileSync(join(daemon.folder, 'motd'), 'hello\nagain\n');
  t.is(
    await muster('files', 'put', 'base', 'etc/motd', 'motd', '--dry-run'),
    '~ /etc/motd\n    + again\nDry run: nothing was changed.\n',
  );
  t.is(
    await muster('files', 'put', 'base', 'etc/motd', 'motd', '--mode', '0600', '--owner', 'munge'),
    `~ /etc/motd\n    mode 0640 -> 0600\n    owner ${ownName()} -> munge\n    + again\n`,
  );
  t.is(await muster('files', 'cat', 'base', 'etc/motd'), 'hello\nagain\n');
  t.is(await muster('files', 'get', 'base', '/etc/motd', 'v1'), 'hello\n');
  t.is(
    await muster('files', 'diff', 'base'),
    `~ /etc/motd\n    mode 0640 -> 0600\n    owner ${ownName()} -> munge\n    + again\n`,
  );
  t.regex(await muster('files', 'diff', 'base', 'tree'), /- again/);
  t.is(
    await muster('files', 'rm', 'base', 'etc/ssh', 'etc/hosts.tmpl'),
    '- /etc/hosts.tmpl\n    - 127.0.0.1 localhost\n    - {{ x }}\n- /etc/ssh\n',
  );
  t.is(await muster('files', 'put', 'base', 'etc/motd', 'motd'), 'Nothing to change.\n');
  const history = await muster('files', 'history', 'base');
  t.deepEqual(history.match(/^v\d/gm), ['v3', 'v2', 'v1']);
  t.regex(history, /^v3 .* {2}files rm base etc\/ssh etc\/hosts\.tmpl$/m);
  t.regex(
    await muster('files', 'rollback', 'base', 'v1'),
    /^base: content: \w{12} -> \w{12}\n(base: versions: 3 -> 4\n)?$/,
  );
  t.is(await muster('files', 'diff', 'base', 'v1'), 'No difference.\n');
  t.is(await muster('files', 'rollback', 'base', '1'), 'Nothing to change.\n');
  t.is(await muster('files', 'update', 'base', '--from', 'tree'), 'Nothing to change.\n');
  await muster('files', 'rm', 'base', 'etc/ssh');
  t.deepEqual((await muster('files', 'history', 'base')).match(/^v\d/gm), ['v5', 'v4', 'v3', 'v2'], 'four are kept');

  t.is(await muster('files', 'clone', 'base', 'copy'), 'created copy\n');
  t.is(await muster('files', 'diff', 'base', 'copy'), 'No difference.\n');
  t.is(await muster('files', 'freeze', 'copy'), "copy: frozen: 'false' -> 'true'\n");
  fails(t, await daemon.run('muster', 'files', 'rm', 'copy', 'etc/motd'), 5, /The file set copy is frozen/);
  fails(t, await daemon.run('muster', 'files', 'rollback', 'copy', 'v9'), 4, /has no version v9; there is v1/);
  t.is(await muster('files', 'unfreeze', 'copy'), "copy: frozen: 'true' -> 'false'\n");
  t.is(await muster('files', 'delete', 'copy'), 'deleted copy\n');
  fails(t, await daemon.run('muster', 'files', 'delete', 'base'), 5, /is used by attribute group DefaultAttribs/);
});

test('what is neither a folder nor an archive is refused before it is read', async t => {
  const { daemon } = await living(t);
  const piped = await daemon.shell('echo x | muster files create other --from /dev/stdin');
  fails(t, piped, 2, /must be a folder or the file of an archive/);
});

function ownName(): string {
  return execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
}

test('export and archives: what comes out goes in again with the same digest', async t => {
  const { daemon, muster } = await living(t);
  await muster('files', 'create', 'base', '--from', 'tree');
  const digest = async (name: string): Promise<string> =>
    (JSON.parse(await muster('files', 'ls', '--json', name)) as { content: { sha256: string } }[])[0]?.content.sha256 ??
    '';
  await muster('files', 'export', 'base', 'out');
  t.is(readFileSync(join(daemon.folder, 'out/etc/motd'), 'utf8'), 'hello\n');
  t.is(statSync(join(daemon.folder, 'out/etc/motd')).mode & 0o777, 0o640);
  fails(t, await daemon.run('muster', 'files', 'export', 'base', 'out'), 2, /The folder out is not empty/);
  await muster('files', 'create', 'again', '--from', 'out');
  t.is(await digest('again'), await digest('base'));
  await muster('files', 'export', 'base', 'set.tar');
  execFileSync('gzip', [join(daemon.folder, 'set.tar')]);
  await muster('files', 'create', 'packed', '--from', 'set.tar.gz');
  t.is(await digest('packed'), await digest('base'));
  execFileSync('tar', ['-C', join(daemon.folder, 'tree'), '-cf', join(daemon.folder, 'gnu.tar'), '.']);
  await muster('files', 'create', 'name=gnu', 'content=@gnu.tar');
  t.is(await digest('gnu'), await digest('base'));
  writeFileSync(join(daemon.folder, 'tree/.fileset/set.toml'), 'secrt = true\n');
  fails(
    t,
    await daemon.run('muster', 'files', 'create', 'bad', '--from', 'tree'),
    2,
    /there is no key 'secrt'; did you mean 'secret'\?/,
  );
  fails(t, await daemon.run('muster', 'files', 'create', 'bad', '--from', 'tree', '--dry-run'), 2, /no key 'secrt'/);
  execFileSync('tar', ['-C', join(daemon.folder, 'tree'), '-cf', join(daemon.folder, 'gnu.tar'), '.']);
  fails(t, await daemon.run('muster', 'files', 'create', 'name=bad', 'content=@gnu.tar'), 2, /no key 'secrt'/);
  execFileSync('mkfifo', [join(daemon.folder, 'tree/etc/pipe')]);
  fails(
    t,
    await daemon.run('muster', 'files', 'create', 'bad', '--from', 'tree'),
    2,
    /etc\/pipe is no file, folder or symbolic link/,
  );
  execFileSync('truncate', ['-s', '2G', join(daemon.folder, 'tree/etc/alarge')]);
  for (const words of [
    ['create', 'bad', '--from', 'tree'],
    ['put', 'base', 'etc/alarge', 'tree/etc/alarge'],
    ['put', 'base', 'etc/alarge', '/dev/zero'],
  ])
    fails(
      t,
      await daemon.run('muster', 'files', ...words),
      2,
      /'\/etc\/alarge' is larger than 16 MiB; put large files into/,
    );
  t.deepEqual(readdirSync(join(daemon.folder, 'state/uploads')), []);
});

test('an export that does not fit leaves nothing', async t => {
  if (!requireAll(t, { root: true, programs: ['mount', 'umount'] })) return;
  const { daemon, muster } = await living(t);
  writeFileSync(join(daemon.folder, 'tree/etc/large'), Buffer.alloc(2 << 20, 'x'));
  await muster('files', 'create', 'base', '--from', 'tree');
  const small = await smallFileSystem(t, 1);
  fails(
    t,
    await daemon.run('muster', 'files', 'export', 'base', join(small, 'out')),
    6,
    /ENOSPC.*Nothing was left there/,
  );
  fails(
    t,
    await daemon.run('muster', 'files', 'export', 'base', join(small, 'x.tar')),
    6,
    /ENOSPC.*Nothing was left there/,
  );
  t.deepEqual(readdirSync(small), ['out']);
  t.deepEqual(readdirSync(join(small, 'out')), []);
});

test('extended attributes of a folder are kept', async t => {
  if (!requireAll(t, { programs: ['setfattr', 'getfattr'] })) return;
  const { daemon, muster } = await living(t);
  const motd = join(daemon.folder, 'tree/etc/motd');
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', motd]);
  await muster('files', 'create', 'base', '--from', 'tree');
  t.regex(await muster('files', 'show', 'base'), /\/etc\/motd {2}\(.*user\.note\)/);
  await muster('files', 'export', 'base', 'out');
  const out = execFileSync(
    'getfattr',
    ['--absolute-names', '--only-values', '-n', 'user.note', join(daemon.folder, 'out/etc/motd')],
    {
      encoding: 'utf8',
    },
  );
  t.is(out, 'kept');
});

test('sets that come with muster can be seen, compared and copied, and a copy of the same name counts instead', async t => {
  const { daemon, muster } = await living(t);
  await muster('attrib', 'create', 'name=DefaultAttribs').catch(() => '');
  await muster('attrib', 'set', '_file_sets=motd,chrony');
  await muster('node', 'create', 'mac=52:54:00:00:00:01');
  t.regex(await muster('files', 'ls', 'motd'), /\nmotd +- +- +shipped +1 node +attribute group DefaultAttribs *\n$/);
  t.like(JSON.parse(await muster('files', 'ls', '--json', 'motd')), [{ name: 'motd', shipped: true, nodes: 1 }]);
  t.regex(
    await muster('files', 'show', 'munge'),
    /^munge: comes with muster; .*\n.*\n(.*\n)*-0644 +root root +\d+ {2}\/etc\/munge\/munge\.key\.tmpl {2}\(secret\)\n/,
  );
  const [traced] = JSON.parse(await muster('boot', 'explain', 'n0', '--file', '/etc/motd', '--json')) as {
    lines: { text: string }[];
  }[];
  t.deepEqual(
    traced?.lines
      .map(({ text }) => text)
      .join('\n')
      .trim(),
    'n0',
  );
  const motd = await muster('files', 'cat', 'motd', 'etc/motd.tmpl');
  t.regex(motd, /node\.name/);
  await muster('files', 'export', 'motd', 'exported');
  t.is(readFileSync(join(daemon.folder, 'exported/etc/motd.tmpl'), 'utf8'), motd);
  t.is(await muster('files', 'diff', 'motd', 'exported'), '+ /etc\n');
  writeFileSync(join(daemon.folder, 'motd'), 'ours\n');
  const put = ['files', 'put', 'motd', 'etc/motd.tmpl', 'motd'];
  fails(
    t,
    await daemon.run('muster', ...put),
    2,
    /comes with muster and cannot be changed; clone it first: muster files clone motd motd/,
  );
  fails(t, await daemon.run('muster', 'files', 'edit', 'motd'), 2, /clone it first/);
  t.is(await muster('files', 'clone', 'motd', 'motd'), 'created motd\n');
  await muster(...put);
  t.is(await muster('files', 'cat', 'motd', 'etc/motd.tmpl'), 'ours\n');
  t.regex(await muster('files', 'ls', 'motd'), /\nmotd +1 +.*v2 +1 node/);
  t.is(await muster('files', 'clone', 'chrony'), 'created chrony\n');
});

test('an editor changes one file; a mistake keeps the text, and a change meanwhile is refused', async t => {
  const { daemon, muster } = await living(t);
  await muster('files', 'create', 'base', '--from', 'tree');
  const editor = (name: string, script: string): Record<string, string> => {
    const path = join(daemon.folder, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return { EDITOR: `${path} --wait` };
  };
  const edit = async (name: string, script: string, ...words: string[]): Promise<Output> => {
    const { EDITOR = '' } = editor(name, script);
    return daemon.shell(`EDITOR='${EDITOR}' muster files edit ${words.join(' ')}`);
  };
  const appended = await edit(
    'append',
    'stat -c "%a" "$2" >>modes; echo "10.0.0.1 head" >>"$2"',
    'base',
    'etc/hosts.tmpl',
  );
  t.is(appended.stdout, '~ /etc/hosts.tmpl\n    + 10.0.0.1 head\n');
  t.is(readFileSync(join(daemon.folder, 'modes'), 'utf8'), '600\n');
  t.is((await edit('nothing', 'true', 'base', 'etc/motd')).stdout, 'Nothing to change.\n');
  fails(
    t,
    await edit('fails', 'exit 3', 'base', 'etc/motd'),
    8,
    /The editor '.*fails --wait' ended with status 3; nothing was changed/,
  );

  const wrong = await edit('wrong', 'echo "[x" >"$2"', 'base');
  fails(t, wrong, 2, /\.fileset\/set\.toml, line 1, column \d+: /);
  const kept = /Your text is in (\S+)\./.exec(wrong.stderr)?.[1] ?? '';
  t.is(readFileSync(kept, 'utf8'), '[x\n');
  t.is(statSync(kept).mode & 0o777, 0o600);

  const late = await edit('late', 'echo other | muster files put base etc/motd -; echo mine >"$2"', 'base', 'etc/motd');
  fails(t, late, 5, /Somebody changed \/etc\/motd after you opened it; nothing was changed/);
  t.is(await muster('files', 'cat', 'base', 'etc/motd'), 'other\n');
  const both = await edit(
    'both',
    'echo third | muster files put base etc/issue -; echo mine >"$2"',
    'base',
    'etc/motd',
  );
  t.is(both.stdout.split('\n').slice(-4).join('\n'), '~ /etc/motd\n    - other\n    + mine\n');
  t.is(await muster('files', 'cat', 'base', 'etc/issue'), 'third\n', 'a change of another file stays');
});

test('many administrators add files at once, and none is lost', async t => {
  const { daemon, muster } = await living(t);
  await muster('files', 'create', 'base');
  const names = ['a', 'b', 'c', 'd'];
  const all = await Promise.all(
    names.map(async name => daemon.shell(`echo ${name} | muster files put base etc/${name} -`)),
  );
  t.deepEqual(
    all.map(({ status }) => status),
    [0, 0, 0, 0],
    all.map(({ stderr }) => stderr).join(''),
  );
  t.deepEqual(
    (await muster('files', 'show', 'base')).match(/\/etc\/\w/g),
    names.map(name => `/etc/${name}`),
  );
});

test('a secret is unreadable in storage, hidden in differences, and each reading is in the audit trail', async t => {
  const { daemon, muster } = await living(t);
  const key = 'b2d3e6c2-a-munge-key';
  writeFileSync(join(daemon.folder, 'munge.key'), key);
  writeFileSync(join(daemon.folder, 'set.toml'), '[files."/etc/munge/munge.key"]\nsecret = true\n');
  await muster('files', 'create', 'munge');
  await muster('files', 'put', 'munge', 'etc/munge/munge.key', 'munge.key', '--mode', '0400');
  const old = await muster('files', 'put', 'munge', '.fileset/set.toml', 'set.toml');
  t.notRegex(old, new RegExp(key));
  const put = await muster('files', 'put', 'munge', 'etc/other.key', 'munge.key', '--secret');
  t.is(
    put,
    '~ /.fileset/set.toml\n    + \n    + [files."/etc/other.key"]\n    + secret = true\n+ /etc/other.key\n    its content changed: ********\n',
  );
  writeFileSync(join(daemon.folder, 'munge.key'), `${key}-2`);
  const changed = await muster('files', 'put', 'munge', 'etc/munge/munge.key', 'munge.key');
  t.is(changed, '~ /etc/munge/munge.key\n    its content changed: ********\n');
  t.notRegex(await muster('files', 'diff', 'munge', '--json'), new RegExp(key));
  t.regex(await muster('files', 'show', 'munge'), /-0400 .* \/etc\/munge\/munge\.key {2}\(secret\)/);
  t.notRegex(await muster('files', 'show', 'munge', '--json'), new RegExp(key));
  t.is(await muster('files', 'cat', 'munge', 'etc/munge/munge.key'), `${key}-2`);
  t.regex(await muster('log'), /read secrets: files cat munge etc\/munge\/munge\.key$/m);
  const { stdout: blobs } = await daemon.run('grep', '-rl', `${key}-2`, join(daemon.folder, 'state'));
  t.is(blobs, '', 'no file of the head has the secret in clear');
});
