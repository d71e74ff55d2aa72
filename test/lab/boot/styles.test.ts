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

labTest(
  test,
  'bios, roram with rwtab: the listed paths are writable, the rest is read-only',
  { firmware: 'bios', style: 'roram', attributes: { _boot_rw_layer: 'rwtab' } },
  async (t, lab) => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, BIOS_LACKS, 'roram');
    await contentIsRight(t, lab);
    await rootIs(t, lab, 'squashfs');
    const { status, output } = await runInside(lab.node(), 'touch /usr/a-new-file');
    t.not(status, 0);
    t.regex(output, /Read-only file system/);
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
