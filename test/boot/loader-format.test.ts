// Which firmware a loader file is for, by its first bytes: headers made here, and the files of the distribution where they are.
import { closeSync, openSync, readSync } from 'node:fs';
import test from 'ava';
import { kernelMismatch, LOADER_HEAD, loaderMismatch } from '../../src/boot/loader-format.ts';
import { efiProgram as efi } from '../support/efi.ts';
import { requireAll } from '../support/require.ts';

test('a program for another processor, or none at all, is named', t => {
  t.is(loaderMismatch(efi(0x8664), 'efi64'), undefined);
  t.is(loaderMismatch(efi(0x8664), 'http-efi64'), undefined);
  t.is(loaderMismatch(efi(0xebc), 'efi64'), undefined, 'byte code runs everywhere');
  t.is(loaderMismatch(efi(0xaa64), 'efi-arm64'), undefined);
  t.is(loaderMismatch(efi(0xaa64), 'efi64'), 'is a program for 64-bit ARM, and the firmware is UEFI for x64');
  t.is(loaderMismatch(efi(0x14c), 'efi64'), 'is a program for 32-bit x86, and the firmware is UEFI for x64');
  t.is(loaderMismatch(efi(0x1c2 + 2), 'efi64'), 'is a program for processor 0x1c4, and the firmware is UEFI for x64');
  t.is(loaderMismatch(efi(0x8664), 'bios'), 'is an EFI program for x64, and the firmware is a BIOS');
});

test('a BIOS accepts any file that is not an EFI program; a broken header is not one', t => {
  const raw = Buffer.from('ea05000000', 'hex');
  t.is(loaderMismatch(raw, 'bios'), undefined);
  t.is(loaderMismatch(raw, 'efi64'), 'is no EFI program, and the firmware is UEFI for x64');
  t.is(loaderMismatch(efi(0x8664, 3), 'bios'), undefined, 'a Windows program');
  for (const broken of [Buffer.alloc(0), Buffer.from('MZ'), efi(0x8664).subarray(0, 0x90)])
    t.regex(loaderMismatch(broken, 'efi64') ?? '', /is no EFI program/);
  const far = efi(0x8664);
  far.writeUInt32LE(0xffff_fff0, 0x3c);
  t.regex(loaderMismatch(far, 'efi64') ?? '', /is no EFI program/);
});

test("the distribution's own loaders fit", t => {
  const files = [
    ['/usr/lib/ipxe/undionly.kpxe', 'bios'],
    ['/usr/lib/ipxe/snponly.efi', 'efi64'],
    ['/usr/lib/ipxe/ipxe.efi', 'efi64'],
  ] as const;
  if (!requireAll(t, { files: files.map(([path]) => path) })) return;
  for (const [path, arch] of files) {
    const head = Buffer.alloc(LOADER_HEAD);
    const file = openSync(path, 'r');
    readSync(file, head, 0, head.length, 0);
    closeSync(file);
    t.is(loaderMismatch(head, arch), undefined, path);
    t.truthy(loaderMismatch(head, arch === 'bios' ? 'efi64' : 'bios'), path);
  }
});

test('a kernel for another processor is named; 32 and 64 bits of x86 are one, and what is not known may run', t => {
  const kernel = Buffer.concat([efi(0x8664), Buffer.alloc(512)]);
  kernel.write('HdrS', 0x202, 'latin1');
  const arm = Buffer.alloc(512);
  arm.write('ARM\x64', 56, 'latin1');
  for (const arch of ['bios', 'efi32', 'efi64', 'http-efi64'] as const) {
    t.is(kernelMismatch(kernel, arch), undefined, arch);
    t.is(kernelMismatch(arm, arch), "is for 64-bit ARM, and the node's firmware for x86", arch);
    t.is(kernelMismatch(Buffer.alloc(512), arch), undefined);
  }
  for (const arch of ['efi-arm64', 'http-efi-arm64'] as const) {
    t.is(kernelMismatch(arm, arch), undefined);
    t.is(kernelMismatch(kernel, arch), "is for x86, and the node's firmware for 64-bit ARM");
    t.is(kernelMismatch(efi(0xaa64), arch), undefined, 'compressed, as an EFI program (zboot)');
    t.is(kernelMismatch(efi(0x5064), arch), "is for RISC-V, and the node's firmware for 64-bit ARM");
  }
});
