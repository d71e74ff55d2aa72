// The least that is known as an EFI program: its headers.

/** @param machine PE machine type: 0x8664 is x64 @param subsystem 10 is an EFI application */
export function efiProgram(machine: number, subsystem = 10): Buffer {
  const head = Buffer.alloc(512);
  head.write('MZ', 0, 'latin1');
  head.writeUInt32LE(0x80, 0x3c);
  head.write('PE\0\0', 0x80, 'latin1');
  head.writeUInt16LE(machine, 0x84);
  head.writeUInt16LE(subsystem, 0x80 + 24 + 68);
  return head;
}
