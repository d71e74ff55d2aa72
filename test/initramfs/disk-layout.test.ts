// `_disk_layout` with real tools on loop devices: an empty disk is partitioned, our partitions are found again, and all else is left alone.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { nodeLayout, readDiskLayout } from '../../src/model/disk-layout.ts';
import { requireAll } from '../support/require.ts';
import { giveSession, makePlace, type Place, runParts, SHELLS, type ShellResult } from './shells.ts';

/**
 * A loop device has neither udev nor a serial number, and not every kernel reads a GPT. The node sees these devices alone: below its
 * /sys are links to them and to their partitions.
 */
const PARTS = `for part in disk disk_layout disk_make disk_array disk_mount; do . "$MUSTER_LIB/lib/$part"; done
modprobe() { :; }
report() { shift; echo "REPORT $*"; }
udevadm() {
    case $1 in
        info) echo "ID_SERIAL_SHORT=S\${3##*/}" ;;
        settle)
            rm -f "$MUSTER_SYS"/class/block/*
            for _loop in $LOOPS; do
                partx --update "$_loop" 2>/dev/null
                for _shown in "/sys/class/block/\${_loop##*/}" "/sys/class/block/\${_loop##*/}"p*; do
                    [ ! -e "$_shown" ] || ln -s "$_shown" "$MUSTER_SYS/class/block/\${_shown##*/}"
                done
            done
            ;;
    esac
}
udevadm settle
eval "$CUT"
`;
const BOOT = `prepare_disks; mount_disks; ROOT_DETAIL=\${ROOT_DETAIL#, }; echo "ROOT $ROOT_DETAIL"\n`;

interface Disks {
  place: Place;
  devices: string[];
  /** Boots the node with this layout in a separate mount namespace. @param after commands to run in its root at the end */
  boot(layout: string, after?: string, env?: Record<string, string>): Promise<ShellResult>;
}

/** Returns a node with a sparse disk of each size. @param sizes in MiB */
async function disks(t: ExecutionContext, shell: string, ...sizes: number[]): Promise<Disks | undefined> {
  const tools = ['losetup', 'partx', 'sfdisk', 'mkfs.ext4', 'mkfs.xfs', 'mkswap', 'blkid', 'unshare'];
  if (!requireAll(t, { root: true, programs: [SHELLS[shell]?.[0] ?? '', 'busybox', ...tools] })) return undefined;
  const place = await makePlace(t);
  await mkdir(join(place.folder, 'sys/class/block'), { recursive: true });
  await writeFile(join(place.proc, 'mounts'), '');
  await writeFile(join(place.proc, 'filesystems'), '\text4\n\txfs\n');
  const devices: string[] = [];
  for (const [index, size] of sizes.entries()) {
    const file = join(place.folder, `disk${index}.img`);
    await writeFile(file, '');
    await truncate(file, size << 20);
    const device = execFileSync('losetup', ['--find', '--show', '--partscan', file], { encoding: 'utf8' }).trim();
    t.teardown(() => {
      execFileSync('sh', [
        '-c',
        `swapoff ${device}p* 2>/dev/null; partx --delete ${device} 2>/dev/null; losetup --detach ${device}`,
      ]);
    });
    devices.push(device);
  }
  return {
    place,
    devices,
    async boot(text, after = '', env = {}) {
      const read = readDiskLayout(text);
      if ('refused' in read) throw new Error(read.refused);
      const { disks, mounts } = nodeLayout(read.disks);
      await writeFile(join(place.folder, 'console'), '');
      await giveSession(place, {
        MUSTER_STYLE: 'roram',
        MUSTER_IMAGE: 'Img',
        MUSTER_FAILURE_SECS: 5,
        MUSTER_DISK_LAYOUT: disks.join('\n'),
        MUSTER_DISK_MOUNTS: mounts.join('\n'),
      });
      const given = {
        MUSTER_SYS: join(place.folder, 'sys'),
        MUSTER_DISK_SECS: '0',
        LOOPS: devices.join(' '),
        CUT: '',
        ...env,
      };
      return runParts(shell, place, `${PARTS}${BOOT}cd "$NEWROOT"\n${after}`, given, ['unshare', '--mount']);
    },
  };
}

/** Replaces the lookup of programs: finds `instead` for one of them. */
const withTool = (name: string, instead: string): string => `on_path() {
    if [ "$1" = ${name} ]; then echo ${instead} && return; fi
    for _there in /usr/sbin /usr/bin /sbin /bin; do if [ -x "$_there/$1" ]; then echo "$_there/$1" && return; fi; done
}
`;
const tag = (device: string, name: string): string =>
  execFileSync('blkid', ['-p', '-o', 'value', '-s', name, device], { encoding: 'utf8' }).trim();
