// What is imported comes to lie inside the folder that is meant, whatever the archive says.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { importTree } from '../../src/image/import/import.ts';
import { packImage } from '../../src/image/pack.ts';
import { SILENT } from '../../src/image/progress.ts';
import { requireAll } from '../support/require.ts';

interface Place {
  folder: string;
  root: string;
  /** Nothing may come to lie here. */
  outside: string;
}

function place(t: ExecutionContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'muster-import-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  return { folder, outside, root: join(folder, 'root') };
}

const shell = (script: string, ...words: string[]): string =>
  execFileSync('bash', ['-ec', script, 'bash', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

async function importInto({ folder, root }: Place, source: string, progress = SILENT): Promise<void> {
  const work = join(folder, 'work');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  await importTree(source, root, { progress, work });
}

const NEEDS = { root: true, programs: ['tar', 'bash', 'setpriv', 'mksquashfs', 'unsquashfs', 'gzip', 'zstd'] };

const SYSTEM =
  'cd "$1"; mkdir -p tree/etc tree/usr/bin; echo x >tree/usr/bin/x; ln tree/usr/bin/x tree/usr/bin/y; ln -s /etc/passwd tree/etc/link; chown 12:34 tree/usr/bin/x';

test('a folder, an archive of each compression, a squashfs and a cwsquash give the same tree', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  shell(
    `${SYSTEM}; tar -cf t.tar -C tree .; gzip -k t.tar; zstd -q t.tar; xz -k t.tar; mksquashfs tree t.squashfs -quiet -no-progress`,
    at.folder,
  );
  await packImage({ root: join(at.folder, 'tree'), file: join(at.folder, 't.cwsquash') });
  for (const name of ['tree', 't.tar', 't.tar.gz', 't.tar.zst', 't.tar.xz', 't.squashfs', 't.cwsquash']) {
    rmSync(at.root, { recursive: true, force: true });
    await importInto(at, join(at.folder, name));
    const found = statSync(join(at.root, 'usr/bin/x'));
    t.deepEqual([found.nlink, found.uid, found.gid], [2, 12, 34], name);
    t.is(await readlink(join(at.root, 'etc/link')), '/etc/passwd', name);
  }
});

test('import warns about a folder of mktemp, which would make a system that only root can use', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  shell(SYSTEM, at.folder);
  for (const [mode, count] of [
    ['700', 1],
    ['755', 0],
  ] as const) {
    const said: string[] = [];
    rmSync(at.root, { recursive: true, force: true });
    shell(`chmod ${mode} "$1/tree"`, at.folder);
    await importInto(at, join(at.folder, 'tree'), { ...SILENT, say: text => void said.push(text) });
    t.is(said.length, count);
    if (count > 0) t.regex(said[0] ?? '', /^WARNING: .*tree lets only root into \/ \(mode 700\).*chmod 755 \//);
  }
});

interface Entry {
  name: string;
  content?: string;
  link?: string;
  type?: string;
}

/** A tar archive made by hand: what no tar would write. */
function tar(members: readonly Entry[]): Buffer {
  const blocks = members.flatMap(({ name, content = '', link = '', type = '0' }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000755\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test('absolute names, `..`, and links that lead out: nothing is written outside', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const { outside } = at;
  const hostile = [
    [{ name: `${outside}/absolute`, content: 'x' }],
    [{ name: '../../outside/climbed', content: 'x' }],
    [{ name: 'etc/../../../outside/climbed', content: 'x' }],
    [
      { name: 'door', link: outside, type: '2' },
      { name: 'door/through', content: 'x' },
    ],
    [
      { name: 'door', link: '../../outside', type: '2' },
      { name: 'door/through', content: 'x' },
    ],
    [{ name: 'etc/hard', link: `${outside}/secret`, type: '1' }],
    [{ name: 'etc/hard', link: '../../outside/secret', type: '1' }],
    [
      { name: 'file', link: `${outside}/made`, type: '2' },
      { name: 'file', content: 'x' },
    ],
  ];
  writeFileSync(join(outside, 'secret'), 'secret');
  for (const members of hostile) {
    rmSync(at.root, { recursive: true, force: true });
    writeFileSync(join(at.folder, 'hostile.tar'), tar([{ name: 'etc', type: '5' }, ...members]));
    // Some are refused, from some only the harmless part is taken.
    await importInto(at, join(at.folder, 'hostile.tar')).catch((error: unknown) => {
      t.regex(String(error), /bad-image|cannot be imported|tar/);
    });
    t.deepEqual(readdirSync(outside), ['secret'], JSON.stringify(members));
    t.is(statSync(join(outside, 'secret')).nlink, 1, JSON.stringify(members));
    t.is(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
  }
});

/** An OCI layout of these layers; answers its folder. */
function layout(
  folder: string,
  layers: readonly Buffer[],
  change: (manifest: Record<string, unknown>) => void = () => {},
): string {
  const path = join(folder, 'layout');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true });
  const put = (bytes: Buffer): string => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(path, 'blobs', 'sha256', hex), bytes);
    return `sha256:${hex}`;
  };
  const manifest = { schemaVersion: 2, layers: layers.map(bytes => ({ digest: put(bytes), size: bytes.length })) };
  change(manifest);
  const digest = put(Buffer.from(JSON.stringify(manifest)));
  const other = { digest: `sha256:${'0'.repeat(64)}`, platform: { architecture: 'mips', os: 'linux' } };
  const own = { digest, platform: { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' } };
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [other, own] }));
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion": "1.0.0"}');
  return path;
}

