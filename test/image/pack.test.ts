// Pack and unpack, judged by others: a tree with all that a file system can hold comes back as it was.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import test, { type ExecutionContext } from 'ava';
import { COMPRESSIONS, packImage } from '../../src/image/pack.ts';
import { locateRoot, unpackImage } from '../../src/image/unpack.ts';
import { findProgram, requireAll } from '../support/require.ts';

const FILES = 100_000;

async function temporary(t: ExecutionContext): Promise<string> {
  // Not below /tmp where that is a tmpfs: it holds no attributes of users.
  const folder = await mkdtemp(join(process.env['MUSTER_TEST_FOLDER'] ?? tmpdir(), 'muster-pack-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}

const shell = (script: string, ...words: string[]): string =>
  execFileSync('bash', ['-ec', script, 'bash', ...words], { encoding: 'utf8', maxBuffer: 1 << 26 });

/** A tree of many small files, and one of each strange thing. */
async function makeTree(root: string, files: number): Promise<void> {
  for (let folder = 0; folder < files / 500; folder += 1) {
    const path = join(root, 'many', String(folder % 10), String(folder));
    await mkdir(path, { recursive: true });
    for (let start = 0; start < 500; start += 100) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, at) =>
          writeFile(join(path, `f${start + at}`), `${folder} ${start + at}\n`),
        ),
      );
    }
  }
  shell(
    `cd "$1"; mkdir -p usr/bin dev etc tmp var/tmp proc
     printf 'program' >usr/bin/ping; chmod 4755 usr/bin/ping; "$2" cap_net_raw+ep usr/bin/ping
     printf 'x' >usr/bin/sticky; chmod 2755 usr/bin/sticky; chown 1000:2000 usr/bin/sticky; chmod 1777 var/tmp
     setfattr -n user.note -v 'a value' usr/bin/sticky
     setfattr -n security.selinux -v 'system_u:object_r:bin_t:s0' usr/bin/ping
     setfattr -n trusted.mark -v 0x00ff01 etc
     ln usr/bin/ping usr/bin/ping-again; ln -s ../../nowhere usr/bin/dangling; ln -s /etc etc/self
     mknod usr/null c 1 3; mknod usr/disk b 8 1; mkfifo usr/fifo
     truncate -s 64M usr/sparse; printf 'end' >>usr/sparse
     truncate -s 8M usr/holes; printf 'middle' | dd of=usr/holes bs=1 seek=4194304 conv=notrunc status=none
     touch -d '1999-12-31 23:59:59' etc/old; touch etc/$'new\\nline' etc/$'\\xff\\xfe' 'etc/ space ' etc/-rf 'etc/*' etc/"quote's" etc/ünïcödé
     printf 'secret' >tmp/leftover; printf 'x' >dev/anything; printf 'key' >etc/machine-id; mkdir etc/ssh; printf 'key' >etc/ssh/ssh_host_rsa_key`,
    root,
    findProgram('setcap') ?? 'setcap',
  );
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

const NEEDS = {
  root: true,
  programs: ['mksquashfs', 'unsquashfs', 'rsync', 'getcap', 'setcap', 'setfattr', 'getfattr', 'bash', 'setpriv'],
};

