// The faults that the initramfs reports: names of the head's table, with values, for images that a kernel could not start.
import { chmod, cp, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Fault, faultOfNode } from '../../src/boot/faults.ts';
import { runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { type FakeHead, startHead } from './fake-head.ts';
import { giveSession, MODULE, makePlace, type Place, runParts, SHELLS } from './shells.ts';

/** The names in every call of `fail`, `report_fault`, `no_network` and `refuse_disk` of the scripts. */
async function namedFaults(): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(MODULE, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const lines = (await readFile(join(name.parentPath, name.name), 'utf8')).split('\n');
    for (const line of lines) {
      if (/^\s*#/.test(line)) continue;
      for (const [, word = ''] of line.matchAll(/\b(?:fail|report_fault|no_network|refuse_disk) ([^ ;]+)/g))
        found.push(word);
    }
  }
  return found;
}

test('every fault of the initramfs is one that a node may report, and every call names one', async t => {
  const named = await namedFaults();
  t.true(named.length > 50);
  const unknown = named.filter(
    word => !faultOfNode(word) && !['"$@"', '"$1"', '"$_why"', '"$DISK_FAULT"'].includes(word),
  );
  t.deepEqual(unknown, []);
});

async function nodeOf(t: ExecutionContext): Promise<{ place: Place; head: FakeHead; put: Put }> {
  const place = await makePlace(t);
  const head = await startHead();
  t.teardown(() => head.stop());
  await giveSession(place, {
    MUSTER_IMAGE: 'Img',
    MUSTER_STYLE: 'roram',
    MUSTER_URL: `${head.url}/boot/v1/s1`,
    MUSTER_FAILURE_SECS: 5,
  });
  for (const name of ['proc', 'sys', 'dev', 'run', 'usr/sbin', 'usr/lib'])
    await mkdir(join(place.root, name), { recursive: true });
  await symlink('usr/sbin', join(place.root, 'sbin'));
  await symlink('usr/lib', join(place.root, 'lib'));
  await mkdir(join(place.proc, 'self'));
  await symlink('/proc/self/exe', join(place.proc, 'self', 'exe'));
  const put = async (name: string, content: Buffer | string, mode = 0o755) => {
    await writeFile(join(place.root, name), content);
    await chmod(join(place.root, name), mode);
  };
  return { place, head, put };
}
type Put = (name: string, content: Buffer | string, mode?: number) => Promise<void>;

const ARM64 = 183;
const POWER = 21;

/** The head of a program for another processor. */
async function foreign(machine: number): Promise<Buffer> {
  const bytes = (await readFile('/proc/self/exe')).subarray(0, 4096);
  const copy = Buffer.from(bytes);
  copy.writeUInt16LE(machine, 18);
  return copy;
}

interface Broken {
  what: string;
  make(put: Put, root: string): Promise<unknown>;
  fault: Fault;
  name?: string;
  have?: RegExp;
}

const BROKEN: readonly Broken[] = [
  { what: 'no init', make: async () => {}, fault: 'no-init', name: '/sbin/init' },
  {
    what: 'a link to nothing',
    make: async (_, root) => symlink('/lib/systemd/systemd', join(root, 'sbin/init')),
    fault: 'init-dangling',
    name: '/sbin/init',
    have: /^\/usr\/lib\/systemd$/,
  },
  {
    what: 'a link to itself',
    make: async (_, root) => symlink('init', join(root, 'sbin/init')),
    fault: 'init-dangling',
  },
  {
    what: 'a link that leads out of the image',
    make: async (_, root) => symlink('../../../../../../bin/sh', join(root, 'sbin/init')),
    fault: 'init-dangling',
    have: /^\/bin$/,
  },
  {
    what: 'a folder',
    make: async (_, root) => mkdir(join(root, 'sbin/init')),
    fault: 'init-not-executable',
    have: /^a folder$/,
  },
  {
    what: 'an empty file',
    make: async put => put('sbin/init', ''),
    fault: 'init-not-executable',
    have: /^an empty file$/,
  },
  {
    what: 'no permission to execute it',
    make: async put => put('sbin/init', '#!/bin/sh\n', 0o644),
    fault: 'init-not-executable',
    have: /without the permission/,
  },
  {
    what: 'text',
    make: async put => put('sbin/init', 'hello'),
    fault: 'init-not-executable',
    have: /neither a program nor/,
  },
  {
    what: 'a script without its interpreter',
    make: async put => put('sbin/init', '#! /usr/bin/python3 -E\n'),
    fault: 'init-not-executable',
    have: /^a script for \/usr\/bin\/python3, which is not there$/,
  },
  {
    what: 'a program of another processor',
    make: async put => put('sbin/init', await foreign(process.arch === 'arm64' ? POWER : ARM64)),
    fault: 'init-for-other-processor',
    have: process.arch === 'arm64' ? /POWER/ : /^64-bit ARM$/,
  },
  {
    what: 'a program without its dynamic linker',
    make: async (_, root) => cp('/bin/ls', join(root, 'sbin/init')),
    fault: 'init-not-executable',
    have: /^a program that needs \/lib\S*\/ld\S+, which is not there$/,
  },
];

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: an init that cannot be run is named before the switch`, async t => {
    if (!requireAll(t, { programs })) return;
    for (const { what, make, fault, name = '/sbin/init', have } of BROKEN) {
      const { place, head, put } = await nodeOf(t);
      await make(put, place.root);
      const { stderr } = await runParts(shell, place, 'STAGE=root; check_root');
      t.is(stderr, '', what);
      t.like(head.reports.at(-1), { stage: 'root', fault, name }, what);
      if (have) t.regex(head.reports.at(-1)?.['have'] ?? '', have, what);
      t.regex(head.reports.at(-1)?.['error'] ?? '', /^the image Img /, what);
    }
  });

  test(`${shell}: an init that can be run is let through`, async t => {
    if (!requireAll(t, { programs })) return;
    const fine: readonly ((put: Put, root: string) => Promise<unknown>)[] = [
      async (_, root) => {
        await mkdir(join(root, 'usr/lib/systemd'));
        await cp(findProgram('busybox') ?? '', join(root, 'usr/lib/systemd/systemd'));
        await symlink('../lib/systemd/systemd', join(root, 'usr/sbin/init'));
      },
      async (put, root) => {
        await mkdir(join(root, 'bin'));
        await put('bin/sh', await readFile('/proc/self/exe').then(bytes => bytes.subarray(0, 8192)));
        await put('sbin/init', '#!/bin/sh\nexec sleep 1\n');
      },
      // What is mounted there later brings it.
      async (_, root) => symlink('/run/current/init', join(root, 'sbin/init')),
    ];
    for (const make of fine) {
      const { place, head, put } = await nodeOf(t);
      await make(put, place.root);
      const { status, stderr } = await runParts(shell, place, 'check_root');
      t.is(status, 0, stderr);
      t.deepEqual(head.reports, []);
    }
  });

  test(`${shell}: init= of the command line is checked instead of /sbin/init, if present`, async t => {
    if (!requireAll(t, { programs })) return;
    const { place, head, put } = await nodeOf(t);
    await writeFile(join(place.proc, 'cmdline'), 'quiet init=/usr/lib/one init=/usr/lib/other\n');
    await put('usr/lib/other', 'no program', 0o755);
    await runParts(shell, place, 'check_root');
    t.like(head.reports.at(-1), { fault: 'init-not-executable', name: '/usr/lib/other' });
    await writeFile(join(place.proc, 'cmdline'), 'init=/nothing\n');
    await runParts(shell, place, 'check_root');
    t.like(head.reports.at(-1), { fault: 'no-init', name: '/sbin/init' });
  });

  test(`${shell}: an image that the kernel does not mount: its compressor, or what the kernel lacks`, async t => {
    if (!requireAll(t, { programs: [...programs, 'mksquashfs'] })) return;
    const { place, head } = await nodeOf(t);
    const proc = async (text: string) => writeFile(join(place.proc, 'filesystems'), text);
    const ask = async (file: string) => {
      await runParts(shell, place, 'STAGE=root; not_mounted "$FILE"', { FILE: file, MUSTER_DEV: place.folder });
      return head.reports.at(-1);
    };
    await proc('nodev\tsysfs\n\text4\n');
    const image = join(place.folder, 'zstd');
    await runOk('mksquashfs', [place.root, image, '-comp', 'zstd', '-quiet', '-no-progress']);
    t.like(await ask(image), { fault: 'kernel-lacks-module', name: 'squashfs' });
    await proc('nodev\tsysfs\n\tsquashfs\n');
    t.like(await ask(image), { fault: 'kernel-lacks-module', name: 'loop' });
    await writeFile(join(place.folder, 'loop-control'), '');
    for (const method of ['gzip', 'xz', 'zstd']) {
      const file = join(place.folder, `${method}.squashfs`);
      await runOk('mksquashfs', [place.root, file, '-comp', method, '-quiet', '-no-progress']);
      t.like(await ask(file), { stage: 'root', fault: 'squashfs-compressor', name: method, have: '6.1.0-test' });
    }
    await truncate(image, 10);
    t.like(await ask(image), { fault: 'image-not-mounted' });
  });
}

test('the values of a fault travel with its text, and too little memory has both figures', async t => {
  if (!requireAll(t, { programs: ['dash', 'busybox'] })) return;
  const { place, head } = await nodeOf(t);
  await runParts(
    'dash',
    place,
    'MUSTER_IMAGE_SIZE=900000000; style_needs() { echo "950000000 all of it"; }; check_memory',
  );
  t.like(head.reports.at(-1), { stage: 'image', fault: 'too-little-memory', have: '512000000', want: '950000000' });
  await runParts('dash', place, 'fail wrong-disk name=_disk_root have= "want=a b" "there is" "no disk"');
  const { uptime: _, ...last } = head.reports.at(-1) ?? {};
  t.deepEqual(last, {
    stage: 'initramfs',
    error: 'there is no disk',
    fault: 'wrong-disk',
    name: '_disk_root',
    want: 'a b',
  });
});
