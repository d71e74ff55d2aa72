// Arrays and partition tables of `_disk_layout` in a kernel of user-mode Linux: the machine's own kernel may know neither.
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { nodeLayout, readDiskLayout } from '../../src/model/disk-layout.ts';
import { requireAll } from '../support/require.ts';
import { giveSession, makePlace, runParts, SHELLS, type ShellResult } from './shells.ts';

const MODULES = '/usr/lib/uml/modules';

/** Starts the kernel with the disks $DISKS, and runs the given words in it with this environment. Its root is the machine's, read-only. */
const UML = `#!/bin/bash
export -p >"$PLACE/environment"
printf '%q ' "$@" >"$PLACE/words"
rm -f "$PLACE/status"
linux.uml mem=192M rootfstype=hostfs hostfs=/ root=/dev/root ro quiet $DISKS init="$PLACE/init" place="$PLACE" \\
    con=null con0=null,fd:2 </dev/null >/dev/null 2>"$PLACE/kernel"
exit "$(cat "$PLACE/status" 2>/dev/null || echo 99)"
`;
const INIT = `#!/bin/bash
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t hostfs -o "$place" place "$place"
. "$place/environment"
for module in drivers/md/md-mod drivers/md/raid0 drivers/md/raid1; do insmod ${MODULES}/"$(uname -r)/kernel/$module.ko"; done
eval "$(cat "$place/words")" </dev/null >"$place/stdout" 2>"$place/stderr"
echo $? >"$place/status"
umount -a -t ext4
mdadm --stop --scan 2>/dev/null
sync
echo o >/proc/sysrq-trigger
sleep 10
`;
const PARTS = `for part in disk disk_layout disk_make disk_array disk_mount; do . "$MUSTER_LIB/lib/$part"; done
modprobe() { :; }
report() { shift; echo "REPORT $*"; }
udevadm() { case $1 in info) echo "ID_SERIAL_SHORT=S\${3##*/}" ;; esac; }
eval "$CUT"
prepare_disks; mount_disks; ROOT_DETAIL=\${ROOT_DETAIL#, }; echo "ROOT $ROOT_DETAIL"; cd "$NEWROOT"
`;

type Boot = (disks: string, layout: string, after?: string, cut?: string) => Promise<ShellResult>;

/** A node with the disks a, b and c of 64 MiB. */
async function node(t: ExecutionContext, shell: string): Promise<Boot | undefined> {
  const programs = ['linux.uml', 'mdadm', 'sfdisk', 'mkfs.ext4', 'bash', 'busybox', SHELLS[shell]?.[0] ?? ''];
  if (!requireAll(t, { root: true, programs, files: [MODULES] })) return undefined;
  const place = await makePlace(t);
  await writeFile(join(place.proc, 'mounts'), '');
  await writeFile(join(place.proc, 'filesystems'), '\text4\n');
  await writeFile(join(place.folder, 'uml'), UML, { mode: 0o755 });
  await writeFile(join(place.folder, 'init'), INIT, { mode: 0o755 });
  await mkdir(join(place.root, 'scratch'));
  for (const name of ['a', 'b', 'c']) {
    await writeFile(join(place.folder, name), '');
    await truncate(join(place.folder, name), 64 << 20);
  }
  return async (disks, text, after = '', cut = '') => {
    const read = readDiskLayout(text);
    if ('refused' in read) throw new Error(read.refused);
    const layout = nodeLayout(read.disks);
    await writeFile(join(place.folder, 'console'), '');
    await giveSession(place, {
      MUSTER_FAILURE_SECS: 5,
      MUSTER_DISK_LAYOUT: layout.disks.join('\n'),
      MUSTER_DISK_MOUNTS: layout.mounts.join('\n'),
    });
    const env = {
      ...{ CUT: cut, PLACE: place.folder, MUSTER_SYS: '/sys', MUSTER_DISK_SECS: '0' },
      DISKS: [...disks].map(name => `ubd${name}=${join(place.folder, name)}`).join(' '),
    };
    const { status, console } = await runParts(shell, place, PARTS + after, env, [join(place.folder, 'uml')]);
    const textOf = (name: string): Promise<string> => readFile(join(place.folder, name), 'utf8').catch(() => '');
    return {
      status,
      console,
      stdout: await textOf('stdout'),
      stderr: (await textOf('stderr')) + (await textOf('kernel')),
    };
  };
}
const says = ({ console }: ShellResult): string => console.split('\n').find(line => line.includes('<3>')) ?? '';