test.serial(
  `a tree of ${FILES} files and everything strange comes back the same, and packs the same twice`,
  async t => {
    t.timeout(600_000);
    if (!requireAll(t, NEEDS)) return;
    const folder = await temporary(t);
    const [tree, back, file, again] = ['tree', 'back', 'image', 'again'].map(name => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    await mkdir(tree);
    await makeTree(tree, FILES);
    const progress: number[] = [];
    await packImage({ root: tree, file, onProgress: (done, total) => progress.push(done / total) });
    t.is(progress.at(-1), 1);
    await packImage({ root: tree, file: again });
    t.is(await digest(again), await digest(file), 'the same tree gives the same file');
    const steps: number[] = [];
    await unpackImage({ file, root: back, onProgress: (done, total) => steps.push(done / total) });
    t.is(steps.at(-1), 1);
    t.true(steps.length > 100);
    t.true((await locateRoot(file)).inodes > FILES);

    // What is not packed is not there; all else is, for rsync.
    for (const path of ['tmp', 'dev']) t.deepEqual(await readdir(join(back, path)), []);
    const excluded = ['/tmp/*', '/dev/*', '/etc/ssh/ssh_host_rsa_key'].flatMap(pattern => ['--exclude', pattern]);
    const differences = execFileSync(
      'rsync',
      [
        '-aHAXn',
        '--devices',
        '--specials',
        '--checksum',
        '--delete',
        '--itemize-changes',
        ...excluded,
        `${tree}/`,
        `${back}/`,
      ],
      { encoding: 'utf8' },
    );
    t.is(differences, '');
    const getcap = findProgram('getcap') ?? 'getcap';
    t.regex(shell('cd "$1" && "$2" usr/bin/ping', back, getcap), /cap_net_raw=ep/);
    const attributes = (root: string): string =>
      shell('cd "$1" && getfattr -d -m - -e hex usr/bin/ping usr/bin/sticky etc', root);
    t.is(attributes(back), attributes(tree));
    for (const name of ['usr/sparse', 'usr/holes']) {
      const { size, blocks } = await stat(join(back, name));
      t.true(blocks * 512 < size / 4, `${name} has its holes again: ${blocks * 512} of ${size}`);
    }
  },
);

test.serial('every compression unpacks to the same', async t => {
  if (!requireAll(t, NEEDS)) return;
  const folder = await temporary(t);
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'etc'), { recursive: true });
  await writeFile(join(tree, 'etc', 'file'), 'much of the same '.repeat(10_000));
  for (const compression of COMPRESSIONS) {
    const [file, back] = [join(folder, compression), join(folder, `${compression}-back`)];
    await packImage({ root: tree, file, compression });
    await unpackImage({ file, root: back });
    t.is(await readFile(join(back, 'etc', 'file'), 'utf8'), await readFile(join(tree, 'etc', 'file'), 'utf8'));
    t.true((await stat(file)).size < (1 << 20) + 40_000);
  }
});

test.serial('only some paths are unpacked; what is not there is left out', async t => {
  if (!requireAll(t, NEEDS)) return;
  const folder = await temporary(t);
  await mkdir(join(folder, 'tree', 'var', 'lib'), { recursive: true });
  await writeFile(join(folder, 'tree', 'var', 'lib', 'wanted'), 'x');
  await writeFile(join(folder, 'tree', 'var', 'other'), 'x');
  await packImage({ root: join(folder, 'tree'), file: join(folder, 'image') });
  await unpackImage({ file: join(folder, 'image'), root: join(folder, 'back'), only: ['var/lib', 'usr/lib/none'] });
  t.deepEqual(await readdir(join(folder, 'back', 'var')), ['lib']);
});

test.serial('a damaged image gives an error, not a part of what was asked for', async t => {
  if (!requireAll(t, NEEDS)) return;
  const folder = await temporary(t);
  await mkdir(join(folder, 'tree', 'var', 'lib'), { recursive: true });
  await writeFile(join(folder, 'tree', 'var', 'lib', 'wanted'), randomBytes(150_000).toString('hex'));
  const { offset } = await packImage({ root: join(folder, 'tree'), file: join(folder, 'image') });
  const bytes = await readFile(join(folder, 'image'));
  // The superblock and the tables behind the data stay.
  bytes.fill(0xff, offset + 100, offset + 60_000);
  await writeFile(join(folder, 'image'), bytes);
  const options = { file: join(folder, 'image'), root: join(folder, 'back') };
  await t.throwsAsync(unpackImage({ ...options, only: ['var/lib'] }), { code: 'tool-failed' });
});

test('what is no image is refused with the reason', async t => {
  const folder = await temporary(t);
  const file = join(folder, 'none');
  await writeFile(file, 'nothing'.repeat(1000));
  await t.throwsAsync(unpackImage({ file, root: join(folder, 'back') }), {
    code: 'bad-image',
    message: /does not begin with a squashfs or a GPT/,
  });
});
