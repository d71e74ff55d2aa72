// Which logical unit belongs to which disk: sessions that share a disk share its unit while one of them exists.
import type { BlockDevice } from '../scsi/block-device.ts';
import { LogicalUnit } from '../scsi/lun.ts';
import type { Identity } from '../scsi/request.ts';

export class Units {
  private readonly units = new WeakMap<BlockDevice, LogicalUnit>();

  of(device: BlockDevice, identity: Identity): LogicalUnit {
    const known = this.units.get(device);
    if (known) return known;
    const unit = new LogicalUnit(device, identity);
    this.units.set(device, unit);
    return unit;
  }
}
