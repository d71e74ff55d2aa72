// The disks of booted nodes: one open file for all readers of a blob, and a writable overlay for each boot that wants one.
import { mkdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Boot } from '../boot/boot.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import { stageNumber } from '../boot/journey.ts';
import type { Refused } from '../refused.ts';
import type { BlockDevice } from '../scsi/block-device.ts';
import { openFileDevice } from '../scsi/file-device.ts';
import { openFileStore } from '../scsi/file-store.ts';
import { memoryStore } from '../scsi/memory-store.ts';
import { OverlayDevice } from '../scsi/overlay-device.ts';

/** The most that one node may write to an overlay in the head's memory, in bytes. */
const MEMORY_OVERLAY_BYTES = 256 * 1024 * 1024;

export interface BootDisk {
  device: BlockDevice;
  /** The file of a read-only disk. */
  file?: string;
  /** The same for the same disk in every session. */
  serial: string;
  /** Call it once, when the session releases the disk. */
  release(): void;
}

/** A disk that is open while somebody uses it. Nobody may read a closed one: its descriptor may belong to another file. */
interface Shared {
  device: Promise<BlockDevice>;
  users: number;
}

export class BootDisks {
  private readonly blobPath: (sha256: string) => string;
  private readonly folder: string;
  private readonly files = new Map<string, Shared>();
  /** By boot; the overlay itself counts as one user. */
  private readonly overlays = new Map<string, Shared>();

  /** @param stateFolder overlay files are below it, in `overlays` */
  constructor(stateFolder: string, blobPath: (sha256: string) => string) {
    this.folder = join(stateFolder, 'overlays');
    this.blobPath = blobPath;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Opens the disk of a boot. Rejects when the image's file cannot be opened; returns a refusal when data written to it is lost. */
  async open(boot: Boot, plan: BootPlan, blob: string): Promise<BootDisk | Refused> {
    const { iscsiOverlay } = plan;
    if (!iscsiOverlay) {
      const shared = this.files.get(blob) ?? { device: openFileDevice(this.blobPath(blob)), users: 0 };
      this.files.set(blob, shared);
      return { ...(await this.lend(this.files, blob, shared, blob.slice(0, 32))), file: this.blobPath(blob) };
    }
    if (iscsiOverlay === 'memory' && !this.overlays.has(boot.id) && hasHadItsDisk(boot)) {
      return { refused: 'what it wrote was in the memory of the head, which has been restarted since; boot it again' };
    }
    const shared = this.overlays.get(boot.id) ?? { device: this.openOverlay(boot, blob, iscsiOverlay), users: 1 };
    this.overlays.set(boot.id, shared);
    return this.lend(this.overlays, boot.id, shared, `${boot.id}${blob}`.slice(0, 32));
  }

  /** Deletes what ended boots have written. */
  async dropOverlays(isLive: (boot: string) => boolean): Promise<void> {
    for (const [id, shared] of this.overlays) {
      if (isLive(id)) continue;
      this.overlays.delete(id);
      this.giveBack(this.overlays, id, shared);
    }
    for (const id of await readdir(this.folder)) {
      if (!isLive(id)) await rm(join(this.folder, id), { force: true });
    }
  }

  /** Releases every overlay; files stay. Sessions must be over. */
  async close(): Promise<void> {
    for (const { device } of this.overlays.values()) await (await device.catch(() => undefined))?.close();
    this.overlays.clear();
  }

  private async lend(from: Map<string, Shared>, key: string, shared: Shared, serial: string): Promise<BootDisk> {
    shared.users += 1;
    try {
      const device = await shared.device;
      return { device, serial, release: () => this.giveBack(from, key, shared) };
    } catch (error) {
      // The next one tries again.
      if (from.get(key) === shared) from.delete(key);
      throw error;
    }
  }

  private giveBack(from: Map<string, Shared>, key: string, shared: Shared): void {
    shared.users -= 1;
    if (shared.users > 0) return;
    if (from.get(key) === shared) from.delete(key);
    // A failure to close affects nobody: the disk is no longer in use.
    shared.device.then(device => device.close()).catch(() => {});
  }

  private async openOverlay(boot: Boot, blob: string, kind: 'memory' | 'file'): Promise<BlockDevice> {
    const base = await openFileDevice(this.blobPath(blob));
    try {
      const store =
        kind === 'memory'
          ? memoryStore(MEMORY_OVERLAY_BYTES)
          : await openFileStore(join(this.folder, boot.id), { size: base.size, id: blob });
      return new OverlayDevice(base, store);
    } catch (error) {
      await base.close();
      throw error;
    }
  }
}

function hasHadItsDisk(boot: Boot): boolean {
  return boot.events.some(({ stage, error }) => !error && stageNumber(stage) >= stageNumber('image'));
}