test('layers of an OCI image: files replaced, whiteouts, opaque folders, a folder instead of a link', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const base = tar([
    { name: 'etc', type: '5' },
    { name: 'etc/kept', content: 'base' },
    { name: 'etc/changed', content: 'base' },
    { name: 'etc/removed', content: 'base' },
    { name: 'opt', type: '5' },
    { name: 'opt/below', content: 'base' },
    { name: 'lib', link: 'usr/lib', type: '2' },
    { name: 'out', link: at.outside, type: '2' },
  ]);
  const upper = tar([
    { name: 'etc', type: '5' },
    { name: 'etc/changed', content: 'upper' },
    { name: 'etc/.wh.removed' },
    { name: 'opt', type: '5' },
    { name: 'opt/.wh..wh..opq' },
    { name: 'opt/above', content: 'upper' },
    { name: 'out', type: '5' },
    { name: 'out/through', content: 'upper' },
    { name: 'new', type: '5' },
    { name: 'new/.wh.nothing' },
  ]);
  const check = async (source: string): Promise<void> => {
    rmSync(at.root, { recursive: true, force: true });
    await importInto(at, source);
    const text = (name: string): string => readFileSync(join(at.root, name), 'utf8');
    t.deepEqual(readdirSync(join(at.root, 'etc')).sort(), ['changed', 'kept']);
    t.deepEqual([text('etc/kept'), text('etc/changed')], ['base', 'upper']);
    t.deepEqual(readdirSync(join(at.root, 'opt')), ['above']);
    t.deepEqual(readdirSync(join(at.root, 'new')), []);
    t.is(await readlink(join(at.root, 'lib')), 'usr/lib');
    t.true((await lstat(join(at.root, 'out'))).isDirectory(), 'a folder of the upper layer replaces the link');
    t.is(text('out/through'), 'upper');
    t.deepEqual(readdirSync(at.outside), []);
  };
  const path = layout(at.folder, [base, upper]);
  await check(path);
  shell('cd "$1/layout" && tar -czf ../oci.tar.gz .', at.folder);
  await check(join(at.folder, 'oci.tar.gz'));

  // The form of `docker save`.
  mkdirSync(join(at.folder, 'docker', 'one'), { recursive: true });
  writeFileSync(join(at.folder, 'docker', 'one', 'layer.tar'), base);
  writeFileSync(join(at.folder, 'docker', 'two.tar'), upper);
  writeFileSync(join(at.folder, 'docker', 'manifest.json'), JSON.stringify([{ Layers: ['one/layer.tar', 'two.tar'] }]));
  shell('cd "$1/docker" && tar -cf ../docker.tar .', at.folder);
  await check(join(at.folder, 'docker.tar'));
});

