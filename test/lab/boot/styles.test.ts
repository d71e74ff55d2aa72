// The whole journey with real firmware, kernel and system: {BIOS, UEFI} × {rwram, roram}, and rwtab; checked from inside the node.
import test from 'ava';
import { labTest } from '../../support/lab.ts';
import { runInside } from '../console.ts';
import { BIOS_LACKS, contentIsRight, lowerIsReadOnly, QUOTED, rootIs, timelineIsComplete } from '../inside.ts';

for (const firmware of ['bios', 'uefi'] as const) {
  const lacks = firmware === 'bios' ? BIOS_LACKS : [];

  labTest(test, `${firmware}, rwram: the root is unpacked in memory`, { firmware, style: 'rwram' }, async (t, lab) => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, lacks, 'rwram');
    await contentIsRight(t, lab);
    await rootIs(t, lab, 'tmpfs');
  });

  labTest(
    test,
    `${firmware}, roram: the root is a read-only image with an overlay`,
    // Words that iPXE must not change
    { firmware, style: 'roram', cmdline: QUOTED },
    async (t, lab) => {
      await lab.bootUp();
      await timelineIsComplete(t, lab, lacks, 'roram');
      await contentIsRight(t, lab);
      await rootIs(t, lab, 'overlay');
      await lowerIsReadOnly(t, lab);
    },
  );
}

const LAYOUT = '/dev/vda swap=64M:swap,srv=rest@/srv; /dev/vdb opt=rest@/opt';

labTest(
  test,
  'bios, roram with rwtab and disks: the listed paths and the disks are writable, the rest is read-only',
  { style: 'roram', attributes: { _boot_rw_layer: 'rwtab', _disk_layout: LAYOUT }, emptyDisks: 2 },
  async (t, lab) => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, BIOS_LACKS, 'roram');
    await contentIsRight(t, lab);
    await rootIs(t, lab, 'squashfs');
    const { status, output } = await runInside(lab.node(), 'touch /usr/a-new-file');
    t.not(status, 0);
    t.regex(output, /Read-only file system/);
    const disks = 'awk \'$2 == "/srv" || $2 == "/opt" { print $1, $2, $3 }\' /proc/mounts; cut -d " " -f 1 /proc/swaps';
    t.regex(
      (await runInside(lab.node(), disks)).output,
      /\/dev\/vdb1 \/opt ext4\s+\/dev\/vda2 \/srv ext4[\s\S]*\/dev\/vda1/,
    );
    await runInside(lab.node(), 'echo mine > /srv/kept; sync');
    await lab.node().powerOff();
    await lab.bootUp();
    t.is((await runInside(lab.node(), 'cat /srv/kept')).output.trim(), 'mine');
  },
);

labTest(
  test,
  'uefi-http, roram: the firmware itself fetches its loader by HTTP',
  { firmware: 'uefi-http' },
  async (t, lab) => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, [], 'roram');
  },
);
