// The table of SCSI commands that muster's disks understand.
import type { CommandRow } from './command-row.ts';
import { INQUIRY } from './commands/inquiry.ts';
import { MODE_SENSE } from './commands/mode-sense.ts';
import { PERSISTENT_RESERVE_IN } from './commands/persistent-reserve-in.ts';
import { PREVENT_ALLOW } from './commands/prevent-allow.ts';
import { READ } from './commands/read.ts';
import { READ_CAPACITY } from './commands/read-capacity.ts';
import { REPORT_LUNS } from './commands/report-luns.ts';
import { reportSupportedOperationCodes } from './commands/report-supported-operation-codes.ts';
import { REQUEST_SENSE } from './commands/request-sense.ts';
import { START_STOP_UNIT } from './commands/start-stop-unit.ts';
import { SYNCHRONIZE_CACHE } from './commands/synchronize-cache.ts';
import { TEST_UNIT_READY } from './commands/test-unit-ready.ts';
import { VERIFY } from './commands/verify.ts';
import { WRITE } from './commands/write.ts';
import { WRITE_AND_VERIFY } from './commands/write-and-verify.ts';

export const COMMANDS: readonly CommandRow[] = [
  TEST_UNIT_READY,
  REQUEST_SENSE,
  INQUIRY,
  REPORT_LUNS,
  ...MODE_SENSE,
  START_STOP_UNIT,
  PREVENT_ALLOW,
  ...READ_CAPACITY,
  ...READ,
  ...WRITE,
  ...VERIFY,
  ...WRITE_AND_VERIFY,
  ...SYNCHRONIZE_CACHE,
  ...PERSISTENT_RESERVE_IN,
  reportSupportedOperationCodes(() => COMMANDS),
];

/** Opcodes that several commands share have a list of rows, the others one row. */
const BY_OPCODE: readonly (CommandRow | readonly CommandRow[] | undefined)[] = Array.from(
  { length: 256 },
  (_, opcode) => {
    const rows = COMMANDS.filter(row => row.opcode === opcode);
    return rows.length > 1 || rows[0]?.serviceAction !== undefined ? rows : rows[0];
  },
);

/** Returns the row of a CDB; `unknown-action` when the opcode is known and its service action is not. */
export function findCommand(cdb: Buffer): CommandRow | 'unknown-opcode' | 'unknown-action' {
  const entry = BY_OPCODE[cdb[0] ?? 0];
  if (!entry) return 'unknown-opcode';
  if (!isList(entry)) return entry;
  if (entry.length === 0) return 'unknown-opcode';
  const action = (cdb[1] ?? 0) & 0x1f;
  return entry.find(row => row.serviceAction === action) ?? 'unknown-action';
}

function isList(entry: CommandRow | readonly CommandRow[]): entry is readonly CommandRow[] {
  return Array.isArray(entry);
}