// A boot takes seconds in user-mode Linux, so each test runs in one shell only.
test.serial('busybox: a mirror is made, found again, and comes up without one of its disks', async t => {
  const boot = await node(t, 'busybox');
  if (!boot) return;
  const layout = 'raid1(/dev/ubda,/dev/ubdb) data=rest@/scratch';
  const first = await boot(
    'ab',
    layout,
    'echo mine >scratch/data; cat /sys/block/md126/md/level /sys/block/md126/md/raid_disks',
  );
  t.is(first.status, 0, first.console + first.stderr + first.stdout);
  t.is(first.stdout, 'ROOT /scratch on /dev/md126p1\nraid1\n2\n');
  const again = await boot('ab', layout, 'cat scratch/data');
  t.is(again.stdout, 'ROOT /scratch on /dev/md126p1\nmine\n', again.console);
  const degraded = await boot('b', layout, 'cat scratch/data; echo more >>scratch/data');
  t.regex(
    degraded.stdout,
    /^REPORT detail=raid1\S+ \(_disk_layout\) is degraded: it runs on \/dev\/ubdb alone, 1 of 2 disks missing\. Add a new one: mdadm \/dev\/md126 --add \/dev\/DISK\nROOT .*\nmine\n$/,
    degraded.console,
  );
  const stale = await boot('ab', layout, 'cat scratch/data /sys/block/md126/md/degraded');
  t.regex(
    stale.stdout,
    /it runs on \/dev\/ubdb alone, 1 of 2 disks missing\. An older copy is on \/dev\/ubda; add it: mdadm \/dev\/md126 --re-add \/dev\/ubda\nROOT .*\nmine\nmore\n1\n$/,
  );
  const other = await boot('abc', 'raid1(/dev/ubda,/dev/ubdc) more=rest@/scratch');
  t.regex(says(other), /\/dev\/ubda \(_disk_layout\) is not empty: it holds linux_raid_member\. Nothing was changed/);
  const erased = await boot('abc', 'raid1(/dev/ubda,/dev/ubdc) more=rest@/scratch erase=Subda', 'ls scratch');
  t.is(erased.stdout, 'ROOT /scratch on /dev/md126p1\nlost+found\n', erased.console);
  t.regex(
    (await boot('abc', layout, 'cat scratch/data')).stdout,
    /is degraded.*\/dev\/ubdb alone[\s\S]*\nmine\nmore\n$/,
  );
});

test.serial('dash: an array whose making was cut off is finished; a stripe without a disk is refused', async t => {
  const boot = await node(t, 'dash');
  if (!boot) return;
  const layout = 'raid0(/dev/ubda,/dev/ubdc) data=rest@/scratch';
  t.is((await boot('ac', layout, '', 'partition_disk() { sync; exit 9; }')).status, 9);
  const next = await boot(
    'ac',
    layout,
    'df -m scratch | tail -n 1 | { read -r _ size _; [ "$size" -gt 90 ] && echo both; }',
  );
  t.is(next.stdout, 'ROOT /scratch on /dev/md126p1\nboth\n', next.console + next.stderr);
  const half = await boot('c', layout);
  t.regex(says(half), /^<3>muster: raid0\S+ \(_disk_layout\) has 1 of 2 disks \(\/dev\/ubdc\); there are: ubdc /);
  const optional = await boot('c', `${layout}?`);
  t.regex(optional.stdout, /^REPORT detail=raid0.* has 1 of 2 disks.*; continuing without it\nROOT \n$/);
});

test.serial('bash: a partition table of which a power cut left only the second copy is whole again', async t => {
  const boot = await node(t, 'bash');
  if (!boot) return;
  const layout = '/dev/ubda swap=8M:swap?,data=rest@/scratch';
  t.is((await boot('a', layout, 'echo mine >scratch/data')).status, 0);
  // The header and the first entries.
  const cut = await boot(
    'a',
    '/dev/nosuch x=8M@/x?',
    'dd if=/dev/zero of=/dev/ubda bs=512 seek=1 count=8 status=none; sync',
  );
  t.is(cut.status, 0, cut.stderr);
  const next = await boot('a', layout, 'cat scratch/data');
  t.regex(next.stdout, /^ROOT .*\nmine\n$/, next.console + next.stderr);
  t.regex(next.console, /writing both copies of the partition table of \/dev\/ubda again/);
  t.notRegex((await boot('a', layout)).console, /writing both copies/);
});
