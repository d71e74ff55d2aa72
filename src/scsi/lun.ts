// A logical unit: the sessions (nexuses) that have it open, and the dispatch of a command to its row.
import type { BlockDevice } from './block-device.ts';
import { findCommand } from './commands.ts';
import { badField, failed, type Plan } from './plan.ts';
import { type Disk, type Identity, Nexus } from './request.ts';

export class LogicalUnit implements Disk {
  readonly device: BlockDevice;
  readonly identity: Identity;
  private readonly nexuses = new Set<Nexus>();

  constructor(device: BlockDevice, identity: Identity) {
    this.device = device;
    this.identity = identity;
  }

  attach(nexus: Nexus): void {
    this.nexuses.add(nexus);
  }

  detach(nexus: Nexus): void {
    this.nexuses.delete(nexus);
  }

  /** Another initiator's reset, for every nexus but its own (SAM-5 §6.3.3). */
  resetOthers(nexus: Nexus, how: 'tasks' | 'session'): void {
    for (const other of [...this.nexuses]) {
      if (other === nexus) continue;
      other.attend('bus-device-reset');
      other.onReset(how);
    }
  }

  /** Decides on one command. `cdb` is 16 bytes. */
  plan(cdb: Buffer, nexus: Nexus): Plan {
    const row = findCommand(cdb);
    const exempt = typeof row === 'object' && row.ignoresAttention === true;
    if (nexus.attentionWaits && !exempt) {
      const sense = nexus.takeAttention();
      if (sense) return { kind: 'status', sense };
    }
    if (row === 'unknown-opcode') return failed('invalid-opcode', { field: { byte: 0 } });
    if (row === 'unknown-action') return badField(1, 4);
    const wrong = reservedBit(cdb, row.usage);
    if (wrong) return badField(wrong.byte, wrong.bit);
    if (row.writes && this.device.readOnly) return failed('write-protected');
    return row.plan({ cdb, unit: this, device: this.device, nexus });
  }
}

/** Returns the highest bit of the first byte that is set and must not be; ignores the service action. */
function reservedBit(cdb: Buffer, usage: readonly number[]): { byte: number; bit: number } | undefined {
  for (let byte = 1; byte < usage.length; byte += 1) {
    const wrong = (cdb[byte] ?? 0) & ~(usage[byte] ?? 0);
    if (wrong !== 0) return { byte, bit: 31 - Math.clz32(wrong) };
  }
  return undefined;
}

/** The answers of any other logical unit number (SPC-4 §6.4.2, SAM-5 §5.11): INQUIRY says that nothing is there. */
export function planForAbsentUnit(cdb: Buffer, known: LogicalUnit, nexus: Nexus): Plan {
  const row = findCommand(cdb);
  if (typeof row === 'object' && row.ignoresAttention) {
    const plan = row.plan({ cdb, unit: known, device: known.device, nexus: new Nexus('lun-not-supported') });
    // Qualifier 011b, type 1Fh: the target cannot have a unit there (SPC-4 §6.4.2).
    if (row.opcode === 0x12 && plan.kind === 'answer' && plan.data.length > 0) plan.data[0] = 0x7f;
    // REPORT LUNS is answered on any unit number.
    if (row.opcode === 0xa0) return row.plan({ cdb, unit: known, device: known.device, nexus });
    return plan;
  }
  return failed('lun-not-supported');
}