test('a link or a file instead of a folder, with marks below its name before or behind it, as umoci writes them', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const base = tar([
    { name: 'etc', type: '5' },
    { name: 'etc/dir', type: '5' },
    { name: 'etc/dir/a', content: 'base' },
    { name: 'etc/dir/sub', type: '5' },
    { name: 'etc/dir/sub/b', content: 'base' },
    { name: 'var/kept', content: 'base' },
    { name: 'var/gone', content: 'base' },
    { name: 'var/deep/gone', content: 'base' },
  ]);
  const link: Entry = { name: 'etc/dir', link: at.outside, type: '2' };
  const marks: Entry[] = [{ name: 'etc/dir/.wh.a' }, { name: 'etc/dir/sub/.wh.b' }, { name: './var/.wh.gone' }];
  const deep: Entry = { name: 'var/deep/.wh.gone' };
  for (const upper of [
    [link, ...marks, deep],
    [...marks, deep, link],
    [...marks, deep, { name: 'etc/dir', content: 'file' }],
  ]) {
    rmSync(at.root, { recursive: true, force: true });
    await importInto(at, layout(at.folder, [base, tar(upper)]));
    t.false((await lstat(join(at.root, 'etc/dir'))).isDirectory());
    t.deepEqual(readdirSync(at.root).sort(), ['etc', 'var']);
    t.deepEqual(readdirSync(join(at.root, 'var'), { recursive: true }).sort(), ['deep', 'kept']);
    t.deepEqual(readdirSync(at.outside), []);
  }
});

test('hard links of an upper layer to files of the layers below, as the image itself sees their paths', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  writeFileSync(join(at.outside, 'secret'), 'secret');
  const base = tar([
    { name: 'usr', type: '5' },
    { name: 'usr/bin', type: '5' },
    { name: 'usr/bin/below "a" link to "b"', content: 'base' },
    { name: 'bin', link: '/usr/bin', type: '2' },
    { name: 'out', link: at.outside, type: '2' },
  ]);
  const upper = tar([
    { name: 'etc', type: '5' },
    { name: 'etc/one', link: 'usr/bin/below "a" link to "b"', type: '1' },
    { name: 'etc/two', link: 'etc/one', type: '1' },
    { name: 'opt/new/three', link: 'bin/below "a" link to "b"', type: '1' },
    { name: 'usr/bin/.wh.below "a" link to "b"' },
  ]);
  await importInto(at, layout(at.folder, [base, upper]));
  const inodes = ['etc/one', 'etc/two', 'opt/new/three'].map(name => statSync(join(at.root, name)).ino);
  t.is(new Set(inodes).size, 1);
  t.is(statSync(join(at.root, 'etc/one')).nlink, 3, 'the whiteout removed the first name');
  t.is(readFileSync(join(at.root, 'etc/one'), 'utf8'), 'base');
  for (const link of ['out/secret', `${at.outside}/secret`, '../../outside/secret', 'usr/nothing']) {
    rmSync(at.root, { recursive: true, force: true });
    await t.throwsAsync(importInto(at, layout(at.folder, [base, tar([{ name: 'etc/hard', link, type: '1' }])])), {
      code: 'bad-image',
      message: /A hard link of a layer, "etc\/hard", leads to .*, which is not a file of this layer or one below/,
    });
    t.is(statSync(join(at.outside, 'secret')).nlink, 1, link);
  }
});

