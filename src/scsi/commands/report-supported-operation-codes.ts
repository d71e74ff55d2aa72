// REPORT SUPPORTED OPERATION CODES (SPC-4 §6.35): the command table, as an initiator may read it.
import { type CommandRow, whole } from '../command-row.ts';
import { answer, badField, type Plan } from '../plan.ts';

const OPCODE = 0xa3;
const SERVICE_ACTION = 0x0c;

/** Reporting options (SPC-4 table 287). */
const ALL = 0;
const BY_OPCODE = 1;
const BY_SERVICE_ACTION = 2;
const BY_EITHER = 3;

/** @param commands the table, which contains this row and so cannot be imported here */
export function reportSupportedOperationCodes(commands: () => readonly CommandRow[]): CommandRow {
  return {
    name: 'REPORT SUPPORTED OPERATION CODES',
    opcode: OPCODE,
    serviceAction: SERVICE_ACTION,
    length: 12,
    usage: [OPCODE, 0x1f, 0x87, ...whole(7), 0, 0],
    plan({ cdb }) {
      const options = cdb.readUInt8(2) & 0x07;
      const timeouts = (cdb.readUInt8(2) & 0x80) !== 0;
      const allocationLength = cdb.readUInt32BE(6);
      if (options === ALL) return answer(everyCommand(commands(), timeouts), allocationLength);
      return one(commands(), options, cdb.readUInt8(3), cdb.readUInt16BE(4), timeouts, allocationLength);
    },
  };
}

/** All_commands parameter data (SPC-4 §6.35.2). */
function everyCommand(commands: readonly CommandRow[], timeouts: boolean): Buffer {
  const descriptors = commands.map(row => {
    const bytes = Buffer.alloc(8);
    bytes[0] = row.opcode;
    bytes.writeUInt16BE(row.serviceAction ?? 0, 2);
    bytes[5] = (timeouts ? 0x02 : 0) | (row.serviceAction === undefined ? 0 : 0x01);
    bytes.writeUInt16BE(row.length, 6);
    return timeouts ? Buffer.concat([bytes, timeoutsDescriptor()]) : bytes;
  });
  const list = Buffer.concat(descriptors);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(list.length, 0);
  return Buffer.concat([length, list]);
}

/** One_command parameter data (SPC-4 §6.35.3). */
function one(
  commands: readonly CommandRow[],
  options: number,
  opcode: number,
  action: number,
  timeouts: boolean,
  allocationLength: number,
): Plan {
  if (options > BY_EITHER) return badField(2, 2);
  const rows = commands.filter(row => row.opcode === opcode);
  const hasActions = rows.some(row => row.serviceAction !== undefined);
  // The option must fit the opcode: with or without a service action (SPC-4 table 287).
  if (options === BY_OPCODE && hasActions) return badField(2, 2);
  if (options === BY_SERVICE_ACTION && rows.length > 0 && !hasActions) return badField(2, 2);
  const row = hasActions
    ? rows.find(candidate => candidate.serviceAction === action)
    : actionless(rows, options, action);
  return answer(row ? supported(row, timeouts) : Buffer.from([0, 0x01, 0, 0]), allocationLength);
}

/** For an opcode without service actions the requested service action must be zero (SPC-4 table 287, option 3). */
function actionless(rows: readonly CommandRow[], options: number, action: number): CommandRow | undefined {
  return options === BY_EITHER && action !== 0 ? undefined : rows[0];
}

function supported(row: CommandRow, timeouts: boolean): Buffer {
  const usage = [...row.usage];
  // The service action itself, not a mask, at its place in the CDB (SPC-4 §6.35.3).
  if (row.serviceAction !== undefined) usage[1] = row.serviceAction;
  const head = [0, (timeouts ? 0x80 : 0) | 0x03, 0, row.length];
  return Buffer.concat([Buffer.from([...head, ...usage]), timeouts ? timeoutsDescriptor() : Buffer.alloc(0)]);
}

/** Command timeouts descriptor (SPC-4 §6.35.4): length 0Ah, no time is named. */
function timeoutsDescriptor(): Buffer {
  const descriptor = Buffer.alloc(12);
  descriptor.writeUInt16BE(0x0a, 0);
  return descriptor;
}
