// Layers of OCI images, judged by umoci: whatever it makes of an image is what an import makes of it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { importTree } from '../../src/image/import/import.ts';
import { unpackLayout } from '../../src/image/import/oci.ts';
import { SILENT } from '../../src/image/progress.ts';
import { findProgram, requireAll } from '../support/require.ts';

const NEEDS = { root: true, programs: ['umoci', 'bash', 'find', 'getfattr', 'sha256sum'] };

interface Entry {
  kind: 'd' | 'f' | 'l' | 'h' | 'c' | 'b' | 'p';
  name: string;
  /** Content of a file, target of a link. */
  text?: string;
  mode?: number;
  uid?: number;
  mtime?: number;
  attributes?: Record<string, string>;
}

const TYPE = { f: '0', h: '1', l: '2', c: '3', b: '4', d: '5', p: '6' };

/** A layer as a tape archive. */
function tar(entries: readonly Entry[]): Buffer {
  const blocks: Buffer[] = [];
  const put = (name: string, type: string, body: Buffer, link: string, { mode, uid, mtime }: Entry): void => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    const octal = (value: number, at: number, length: number) =>
      header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
    octal(mode ?? (type === '5' ? 0o755 : 0o644), 100, 8);
    octal(uid ?? 0, 108, 8);
    octal(uid ?? 0, 116, 8);
    octal(body.length, 124, 12);
    octal(mtime ?? 1_600_000_000, 136, 12);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157);
    header.write('ustar\x0000', 257);
    if (type === '3' || type === '4') {
      octal(1, 329, 8);
      octal(7, 337, 8);
    }
    octal(
      header.reduce((total, byte) => total + byte, 0),
      148,
      7,
    );
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  };
  for (const entry of entries) {
    const records = Object.entries(entry.attributes ?? {}).map(([key, value]) => {
      const record = ` SCHILY.xattr.${key}=${value}\n`;
      const length = record.length + 2;
      return `${length + (length > 98 ? 1 : 0)}${record}`;
    });
    if (records.length > 0) put('PaxHeaders/x', 'x', Buffer.from(records.join('')), '', {} as Entry);
    const isFile = entry.kind === 'f';
    const body = Buffer.from(isFile ? (entry.text ?? '') : '');
    put(entry.name, TYPE[entry.kind], body, isFile ? '' : (entry.text ?? ''), entry);
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A layout with one image of these layers. */
function layout(folder: string, layers: readonly Buffer[]): string {
  const path = join(folder, 'layout');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true });
  const hex = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const put = (mediaType: string, bytes: Buffer): object => {
    writeFileSync(join(path, 'blobs', 'sha256', hex(bytes)), bytes);
    return { mediaType: `application/vnd.oci.image.${mediaType}`, digest: `sha256:${hex(bytes)}`, size: bytes.length };
  };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(layer => `sha256:${hex(layer)}`) },
    history: layers.map(() => ({ created_by: 'test' })),
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: put('config.v1+json', json(config)),
    layers: layers.map(layer => put('layer.v1.tar+gzip', gzipSync(layer))),
  };
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const index = { schemaVersion: 2, manifests: [{ ...put('manifest.v1+json', json(manifest)), annotations }] };
  writeFileSync(join(path, 'index.json'), json(index));
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion": "1.0.0"}');
  return path;
}

/** Everything about a tree: names, types, modes, owners, sizes, links, devices, contents, hard links, attributes, times as wanted. */
function facts(root: string, times: boolean): string {
  const script = `cd "$1"
    find . -printf '%p %y %m %U:%G %n %l' \\( -type f -printf ' %s' -o -true \\) ${times ? "\\( -type d -o -printf ' %Ts' \\)" : ''} -printf '\\n' | LC_ALL=C sort
    find . \\( -type b -o -type c \\) -exec stat -c '%n %t:%T' {} +
    find . -type f -exec sha256sum {} + | LC_ALL=C sort
    find . -type f -links +1 -printf '%i %p\\n' | LC_ALL=C sort -k2 | awk '{ if (!($1 in seen)) seen[$1] = ++count; print seen[$1], $2 }'
    getfattr -Rhd -m '^(user|trusted|security\\.capability)' . 2>/dev/null`;
  return execFileSync('bash', ['-c', script, 'bash', root], { encoding: 'utf8' });
}