test('names that are no UTF-8 come through the layers', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const layer = (script: string, name: string): Buffer => {
    shell(`mkdir "$1/${name}"; cd "$1/${name}"; ${script}; tar -cf ../${name}.tar .`, at.folder);
    return readFileSync(join(at.folder, `${name}.tar`));
  };
  const base = layer(
    "mkdir -p usr $'d\\xff' && echo 1 >$'d\\xff/kept\\xfe' && echo 1 >$'d\\xff/gone\\xfe' && echo 1 >$'usr/caf\\xe9'",
    'base',
  );
  const upper = layer("mkdir $'d\\xff' && chmod 700 $'d\\xff' && echo 2 >$'d\\xff/.wh.gone\\xfe'", 'upper');
  await importInto(at, layout(at.folder, [base, upper]));
  t.is(
    shell(`cd "$1" && find . -printf '%m %P\\n' | LC_ALL=C sort | od -An -c | tr -d ' \\n'`, at.root).replace(
      /\\n$/,
      '',
    ),
    '644d377/kept376\\n644usr/caf351\\n700d377\\n755\\n755usr',
  );
});

test('files of a layout that lead out of it, or that never end, are refused', async t => {
  if (!requireAll(t, { ...NEEDS, programs: [...NEEDS.programs, 'mkfifo'] })) return;
  t.timeout(60_000);
  const at = place(t);
  const docker = join(at.folder, 'docker');
  const secret = join(at.outside, 'secret.tar');
  writeFileSync(
    secret,
    tar([
      { name: 'etc', type: '5' },
      { name: 'etc/secret', content: 'x' },
    ]),
  );
  const refused = async (script: string, message: RegExp, source = 'docker.tar'): Promise<void> => {
    for (const path of [at.root, docker]) rmSync(path, { recursive: true, force: true });
    shell(
      `mkdir -p "$1/docker/one" && cd "$1/docker" && cp ../outside/secret.tar one/layer.tar && echo '[{"Layers":["one/layer.tar"]}]' >manifest.json; ${script}; tar -cf ../docker.tar .`,
      at.folder,
    );
    await t.throwsAsync(importInto(at, join(at.folder, source)), { message }, script);
  };
  await refused(`ln -sf ${secret} one/layer.tar`, /one\/layer\.tar is a link that leads out of it/);
  await refused(
    'rm -r one; ln -s ../outside one; sed -i s/layer/secret/ manifest.json',
    /one\/secret\.tar (is a link that leads out|cannot be read)/,
  );
  await refused('rm one/layer.tar; mkfifo one/layer.tar', /one\/layer\.tar is not a regular file/);
  await refused('rm manifest.json; mkfifo manifest.json', /manifest\.json is not a regular file/);
  await refused(`ln -s ${secret} index.json`, /index\.json is a link that leads out of it/);
  await refused('mkfifo index.json', /index\.json is not a regular file/);
  await refused('rm -f ../pipe; mkfifo ../pipe', /pipe: is neither a file nor a folder/, 'pipe');
});

test('a folder of which an upper layer does not speak keeps its mode, owner and attributes', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const lower = join(at.folder, 'lower');
  for (const [name, mode] of [
    ['etc', '755'],
    ['root', '700'],
    ['tmp', '1777'],
    ['home/ä u', '750'],
  ] as const)
    shell(`mkdir -p "$1/${name}" && chmod ${mode} "$1/${name}" && echo x >"$1/${name}/below"`, lower);
  shell('chown 1234:1234 "$1/home/ä u" && tar -C "$1" -cf "$1.tar" .', lower);
  const upper = tar([
    { name: 'root/new', content: 'x' },
    { name: 'tmp/new', content: 'x' },
    { name: 'home/ä u/new', content: 'x' },
    { name: 'etc', type: '5' },
    { name: 'etc/.wh.below' },
  ]);
  await importInto(at, layout(at.folder, [readFileSync(`${lower}.tar`), upper]));
  const facts = await Promise.all(
    ['root', 'tmp', 'home/ä u'].map(async name => {
      const { mode, uid } = await lstat(join(at.root, name));
      return [(mode & 0o7777).toString(8), uid, readdirSync(join(at.root, name)).sort().join()];
    }),
  );
  t.deepEqual(facts, [
    ['700', 0, 'below,new'],
    ['1777', 0, 'below,new'],
    ['750', 1234, 'below,new'],
  ]);
  t.deepEqual(readdirSync(join(at.root, 'etc')), []);
});

