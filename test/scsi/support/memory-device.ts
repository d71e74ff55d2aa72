// A disk in memory for tests, that can be made slow or broken.
import type { BlockDevice } from '../../../src/scsi/block-device.ts';

export interface MemoryDevice extends BlockDevice {
  bytes: Buffer;
  /** Ranges that were loaded, as text; while `cold` nothing is ready before. */
  loads: string[];
}

export function memoryDevice(
  bytes: Buffer,
  how: { readOnly?: boolean; cold?: boolean; broken?: boolean } = {},
): MemoryDevice {
  const loads: string[] = [];
  const fail = () => {
    if (how.broken) throw Object.assign(new Error('i/o error'), { code: 'EIO' });
  };
  return {
    bytes,
    loads,
    blockSize: 512,
    size: bytes.length,
    readOnly: how.readOnly ?? false,
    ready: () => !how.cold || loads.length > 0,
    async load(position, length) {
      loads.push(`${position}+${length}`);
      fail();
    },
    read(target, at, length, position) {
      fail();
      bytes.copy(target, at, position, position + length);
    },
    async write(data, position) {
      fail();
      data.copy(bytes, position);
    },
    async flush() {
      fail();
    },
    close: async () => {},
  };
}