/** Unpacks by both; the outcomes are compared. Returns whether it could be unpacked. */
async function same(t: ExecutionContext, layers: readonly (readonly Entry[])[], times = true): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-umoci-'));
  try {
    const path = layout(folder, layers.map(tar));
    const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
    const judge = spawnSync(findProgram('umoci') ?? '', ['raw', 'unpack', '--image', `${path}:latest`, theirs], {
      encoding: 'utf8',
    });
    const fault = await unpackLayout(path, ours).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    const about = `${JSON.stringify(layers)}\numoci: ${judge.stderr}\n${fault}`;
    t.is(fault === undefined, judge.status === 0, about);
    if (fault === undefined && judge.status === 0) t.is(facts(ours, times), facts(theirs, times), about);
    return fault === undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const f = (name: string, text = name): Entry => ({ kind: 'f', name, text });
const d = (name: string): Entry => ({ kind: 'd', name });
const l = (name: string, text: string): Entry => ({ kind: 'l', name, text });
const h = (name: string, text: string): Entry => ({ kind: 'h', name, text });

/** What images begin with. */
const BASE = [
  ...['usr', 'usr/bin', 'usr/lib', 'etc'].map(d),
  ...[f('usr/bin/sh'), f('usr/bin/cat'), f('usr/lib/libc.so.6'), l('bin', 'usr/bin'), l('lib', 'usr/lib')],
  f('etc/passwd', 'root:x:0:0::/root:/bin/sh\n'),
];

/** By what is special about them; as images in the wild have it, and the test suites of the engines. */
const CASES: Record<string, Entry[][]> = {
  'a file below a link of the layer beneath, without an entry for the folder': [
    BASE,
    [f('bin/tool'), f('lib/libtool.so')],
  ],
  'a hard link there': [BASE, [f('opt/app'), h('bin/app', 'opt/app')]],
  'a link and a folder there': [BASE, [l('bin/python', 'python3'), d('lib/deep'), f('lib/deep/x')]],
  'a member below a link of the same layer that goes up': [
    [
      ...BASE,
      d('app'),
      d('app/store'),
      d('app/store/pkg'),
      d('app/modules'),
      l('app/modules/pkg', '../store/pkg'),
      f('app/modules/pkg/src/index.js'),
    ],
  ],
  'below a link of the layer beneath that goes up': [
    [...BASE, d('app'), d('app/store'), d('app/store/pkg'), d('app/modules'), l('app/modules/pkg', '../store/pkg')],
    [f('app/modules/pkg/src/index.js')],
  ],
  'below a link that leads to nothing yet': [BASE, [l('opt', 'var/opt'), f('opt/pkg/file')]],
  'below a link that leads out': [BASE, [l('out', '/../../../outside/x'), f('out/file')]],
  'below a link through a link and back': [
    [...BASE, d('a'), d('a/b'), l('x', 'a/b'), l('y', 'x/../c'), d('a/c')],
    [f('y/file')],
  ],
  'a folder in place of a link to a folder': [
    [...BASE, d('usr/include'), d('usr/include/old'), f('usr/include/old/a.h'), l('usr/include/cur', 'old')],
    [d('usr/include'), f('usr/include/.wh.old', ''), d('usr/include/cur'), f('usr/include/cur/b.h')],
  ],
  'an opaque folder where a link was': [
    [...BASE, d('target'), f('target/keep'), l('link', '/target')],
    [d('link'), f('link/.wh..wh..opq', ''), f('link/new')],
  ],
  'an opaque mark below a link': [
    [...BASE, d('target'), f('target/gone'), l('link', '/target')],
    [f('link/.wh..wh..opq', ''), f('link/new')],
  ],
  'a mark that is a hard link': [
    [...BASE, d('tmp2'), f('tmp2/key'), f('tmp2/empty', '')],
    [d('tmp2'), h('tmp2/.wh.key', 'tmp2/empty')],
  ],
  'hard links without entries of their folders': [
    [
      ...BASE,
      f('srv/app.map'),
      f('srv/app'),
      h('srv/app.run/_map', 'srv/app.map'),
      h('srv/app.run/_main/app_/app', 'srv/app'),
    ],
  ],
  'a link in place of a folder with content': [
    [...BASE, d('var'), d('var/lib'), d('var/lib/db'), f('var/lib/db/x')],
    [d('usr/lib/sysimage'), f('usr/lib/sysimage/x'), l('var/lib/db', '../../usr/lib/sysimage')],
  ],
  'one name twice in a layer': [[...BASE, f('srv/a', '1'), l('srv/a', 'b'), f('srv/b', '2'), f('srv/b', '3')]],
  'a file in place of a folder, and back': [[...BASE, d('x'), f('x/y')], [f('x', 'file')], [d('x'), f('x/z')]],
  'marks before and behind what they name': [
    [...BASE, d('m'), f('m/a'), f('m/b')],
    [f('m/.wh.a', ''), f('m/a', 'new'), f('m/b', 'new'), f('m/.wh.b', '')],
  ],
  'an opaque mark behind the new files': [
    [...BASE, d('m'), f('m/old'), d('m/sub'), f('m/sub/old')],
    [f('m/new'), f('m/sub/new'), f('m/.wh..wh..opq', '')],
  ],
  'a mark for a folder with new content': [
    [...BASE, d('m'), d('m/n'), f('m/n/old')],
    [f('m/n/new'), f('m/.wh.n', '')],
  ],
  'marks for nothing, and for what is no folder': [
    BASE,
    [f('none/.wh.x', ''), f('etc/.wh.none', ''), f('etc/passwd/.wh.x', '')],
  ],
  'names with dots, absolute and upwards': [
    BASE,
    [f('./etc/dot'), f('/etc/absolute'), f('../../etc/up'), f('etc/../etc/through'), d('./'), d('etc/./sub/')],
  ],
  'devices, pipes, modes and owners': [
    [
      ...BASE,
      { kind: 'c', name: 'etc/c' },
      { kind: 'b', name: 'etc/b', mode: 0o600, uid: 5 },
      { kind: 'p', name: 'etc/p' },
      { ...f('usr/bin/su'), mode: 0o4755 },
      { ...f('usr/bin/other'), mode: 0o2755, uid: 1234 },
      { ...d('tmp'), mode: 0o1777 },
      { ...l('etc/l', 'p'), uid: 77 },
    ],
    [{ kind: 'c', name: 'usr/bin/cat' }, f('etc/c', 'file now')],
  ],
  'attributes, of files and folders, changed by the layer above': [
    [
      ...BASE,
      { ...f('a'), attributes: { 'user.x': 'one', 'user.y': 'two' } },
      { ...d('b'), attributes: { 'user.x': 'one' } },
    ],
    [{ ...f('a'), attributes: { 'user.x': 'new' } }, d('b'), f('b/new')],
  ],
  'a folder of which the layer above does not speak keeps what it has': [
    [...BASE, { ...d('root'), mode: 0o700, uid: 3, mtime: 1_000_000_000, attributes: { 'user.x': 'kept' } }],
    [f('root/new')],
  ],
  'a hard link to a link, to a folder, to nothing': [[...BASE, l('one', 'etc/passwd'), h('two', 'one')]],
  'a hard link to a folder': [[...BASE, h('two', 'etc')]],
  'a hard link to nothing': [[...BASE, h('two', 'nothing')]],
  'a hard link out': [[...BASE, h('two', '../../../../etc/hostname')]],
  'a file below a file': [BASE, [f('etc/passwd/x')]],
  'a circle of links': [[...BASE, l('r', 's'), l('s', 'r')], [f('r/x')]],
  'a whiteout of the root': [BASE, [f('.wh..', ''), f('.wh.', '')]],
};

for (const [name, layers] of Object.entries(CASES))
  test.serial(name, async t => {
    if (!requireAll(t, NEEDS)) return;
    await same(t, layers);
  });

test.serial('what skopeo makes of an image, in each of its forms, is imported alike', async t => {
  if (!requireAll(t, { ...NEEDS, programs: [...NEEDS.programs, 'skopeo', 'tar', 'zstd'] })) return;
  const folder = mkdtempSync(join(tmpdir(), 'muster-skopeo-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = layout(folder, [BASE, [f('bin/tool'), f('etc/.wh.passwd', '')]].map(tar));
  const forms: [string, string[]][] = [
    ['oci:copy', []],
    ['oci:packed', ['--dest-compress-format', 'zstd']],
    ['oci-archive:archive.tar', []],
    ['docker-archive:docker.tar:name:latest', []],
  ];
  const found: string[] = [];
  for (const [at, [form, words]] of forms.entries()) {
    const all = ['--insecure-policy', 'copy', ...words, `oci:${path}:latest`, form];
    execFileSync(findProgram('skopeo') ?? '', all, { cwd: folder, stdio: 'ignore' });
    const [root, work] = [join(folder, `root-${at}`), join(folder, `work-${at}`)];
    mkdirSync(work);
    await importTree(join(folder, form.split(':')[1] ?? ''), root, { progress: SILENT, work });
    found.push(facts(root, true));
  }
  t.is(new Set(found).size, 1);
  t.regex(found[0] ?? '', /\.\/usr\/bin\/tool f /);
});

test.serial('members by chance, of few names so that they meet', async t => {
  if (!requireAll(t, NEEDS)) return;
  t.timeout(600_000);
  const part = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join('/'));
  const target = fc.oneof(
    path,
    path.map(to => `/${to}`),
    path.map(to => `../${to}`),
    path.map(to => `../../${to}`),
  );
  const mark = fc
    .tuple(path, fc.constantFrom('.wh.a', '.wh.b', '.wh..wh..opq'))
    .map(([at, name]) => f(`${at}/${name}`, ''));
  const entry = fc.oneof(
    path.map(d),
    fc.tuple(path, fc.constantFrom('1', '2')).map(([name, text]) => f(name, text)),
    fc.tuple(path, target).map(([name, to]) => l(name, to)),
    fc.tuple(path, path).map(([name, to]) => h(name, to)),
    mark,
  );
  const image = fc.array(fc.array(entry, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 });
  let whole = 0;
  for (const layers of fc.sample(image, { numRuns: 150, seed: 14 })) if (await same(t, layers, false)) whole += 1;
  t.true(whole > 30, `${whole}`);
});
