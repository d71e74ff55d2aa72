// The volume label of an ISO 9660 image (ECMA-119 §8.4): what the installer's boot options name it by.
import { open } from 'node:fs/promises';
import { MusterError } from '../errors.ts';

/** ECMA-119 §6.2.1: the volume descriptors begin in sector 16, 2048 bytes each. */
const FIRST_DESCRIPTOR = 16 * 2048;

/** The label; a file that is no ISO image is refused. */
export async function isoLabel(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const descriptor = Buffer.alloc(2048);
    const { bytesRead } = await handle.read(descriptor, 0, descriptor.length, FIRST_DESCRIPTOR);
    // ECMA-119 §8.1: type 1 is the primary descriptor, followed by the identifier `CD001`.
    if (bytesRead < descriptor.length || descriptor[0] !== 1 || descriptor.toString('latin1', 1, 6) !== 'CD001')
      throw new MusterError('bad-value', 'The file is no ISO 9660 image: it has no primary volume descriptor.');
    // ECMA-119 §8.4.7: bytes 41 to 72, filled with spaces.
    return descriptor
      .toString('latin1', 40, 72)
      .replace(/[^\x20-\x7e]/g, '')
      .trim();
  } finally {
    await handle.close();
  }
}
