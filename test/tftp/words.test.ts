// Which files a loader may do without.
import test from 'ava';
import { isOptional } from '../../src/tftp/words.ts';

test('what loaders look for and do without is no failed boot; what they need is', t => {
  for (const file of [
    'autoexec.ipxe',
    '/boot/autoexec.ipxe',
    'revocations.efi',
    'shim_certificate_1.efi',
    // U-Boot's own script, and the device tree that it asks for beside a UEFI program, with an empty name too
    'boot.scr.uimg',
    'boot.scr',
    'dtb/',
    'dtb/qemu-arm64.dtb',
  ])
    t.true(isOptional(file), file);
  for (const file of ['ldlinux.c32', 'pxelinux.cfg/default', 'grubx64.efi', 'grub/grub.cfg', 'snponly.efi', ''])
    t.false(isOptional(file), file);
});