test('a layer whose file goes through a link of a lower layer is written inside', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const base = tar([
    { name: 'etc', type: '5' },
    { name: 'door', link: at.outside, type: '2' },
  ]);
  // Without an entry for the folder `door`, as a hostile layer would have it.
  await importInto(at, layout(at.folder, [base, tar([{ name: 'door/through', content: 'x' }])]));
  t.deepEqual(readdirSync(at.outside), []);
  t.is(await readlink(join(at.root, 'door')), at.outside);
  t.is(readFileSync(join(at.root, at.outside, 'through'), 'utf8'), 'x');
});

test('OCI images with damaged, missing or impossible parts are refused with the reason', async t => {
  if (!requireAll(t, NEEDS)) return;
  const at = place(t);
  const layer = tar([{ name: 'etc', type: '5' }]);
  const refused = async (source: string, message: RegExp): Promise<void> => {
    rmSync(at.root, { recursive: true, force: true });
    await t.throwsAsync(importInto(at, source), { code: 'bad-image', message });
  };
  const set = (layers: unknown) => (manifest: Record<string, unknown>) => {
    manifest['layers'] = layers;
  };
  await refused(layout(at.folder, [layer], set([])), /the image has no layers/);
  await refused(layout(at.folder, [layer], set([{ digest: 'sha256:../../../../etc/passwd' }])), /is not a digest/);
  await refused(layout(at.folder, [layer], set([{ digest: `sha256:${'a'.repeat(64)}` }])), /cannot be read/);
  const path = layout(at.folder, [layer]);
  const hex = createHash('sha256').update(layer).digest('hex');
  writeFileSync(join(path, 'blobs', 'sha256', hex), tar([{ name: 'evil', type: '5' }]));
  await refused(path, /damaged: its bytes have another digest/);
  const named = (name: string) => ({
    digest: `sha256:${'a'.repeat(64)}`,
    annotations: { 'org.opencontainers.image.ref.name': name },
  });
  writeFileSync(join(path, 'index.json'), JSON.stringify({ manifests: [named('base'), named('two')] }));
  await refused(path, /layout has 2 images \(base, two\), but modimg imports one/);
  writeFileSync(join(path, 'index.json'), JSON.stringify({ manifests: [{ digest: 'sha256:abc' }] }));
  await refused(path, /index\.json: manifests\.digest is not a digest \(entry 1\)/);
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 1, manifests: [] }));
  await refused(path, /schemaVersion must be 2/);
  writeFileSync(join(path, 'index.json'), '{');
  await refused(path, /index\.json cannot be read/);
  writeFileSync(join(at.folder, 'text'), 'no archive\n');
  await refused(join(at.folder, 'text'), /is not a squashfs, and tar reports/);
  mkdirSync(join(at.folder, 'empty'));
  await refused(join(at.folder, 'empty'), /has no \/usr, \/bin or \/etc/);
  writeFileSync(join(at.folder, 'docker.json'), '');
  mkdirSync(join(at.folder, 'docker'));
  writeFileSync(join(at.folder, 'docker', 'manifest.json'), JSON.stringify([{ Layers: ['../../etc/passwd'] }]));
  await refused(join(at.folder, 'docker'), /is not a layer/);
  writeFileSync(
    join(at.folder, 'docker', 'manifest.json'),
    JSON.stringify([{ RepoTags: ['a:1'] }, { RepoTags: ['b:2'] }]),
  );
  await refused(join(at.folder, 'docker'), /must have exactly one image, but has 2 \(a:1, b:2\)/);
  writeFileSync(join(at.folder, 'docker', 'manifest.json'), '{"schemaVersion": 2}');
  await refused(join(at.folder, 'docker'), /manifest\.json is not from 'docker save'/);
  await t.throwsAsync(importInto(at, join(at.folder, 'nowhere')), { code: 'bad-value', message: /cannot be read/ });
});