const says = ({ console }: ShellResult): string => console.split('\n').find(line => line.includes('<3>')) ?? '';

for (const shell of Object.keys(SHELLS)) {
  test.serial(
    `${shell}: empty disks get partitions, file systems and swap; the next boot finds them with their data`,
    async t => {
      const it = await disks(t, shell, 400, 64);
      if (!it) return;
      const [one, two] = it.devices as [string, string];
      await mkdir(join(it.place.root, 'var/lib'), { recursive: true });
      await writeFile(join(it.place.root, 'var/lib/of-image'), 'from the image\n');
      await chmod(join(it.place.root, 'var'), 0o751);
      const layout = `${one} scratch=rest:xfs@/scratch; ${two} swap=16M:swap,var=rest@/var`;
      const first = await it.boot(
        layout,
        'cat var/lib/of-image; stat -c %a var; echo mine >scratch/data; echo kept >var/lib/of-image',
      );
      t.is(first.status, 0, first.console + first.stderr);
      t.regex(first.stdout, /^ROOT swap on \S+p1, \/scratch on \S+p1, \/var on \S+p2\nfrom the image\n751\n$/);
      t.deepEqual([tag(`${one}p1`, 'TYPE'), tag(`${two}p1`, 'TYPE'), tag(`${two}p2`, 'TYPE')], ['xfs', 'swap', 'ext4']);
      t.is(tag(`${one}p1`, 'PART_ENTRY_NAME'), 'muster:scratch');
      t.regex(await readFile('/proc/swaps', 'utf8'), new RegExp(`${two.slice('/dev'.length)}p1\\s`));
      execFileSync('swapoff', [`${two}p1`]);
      // The disks have other names now, and a newer image has no xfsprogs.
      const moved = layout.replace(one, '/dev/nosuch');
      const again = await it.boot(moved, 'cat scratch/data var/lib/of-image; swapoff $LOOP_SWAP', {
        LOOP_SWAP: `${two}p1`,
        CUT: withTool('mkfs.xfs', "''"),
      });
      t.is(again.status, 0, again.console + again.stderr);
      t.regex(again.stdout, /\nmine\nkept\n$/, 'the image does not replace what is on the disk');
    },
  );

  test.serial(`${shell}: a disk that holds anything is not laid out, unless its serial number is named`, async t => {
    const it = await disks(t, shell, 32);
    if (!it) return;
    const [disk] = it.devices as [string];
    const layout = `${disk} a=8M@/a,b=rest@/b`;
    const refused = async (text: string, words: RegExp): Promise<void> => {
      const result = await it.boot(text);
      t.is(result.status, 3, result.stdout);
      t.regex(says(result), words);
    };
    execFileSync('mkfs.ext4', ['-q', '-L', 'theirs', disk]);
    await refused(
      layout,
      /is not empty: it holds ext4\. Nothing was changed\. To have it erased.*b=rest@\/b erase=Sloop\d+'/,
    );
    await refused(`${layout} erase=S124`, /is not empty/);
    t.is(tag(disk, 'LABEL'), 'theirs');
    execFileSync('wipefs', ['-aq', disk]);
    execFileSync('dd', ['if=/dev/zero', `of=${disk}`, 'bs=1M', 'count=1', 'status=none', 'conv=notrunc']);
    execFileSync('dd', [`of=${disk}`, 'bs=1', 'seek=70000', 'count=1', 'status=none'], { input: 'x' });
    await refused(layout, /is not empty: its first mebibyte is not blank/);
    execFileSync('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', disk], { input: 'label: dos\n' });
    await refused(layout, /is not empty: it has a partition table \(dos\)/);
    execFileSync('sfdisk', ['-q', disk], { input: 'label: gpt\ntype=L, name=theirs\n' });
    await refused(layout, /is not empty: it has partitions/);
    await refused(`${disk}p1 a=8M`, /is a partition; name a disk/);
    await refused('/dev/nosuch a=8M', /there is no disk \/dev\/nosuch \(_disk_layout\); there are: none/);
    await writeFile(join(it.place.proc, 'mounts'), `${disk}p1 /theirs ext4 rw 0 0\n`);
    await refused(`${layout} erase=S${disk.slice('/dev/'.length)}`, /is mounted\. Nothing was changed/);
    await writeFile(join(it.place.proc, 'mounts'), '');
    const erased = await it.boot(`${layout} erase=S1,S${disk.slice('/dev/'.length)}`);
    t.is(erased.status, 0, erased.console + erased.stderr);
    t.is(tag(`${disk}p2`, 'PART_ENTRY_NAME'), 'muster:b');
    await refused(
      `${disk} a=8M@/a,b=8M@/b,c=rest@/c`,
      /of the partitions of \S+ \(_disk_layout\), a b are there and c are not/,
    );
    execFileSync('mkfs.ext4', ['-q', '-F', '-L', 'a', `${disk}p1`]);
    execFileSync('mkswap', ['-L', 'b', `${disk}p2`], { stdio: 'ignore' });
    await refused(layout, /b \(_disk_layout\) should be ext4, and \S+p2 holds swap\. Nothing was changed/);
  });

  test.serial(`${shell}: after a power cut before the file systems are whole, the next boot makes them`, async t => {
    const cuts = [
      'make_file_system() { exit 9; }',
      'name_partition() { exit 9; }',
      // The first of two names is there.
      `name_partition() { sfdisk --quiet --part-label "\${1##*=}" 1 muster:swap; exit 9; }`,
    ];
    const it = await disks(t, shell, ...cuts.map(() => 64));
    if (!it) return;
    for (const [index, cut] of cuts.entries()) {
      const disk = it.devices[index] ?? '';
      const layout = `${disk} swap=16M:swap,data=rest@/data`;
      const others = it.devices.filter(one => one !== disk);
      for (const other of others) execFileSync('wipefs', ['-aq', '--force', other]);
      t.is((await it.boot(layout, '', { CUT: cut, LOOPS: disk })).status, 9, cut);
      const next = await it.boot(layout, `swapoff ${disk}p1`, { LOOPS: disk });
      t.is(next.status, 0, cut + next.console + next.stderr);
      t.regex(next.stdout, /^ROOT swap on \S+, \/data on \S+\n$/);
      t.is(tag(`${disk}p2`, 'PART_ENTRY_NAME'), 'muster:data');
    }
  });

  test.serial(`${shell}: a copy of the image's folder that was cut off is finished by the next boot`, async t => {
    const it = await disks(t, shell, 64);
    if (!it) return;
    const layout = `${it.devices[0]} var=rest@/var`;
    await mkdir(join(it.place.root, 'var'));
    for (const name of ['a', 'b']) await writeFile(join(it.place.root, 'var', name), name);
    const cut = await it.boot(layout, '', {
      CUT: `${withTool('cp', 'cut_off')}cut_off() { cat "$NEWROOT/var/a" >"$_look/a"; exit 9; }`,
    });
    t.regex(says(cut), /the image's \/var cannot be copied to \S+p1/);
    t.regex((await it.boot(layout, 'ls -A var; echo more >var/c')).stdout, /\n(lost\+found\n)?a\nb\n(lost\+found\n)?$/);
    await writeFile(join(it.place.root, 'var/new'), 'of a newer image');
    t.regex((await it.boot(layout, 'rm var/a; echo var/*')).stdout, /\nvar\/b var\/c var\/lost\+found\n$/);
  });

  test.serial(`${shell}: what is optional is missed with a note, and the boot goes on`, async t => {
    const it = await disks(t, shell, 32, 64);
    if (!it) return;
    const [small, disk] = it.devices as [string, string];
    const layout = `/dev/nosuch a=rest@/a?; ${small} b=1G@/b?; ${disk} c=8M:swap?,d=8M@/etc/d?,e=rest@/e`;
    await writeFile(join(it.place.root, 'etc/d'), 'no folder');
    const result = await it.boot(layout, 'mount -t ext4 >&2', {
      CUT: withTool('swapon', 'false'),
    });
    t.is(result.status, 0, result.console + result.stderr);
    const [first, second, third, fourth, last] = result.stdout.split('\n');
    t.regex(first ?? '', /^REPORT detail=there is no disk \/dev\/nosuch .*; continuing without it$/);
    t.regex(
      second ?? '',
      /is too small: b=1G@\/b\? needs 1026 MiB, and it has 32 MiB\. Nothing was changed; continuing/,
    );
    t.regex(third ?? '', /cannot be used as swap \(c, _disk_layout\)/);
    t.regex(fourth ?? '', /\/etc\/d \(_disk_layout\) is no folder in the image Img; continuing/);
    t.is(last, `ROOT /e on ${disk}p3`);
    const needed = await it.boot(`${small} b=1G@/b?,f=1M@/f`);
    t.is(needed.status, 3, 'a disk of which something is needed');
    t.regex(says(needed), /is too small/);
  });

  test.serial(`${shell}: two partitions of one name, and missing programs, are refused`, async t => {
    const it = await disks(t, shell, 32, 32);
    if (!it) return;
    const [one, two] = it.devices as [string, string];
    for (const disk of [one, two]) t.is((await it.boot(`${disk} a=rest@/a`, '', { LOOPS: disk })).status, 0);
    t.regex(
      says(await it.boot(`${one} a=rest@/a`)),
      /a \(_disk_layout\) is on several partitions: \S+ \S+; take one of them out/,
    );
    for (const [layout, tool, words] of [
      [`${one} b=rest:xfs@/b`, 'mkfs.xfs', 'xfsprogs'],
      [`${one} b=rest:swap`, 'swapon', 'mount (Debian)'],
      [`${one} b=rest`, 'sfdisk', 'fdisk (Debian)'],
      [`raid1(${one},${two}) b=rest@/b`, 'mdadm', 'mdadm'],
    ] as const) {
      const result = await it.boot(layout, '', {
        CUT: `${withTool(tool, "''")}report_fault() { echo "$1 $2 $3"; }`,
      });
      t.true(says(result).includes(`this initramfs has no ${tool}, which _disk_layout needs`), says(result));
      t.true(says(result).includes(`install the package ${words}`), says(result));
      t.true(result.stdout.startsWith(`disk-tool-missing name=${tool} want=${words}`), result.stdout);
    }
  });

  test.serial(`${shell}: a damaged file system is not made again`, async t => {
    const it = await disks(t, shell, 700);
    if (!it) return;
    const [disk] = it.devices as [string];
    const layout = `${disk} a=64M@/a,b=rest:xfs@/b?`;
    t.is((await it.boot(layout)).status, 0);
    // The root folder of the xfs, and the superblock of the ext4.
    execFileSync('dd', ['if=/dev/urandom', `of=${disk}p2`, 'bs=1k', 'seek=4', 'count=400', 'status=none']);
    const xfs = await it.boot(layout);
    t.is(xfs.status, 0, xfs.console);
    t.regex(xfs.stdout, /\/b cannot be mounted from \S+p2 .*xfs_repair -n finds errors.*continuing without it/);
    execFileSync('dd', ['if=/dev/zero', `of=${disk}p1`, 'bs=1k', 'count=4', 'status=none']);
    t.regex(says(await it.boot(layout)), /a \(_disk_layout\) should be ext4, and \S+p1 holds nothing that blkid knows/);
  });

  test.serial(`${shell}: a root whose file system a power cut left unfinished is found by its label`, async t => {
    const it = await disks(t, shell, 32);
    if (!it) return;
    const layout = `${it.devices[0]} root=rest`;
    t.is((await it.boot(layout)).status, 0);
    execFileSync('wipefs', ['-aq', `${it.devices[0]}p1`]);
    t.is((await it.boot(layout, 'resolve_device LABEL=root && echo "$DEVICE"')).stdout, `ROOT \n${it.devices[0]}p1\n`);
  });

  test.serial(`${shell}: a partition that another node is making on a shared disk is not touched`, async t => {
    const it = await disks(t, shell, 32, 32);
    if (!it) return;
    const [own, shared] = it.devices as [string, string];
    execFileSync('sfdisk', ['--quiet', shared], { input: 'label: gpt\ntype=L, name="muster-new:a"\n' });
    execFileSync('partx', ['--update', shared]);
    execFileSync('mkfs.ext4', ['-q', '-L', 'a', `${shared}p1`]);
    const uuid = tag(`${shared}p1`, 'UUID');
    const first = await it.boot(`${own} a=rest@/a`);
    t.regex(first.stdout, new RegExp(`ROOT /a on ${own}p1`), first.console);
    t.is(tag(`${shared}p1`, 'UUID'), uuid);
    t.is(tag(`${shared}p1`, 'PART_ENTRY_NAME'), 'muster-new:a');
    const again = await it.boot(`${own} a=rest@/a`);
    t.regex(again.stdout, new RegExp(`ROOT /a on ${own}p1`), again.console);
  });

  test.serial(
    `${shell}: partitions that the kernel shows late, and a file system that others made, are taken as they are`,
    async t => {
      const it = await disks(t, shell, 32, 32);
      if (!it) return;
      const [late, theirs] = it.devices as [string, string];
      execFileSync('mkfs.ext4', ['-q', '-L', 'b', theirs]);
      const layout = `${late} a=rest@/a; /dev/nosuch b=rest@/b`;
      t.is((await it.boot(layout, 'echo mine >a/data; echo theirs >b/data')).status, 0);
      const again = await it.boot(layout, 'cat a/data b/data', {
        CUT: `rm "$MUSTER_SYS"/class/block/*p1; _looks=0; settle() { _looks=$((_looks + 1)); [ "$_looks" -lt 3 ] || udevadm settle; }`,
      });
      t.regex(again.stdout, new RegExp(`^ROOT /a on ${late}p1, /b on ${theirs}\nmine\ntheirs\n$`), again.console);
    },
  );
}
