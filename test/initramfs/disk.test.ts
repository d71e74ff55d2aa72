// The disks of style disked: checked before anything is fetched, and a cache that keeps its promises.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { giveSession, makePlace, type Place, runParts, SHELLS } from './shells.ts';

const PARTS = 'for part in unpack disk disk_root cache; do . "$MUSTER_LIB/lib/$part"; done\n';
const STANDINS = `modprobe() { :; }
report() { shift; echo "REPORT $*"; }
`;
const IMAGE = randomBytes(3 << 20);
const SHA256 = createHash('sha256').update(IMAGE).digest('hex');
const SESSION = {
  MUSTER_STYLE: 'disked',
  MUSTER_IMAGE: 'Img',
  MUSTER_IMAGE_SIZE: IMAGE.length,
  MUSTER_IMAGE_SHA256: SHA256,
  MUSTER_IMAGE_UNPACKED: 8 << 20,
  MUSTER_FAILURE_SECS: 5,
};

interface Disks {
  place: Place;
  /** Loop devices: nothing on the first; a file system with a label on the second (16 MiB) and the third (80 MiB). */
  empty: string;
  cache: string;
  root: string;
  run(script: string, session?: Record<string, string | number>): ReturnType<typeof runParts>;
}

function loop(t: ExecutionContext, file: string): string {
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  t.teardown(() => execFileSync('losetup', ['--detach', device]));
  return device;
}

/** What the kernel would show of a disk: its size, and its partitions. Not every kernel makes partitions of loop devices. */
async function show(place: Place, device: string, bytes: number, partitions = 0): Promise<void> {
  const name = device.slice('/dev/'.length);
  const folder = join(place.folder, 'sys', 'class', 'block', name);
  await mkdir(join(folder, 'holders'), { recursive: true });
  await writeFile(join(folder, 'size'), `${bytes / 512}\n`);
  for (let number = 1; number <= partitions; number += 1) {
    await mkdir(join(folder, `${name}p${number}`));
    await writeFile(join(folder, `${name}p${number}`, 'partition'), `${number}\n`);
  }
}

async function disks(t: ExecutionContext, shell: string): Promise<Disks | undefined> {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox', 'losetup', 'sfdisk', 'mkfs.ext4', 'blkid'];
  if (!requireAll(t, { root: true, programs })) return undefined;
  const place = await makePlace(t);
  await writeFile(join(place.proc, 'mounts'), '');
  const made: string[] = [];
  for (const [name, mebibytes] of [
    ['empty', 32],
    ['cache', 16],
    ['root', 80],
  ] as const) {
    const file = join(place.folder, `${name}.img`);
    await writeFile(file, '');
    await truncate(file, mebibytes << 20);
    // Labels are looked for on every disk of the machine: each shell has its own.
    if (name !== 'empty') execFileSync('mkfs.ext4', ['-q', '-L', `${name}-${shell}`, file]);
    const device = loop(t, file);
    await show(place, device, mebibytes << 20);
    made.push(device);
  }
  return {
    place,
    empty: made[0] ?? '',
    cache: made[1] ?? '',
    root: made[2] ?? '',
    async run(script, session = {}) {
      await writeFile(join(place.folder, 'console'), '');
      await giveSession(place, { ...SESSION, ...session });
      return runParts(shell, place, `${PARTS}${STANDINS}${script}`, {
        MUSTER_SYS: join(place.folder, 'sys'),
        MUSTER_DISK_SECS: '0',
        MUSTER_CACHE_SECS: '0',
      });
    },
  };
}

for (const shell of Object.keys(SHELLS)) {
  test.serial(`${shell}: a device that cannot be the root is reported before anything is fetched`, async t => {
    const it = await disks(t, shell);
    if (!it) return;
    const root = `LABEL=root-${shell}`;
    const reason = async (session: Record<string, string | number>) =>
      (await it.run('find_root_partition', session)).console.split('\n')[0] ?? '';
    t.is(await reason({ MUSTER_DISK_ROOT: root, MUSTER_IMAGE_UNPACKED: 0, MUSTER_IMAGE_SIZE: 1 }), '');
    t.regex(
      await reason({ MUSTER_DISK_ROOT: 'LABEL=nosuch' }),
      /there is no LABEL=nosuch \(_disk_root\); there are: none/,
    );
    t.regex(
      await reason({ MUSTER_DISK_ROOT: root, MUSTER_IMAGE_UNPACKED: 100 << 20 }),
      /is too small: the image needs 174 MiB there, and \S+ has 80 MiB/,
    );
    t.regex(await reason({ MUSTER_DISK_ROOT: root, MUSTER_DISK_CACHE: it.root }), /are the same partition/);
    await writeFile(join(it.place.proc, 'mounts'), `${it.root} /data ext4 rw 0 0\n`);
    t.regex(await reason({ MUSTER_DISK_ROOT: root }), /\(_disk_root\) is mounted/);
    execFileSync('mkfs.ext4', ['-q', '-F', '-L', `root-${shell}`, it.empty]);
    t.regex(await reason({ MUSTER_DISK_ROOT: root }), /is on several partitions: \S+ \S+; give each its own name/);
    await show(it.place, it.empty, 32 << 20, 2);
    t.regex(await reason({ MUSTER_DISK_ROOT: it.empty }), /is a whole disk with partitions; name one of them/);
  });

  test.serial(`${shell}: the cache verifies, makes room, and its absence is only told`, async t => {
    const it = await disks(t, shell);
    if (!it) return;
    const cached = { MUSTER_DISK_CACHE: `LABEL=cache-${shell}` };
    await writeFile(join(it.place.folder, 'content'), IMAGE);
    // The download is another test's: here a file comes.
    const use = async (script: string) =>
      it.run(
        `fetch_archive() { echo FETCHED; cat ${it.place.folder}/content >"$ARCHIVE"; }
        open_cache; [ -n "$CACHE" ] || exit 9; ${script}; sha256sum "$ARCHIVE"; ls "$CACHE"; close_cache`,
        cached,
      );
    const first = await use('image_by_cache');
    t.regex(first.stdout, /^FETCHED/);
    t.true(first.stdout.includes(SHA256), first.stdout + first.console);
    const hit = await use('image_by_cache');
    t.notRegex(hit.stdout, /FETCHED/);
    t.regex(hit.stdout, /REPORT detail=cache hit/);
    const damaged = await use('echo x >>"$CACHE/$MUSTER_IMAGE_SHA256"; image_by_cache');
    t.regex(damaged.stdout, /REPORT detail=the cached image is damaged[\s\S]*FETCHED/);
    const old = 'a'.repeat(64);
    const full = await use(`rm "$CACHE/$MUSTER_IMAGE_SHA256"; head -c 6000000 /dev/zero >"$CACHE/${old}"
        touch -d 2020-01-01 "$CACHE/${old}"; echo x >"$CACHE/other.part"; image_by_cache`);
    t.regex(full.stdout, /FETCHED/);
    t.false(full.stdout.includes(old) || full.stdout.includes('other.part'), 'what was unused for longest has gone');
    const none = await it.run('open_cache; echo "CACHE=$CACHE"', { MUSTER_DISK_CACHE: 'LABEL=nosuch' });
    t.regex(none.stdout, /REPORT detail=no cache \(_disk_cache=LABEL=nosuch\): there is no LABEL=nosuch.*\nCACHE=\n/);
    const raw = await it.run('open_cache; echo "CACHE=$CACHE"', { MUSTER_DISK_CACHE: it.empty });
    t.regex(raw.stdout, /cannot be mounted[\s\S]*\nCACHE=\n/);
  });
}
