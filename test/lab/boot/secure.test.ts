// Secure Boot: firmware that runs nothing but what is signed boots a node by a distribution's shim, GRUB and kernel.
import test from 'ava';
import { requireLab, withLab } from '../../support/lab.ts';
import { contentIsRight, QUOTED, timelineIsComplete } from '../inside.ts';

test.serial(
  'uefi with Secure Boot: iPXE is refused, shim boots a node, and its kernel knows that it was verified',
  async t => {
    if (!requireLab(t, 'uefi-secure')) return;
    await withLab(t, { firmware: 'uefi-secure', cmdline: QUOTED }, async lab => {
      await lab.muster('node', '-i', 'n0', 'set', '_boot_loader=ipxe');
      const node = lab.node();
      await node.powerOn();
      await node.waitForSerial(/Access Denied/, { timeoutMs: 180_000, from: 0 });
      await node.powerOff();
      const set = await lab.muster('node', '-i', 'n0', 'set', '_boot_loader=shim', '_boot_style=roram');
      t.is(set.status, 0, set.stderr);
      await lab.bootUp();
      await timelineIsComplete(t, lab, ['ipxe'], 'roram');
      await contentIsRight(t, lab);
      const said = await lab.muster('node', '-i', 'n0', 'exec', 'dmesg');
      t.regex(said.stdout, /[Ss]ecure boot enabled/);
    });
  },
);
