// Which files a loader may do without, and what is said of names.
import test from 'ava';
import { isOptional, shown } from '../../src/tftp/words.ts';

test('a missing optional file of a loader is no failed boot; a missing required one is', t => {
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
    // A distribution's GRUB
    '/grub/x86_64-efi/command.lst',
    'grub/grub.cfg-01-52-54-00-00-00-01',
    'grub/grub.cfg-0A36',
  ])
    t.true(isOptional(file), file);
  for (const file of ['ldlinux.c32', 'pxelinux.cfg/default', 'grubx64.efi', 'grub/grub.cfg', 'snponly.efi', ''])
    t.false(isOptional(file), file);
});

test('a name is shown without control characters and without a session', t => {
  t.is(shown('a\u001b[2Jb'), 'a?[2Jb');
  t.is(shown('boot/v1/0123456789abcdef0123456789abcdef/x'), 'boot/v1/SESSION/x');
  t.is(shown('/boot/v1/tftp/grub.cfg'), '/boot/v1/tftp/grub.cfg');
});
