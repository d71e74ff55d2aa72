// A directory with one target, for tests: a file, read-only or under an overlay, with or without CHAP.
import type { Chap, TargetDirectory } from '../../../src/iscsi/directory.ts';
import type { BlockDevice } from '../../../src/scsi/block-device.ts';
import { openFileDevice } from '../../../src/scsi/file-device.ts';
import { openFileStore } from '../../../src/scsi/file-store.ts';
import { memoryStore } from '../../../src/scsi/memory-store.ts';
import { OverlayDevice } from '../../../src/scsi/overlay-device.ts';

export const TARGET = 'iqn.2026-01.lab.test:img';

export interface OneTarget {
  target?: string;
  /** `memory`, or the path of the overlay's file; read-only when absent. */
  overlay?: string;
  chap?: Chap;
}

export async function serveFile(
  path: string,
  options: OneTarget = {},
): Promise<{ directory: TargetDirectory; device: BlockDevice }> {
  const device = await openDevice(path, options.overlay);
  return { device, directory: oneTarget(device, options, options.overlay === undefined ? path : undefined) };
}

/** A directory that lets everyone in who knows the secret. */
export function oneTarget(
  device: BlockDevice,
  { target = TARGET, chap }: OneTarget = {},
  file?: string,
): TargetDirectory {
  return {
    discover: async () => ({ targets: [target], ...(chap ? { chap } : {}) }),
    authorize: async visitor =>
      visitor.target === target
        ? {
            device,
            serial: 'test-0001',
            session: 'test',
            ...(file === undefined ? {} : { file }),
            ...(chap ? { chap } : {}),
          }
        : { refused: `there is no target ${visitor.target}`, status: 'not-found' },
  };
}

async function openDevice(path: string, overlay: string | undefined): Promise<BlockDevice> {
  const base = await openFileDevice(path);
  if (overlay === undefined) return base;
  const store =
    overlay === 'memory' ? memoryStore(base.size) : await openFileStore(overlay, { size: base.size, id: path });
  return new OverlayDevice(base, store);
}
