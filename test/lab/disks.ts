// Local disks for virtual nodes, each with a loader of its own that says so on the serial console.
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOk } from '../../src/process/run.ts';

const MIB = 1 << 20;

/** What the loader of a disk says. */
export const DISK_WORDS = {
  bios: 'LOCAL-BIOS-DISK',
  iscsi: 'LOCAL-ISCSI-DISK',
  vendor: 'LOCAL-VENDOR-LOADER',
  removable: 'LOCAL-REMOVABLE-LOADER',
} as const;

/** Boot code (440 bytes at most) for an MBR: writes a text to COM1, and stops. */
export function bootCode(words: string): Buffer {
  const code = Buffer.alloc(440);
  Buffer.from(
    [
      'fa', // cli
      '31c0', // xor ax, ax
      '8ed8', // mov ds, ax
      'be407c', // mov si, 0x7c40
      'ac', // next: lodsb
      '84c0', // test al, al
      '7412', // jz done
      '88c3', // mov bl, al
      'bafd03', // mov dx, 0x3fd (line status)
      'ec', // wait: in al, dx
      'a820', // test al, 0x20 (transmitter empty)
      '74fb', // jz wait
      'baf803', // mov dx, 0x3f8
      '88d8', // mov al, bl
      'ee', // out dx, al
      'ebe9', // jmp next
      'f4', // done: hlt
      'ebfd', // jmp done
    ].join(''),
    'hex',
  ).copy(code);
  code.write(`\r\n${words}\r\n\0`, 0x40, 'latin1');
  return code;
}

/** A disk with nothing but an MBR. */
export async function biosDisk(folder: string, words: string): Promise<string> {
  const path = join(folder, 'bios.img');
  const mbr = Buffer.alloc(512);
  bootCode(words).copy(mbr);
  // One active partition, so that no BIOS takes the sector for something else.
  Buffer.from([0x80, 0, 2, 0, 0x83, 0, 0, 0]).copy(mbr, 446);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(2047, 458);
  mbr.writeUInt16LE(0xaa55, 510);
  await writeFile(path, mbr);
  await truncate(path, MIB);
  return path;
}

/** Puts boot code into the MBR of a disk image that has partitions. */
export async function withBootCode(path: string, words: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(bootCode(words), 0, 440, 0);
  } finally {
    await handle.close();
  }
}

/** A GPT disk with an EFI system partition: a system's own loader, and another one at the path of removable media. */
export async function uefiDisk(folder: string): Promise<string> {
  const path = join(folder, 'uefi.img');
  await writeFile(path, '');
  await truncate(path, 40 * MIB);
  await runOk('sfdisk', ['--quiet', path], { input: 'label: gpt\nstart=2048, size=65536, type=U\n' });
  const partition = `${path}@@${MIB}`;
  await runOk('mformat', ['-i', partition, '-T', '65536', '-h', '16', '-s', '32', '::']);
  await runOk('mmd', ['-i', partition, '::/EFI', '::/EFI/BOOT', '::/EFI/debian']);
  for (const [words, target] of [
    [DISK_WORDS.removable, '::/EFI/BOOT/BOOTX64.EFI'],
    [DISK_WORDS.vendor, '::/EFI/debian/grubx64.efi'],
  ] as const) {
    const config = join(folder, 'says.cfg');
    await writeFile(config, `echo ${words}\nsleep 3600\n`);
    const loader = join(folder, 'says.efi');
    await runOk('grub-mkimage', ['-O', 'x86_64-efi', '-o', loader, '-p', '/', '-c', config, 'echo', 'sleep']);
    await runOk('mcopy', ['-i', partition, loader, target]);
  }
  return path;
}
