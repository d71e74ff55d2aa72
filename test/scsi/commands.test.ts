// Every command by its CDB: what it answers, and what it refuses with which sense.
import test from 'ava';
import { COMMANDS } from '../../src/scsi/commands.ts';
import { LogicalUnit } from '../../src/scsi/lun.ts';
import type { Plan, StatusPlan } from '../../src/scsi/plan.ts';
import { Nexus } from '../../src/scsi/request.ts';
import { fixedSense } from '../../src/scsi/sense.ts';
import { memoryDevice } from './support/memory-device.ts';

const BLOCKS = 16384;
const IDENTITY = { targetName: 'iqn.2026-01.lab.test:img', serial: 'serial-1' };

function unit(how: Parameters<typeof memoryDevice>[1] = {}): { unit: LogicalUnit; nexus: Nexus } {
  const nexus = new Nexus();
  nexus.takeAttention();
  return { unit: new LogicalUnit(memoryDevice(Buffer.alloc(BLOCKS * 512), how), IDENTITY), nexus };
}

function plan(cdb: readonly number[], how: Parameters<typeof memoryDevice>[1] = {}): Plan {
  const { unit: one, nexus } = unit(how);
  return one.plan(Buffer.concat([Buffer.from(cdb), Buffer.alloc(16)]).subarray(0, 16), nexus);
}

function data(found: Plan): Buffer {
  if (found.kind !== 'answer') throw new Error(`no answer but ${JSON.stringify(found)}`);
  return found.data;
}

/** A plan in short: `good`, the name of its sense with the field, or what it does. */
function short(found: Plan): string {
  if (found.kind === 'read') return `read ${found.position}+${found.length}`;
  if (found.kind === 'take') return `take ${found.length}`;
  if (found.kind !== 'status') return found.kind;
  const { sense } = found;
  if (!sense) return 'good';
  const field = sense.field && `@${sense.field.byte}${sense.field.bit === undefined ? '' : `.${sense.field.bit}`}`;
  return `${sense.name}${field ?? ''}`;
}

const CASES: [string, readonly number[], string][] = [
  ['SPC-4 §6.47: TEST UNIT READY', [0, 0, 0, 0, 0, 0], 'good'],
  ['SPC-4 §4.5.2.4.2: a reserved bit is pointed at', [0, 0, 0x10, 0, 0, 0], 'invalid-field-in-cdb@2.4'],
  ['SAM-5 §5.3: NACA is not there', [0, 0, 0, 0, 0, 0x04], 'invalid-field-in-cdb@5.2'],
  ['SPC-4 §6.1: an opcode that is none', [0xff], 'invalid-opcode@0'],
  ['an unknown service action', [0x9e, 0x1f], 'invalid-field-in-cdb@1.4'],
  ['SBC-3 §5.10: READ (6), 256 blocks when the length is 0', [0x08, 0, 0, 2, 0, 0], 'read 1024+131072'],
  ['SBC-3 §5.11: READ (10)', [0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0], 'read 1536+1024'],
  ['SBC-3 §5.11: READ (10), DPO and FUA', [0x28, 0x18, 0, 0, 0, 0, 0, 0, 1, 0], 'read 0+512'],
  ['SBC-3 §5.11: READ (10), RDPROTECT', [0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0], 'invalid-field-in-cdb@1.5'],
  ['SBC-3 §5.11: no blocks', [0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'good'],
  ['SBC-3 §5.11: no blocks behind the end', [0x28, 0, 0, 0, 0x40, 0, 0, 0, 0, 0], 'lba-out-of-range'],
  ['SBC-3 §5.11: over the end', [0x28, 0, 0, 0, 0x3f, 0xff, 0, 0, 2, 0], 'lba-out-of-range'],
  ['SBC-3 §6.5.3: longer than one transfer may be', [0x28, 0, 0, 0, 0, 0, 0, 0x20, 1, 0], 'invalid-field-in-cdb@7'],
  ['SBC-3 §5.12: READ (12)', [0xa8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0], 'read 512+512'],
  ['SBC-3 §5.13: READ (16)', [0x88, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0], 'read 512+512'],
  [
    'SBC-3 §5.13: READ (16), an address beyond every disk',
    [0x88, 0, ...Array(8).fill(255), 0, 0, 0, 1, 0, 0],
    'lba-out-of-range',
  ],
  ['SBC-3 §5.32: WRITE (10)', [0x2a, 0, 0, 0, 0, 0, 0, 0, 4, 0], 'take 2048'],
  ['SBC-3 §5.27: VERIFY (10), nothing to compare', [0x2f, 0, 0, 0, 0, 0, 0, 0, 4, 0], 'work'],
  ['SBC-3 §5.27: VERIFY (10), BYTCHK 01b', [0x2f, 2, 0, 0, 0, 0, 0, 0, 4, 0], 'take 2048'],
  ['SBC-3 §5.27: VERIFY (10), BYTCHK 11b takes one block', [0x2f, 6, 0, 0, 0, 0, 0, 0, 4, 0], 'take 512'],
  ['SBC-3 §5.27: VERIFY (10), BYTCHK 10b', [0x2f, 4, 0, 0, 0, 0, 0, 0, 4, 0], 'invalid-field-in-cdb@1.2'],
  ['SBC-3 §5.35: WRITE AND VERIFY (10), BYTCHK 11b', [0x2e, 6, 0, 0, 0, 0, 0, 0, 4, 0], 'invalid-field-in-cdb@1.2'],
  ['SBC-3 §5.25: SYNCHRONIZE CACHE (10), all', [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'work'],
  ['SBC-3 §5.25: SYNCHRONIZE CACHE (10), IMMED', [0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0], 'work'],
  ['SBC-3 §5.25: SYNCHRONIZE CACHE (10), over the end', [0x35, 0, 0, 0, 0x40, 0, 0, 0, 0, 0], 'lba-out-of-range'],
  ['SBC-3 §5.25: START STOP UNIT', [0x1b, 0, 0, 0, 1, 0], 'good'],
  ['SPC-4 §6.17: PREVENT ALLOW MEDIUM REMOVAL', [0x1e, 0, 0, 0, 1, 0], 'good'],
  ['SBC-3 §5.14: READ CAPACITY (10) with PMI', [0x25, 0, 0, 0, 0, 0, 0, 0, 1, 0], 'invalid-field-in-cdb@8.0'],
  ['SPC-4 §6.4.2: INQUIRY, a page without EVPD', [0x12, 0, 0x80, 0, 96, 0], 'invalid-field-in-cdb@2'],
  ['SPC-4 §6.4.2: INQUIRY, a page that is not', [0x12, 1, 0xcc, 0, 96, 0], 'invalid-field-in-cdb@2'],
  ['SPC-4 §6.13: MODE SENSE (6), a page that is not', [0x1a, 0, 0x05, 0, 96, 0], 'invalid-field-in-cdb@2.5'],
  ['SPC-4 §6.13: MODE SENSE (6), saved values', [0x1a, 0, 0xff, 0, 96, 0], 'saving-parameters-not-supported'],
  [
    'SPC-4 §6.33: REPORT LUNS, an unknown selection',
    [0xa0, 0, 0x20, 0, 0, 0, 0, 0, 0, 16, 0, 0],
    'invalid-field-in-cdb@2',
  ],
  [
    'SPC-4 §6.15: PERSISTENT RESERVE IN, an unknown action',
    [0x5e, 4, 0, 0, 0, 0, 0, 0, 8, 0],
    'invalid-field-in-cdb@1.4',
  ],
];

for (const [name, cdb, expected] of CASES) {
  test(name, t => {
    t.is(short(plan(cdb)), expected);
  });
}

for (const row of COMMANDS.filter(command => command.writes)) {
  test(`a read-only disk answers ${row.name} with WRITE PROTECTED`, t => {
    t.is(short(plan([row.opcode], { readOnly: true })), 'write-protected');
  });
}

test('SPC-4 §6.4.2: INQUIRY, standard data, cut to the allocation length', t => {
  const inquiry = data(plan([0x12, 0, 0, 0, 255, 0]));
  t.is(inquiry.length, 96);
  t.is(inquiry.toString('latin1', 8, 36), 'MUSTER  OVERLAY         1   ');
  t.is(data(plan([0x12, 0, 0, 0, 5, 0])).length, 5);
});

test('SPC-4 §7.8: each page that page 00h names exists, with its code and length', t => {
  const supported = [...data(plan([0x12, 1, 0, 0, 255, 0])).subarray(4)];
  t.deepEqual(supported, [0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
  for (const code of supported) {
    const page = data(plan([0x12, 1, code, 1, 0, 0]));
    t.is(page[1], code);
    t.is(page.readUInt16BE(2), page.length - 4);
  }
});

test('SPC-4 §7.8.5: the name of a disk depends on target and serial number', t => {
  const page = (serial: string) => {
    const one = new LogicalUnit(memoryDevice(Buffer.alloc(512)), { ...IDENTITY, serial });
    const nexus = new Nexus();
    return data(one.plan(Buffer.from([0x12, 1, 0x83, 1, 0, ...Array(11).fill(0)]), nexus)).toString('hex');
  };
  t.is(page('a'), page('a'));
  t.not(page('a'), page('b'));
  t.true(Buffer.from(page('a'), 'hex').includes('iqn.2026-01.lab.test:img,L,0x0000000000000000'));
});

test('SBC-3 §5.14, §5.15: READ CAPACITY', t => {
  t.is(data(plan([0x25])).toString('hex'), '00003fff00000200');
  const long = data(plan([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]));
  t.is(long.toString('hex', 0, 14), '0000000000003fff000002000003');
});

test('SPC-4 §6.13: MODE SENSE reports write protection', t => {
  t.is(data(plan([0x1a, 0, 0x3f, 0, 255, 0], { readOnly: true })).toString('hex', 0, 12), '430090080000400000000200');
  t.is(data(plan([0x1a, 0, 0x3f, 0, 255, 0]))[2], 0x10);
  const long = data(plan([0x5a, 8, 0x08, 0, 0, 0, 0, 0, 255, 0]));
  t.is(long.readUInt16BE(0), long.length - 2);
  t.is(long.toString('hex', 8, 11), '081204');
  const changeable = data(plan([0x1a, 8, 0x4a, 0, 255, 0]));
  t.true(changeable.subarray(6).every(byte => byte === 0));
});

test('SPC-4 §6.39: REQUEST SENSE returns and clears a pending unit attention, in either format', t => {
  for (const [descriptors, expected] of [
    [0, '700006000000000a000000002900'],
    [1, '7206290000000000'],
  ] as const) {
    const { unit: one, nexus } = unit();
    nexus.attend('power-on-or-reset');
    const sense = data(one.plan(Buffer.from([3, descriptors, 0, 0, 252, ...Array(11).fill(0)]), nexus));
    t.true(sense.toString('hex').startsWith(expected));
    t.is(short(one.plan(Buffer.alloc(16), nexus)), 'good');
  }
});

test('SPC-4 §6.35: REPORT SUPPORTED OPERATION CODES lists the table and nothing else', t => {
  const all = data(plan([0xa3, 0x0c, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]));
  t.is(all.readUInt32BE(0), COMMANDS.length * 8);
  for (const [index, row] of COMMANDS.entries()) {
    t.is(all[4 + index * 8], row.opcode);
    const options = row.serviceAction === undefined ? 1 : 2;
    const action = row.serviceAction ?? 0;
    const one = data(plan([0xa3, 0x0c, options, row.opcode, 0, action, 0, 0, 1, 0, 0, 0]));
    t.is(one[1], 3);
    t.is(one.readUInt16BE(2), row.length);
    t.is(row.usage.length, row.length);
  }
  t.is(data(plan([0xa3, 0x0c, 1, 0x04, 0, 0, 0, 0, 1, 0, 0, 0]))[1], 1, 'FORMAT UNIT is not there');
});

async function run(found: Plan, bytes: Buffer): Promise<StatusPlan> {
  if (found.kind === 'take') return found.accept(bytes);
  if (found.kind === 'work') return found.run();
  throw new Error(found.kind);
}

test('SBC-3 §5.27: VERIFY names the first byte that differs', async t => {
  const bytes = Buffer.alloc(1024);
  const verify = [0x2f, 2, 0, 0, 0, 0, 0, 0, 2, 0];
  t.is(short(await run(plan(verify), bytes)), 'good');
  bytes[700] = 1;
  const { sense } = await run(plan(verify), bytes);
  t.deepEqual(sense, { name: 'miscompare', information: 700 });
  t.is(fixedSense({ name: 'miscompare', information: 700 }).readUInt32BE(3), 700);
});

test('a failing disk reports the matching sense', async t => {
  const broken = { broken: true, cold: true };
  t.is(short(await run(plan([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { broken: true }), Buffer.alloc(512))), 'write-error');
  t.is(short(await run(plan([0x35], { broken: true }), Buffer.alloc(0))), 'write-error');
  t.is(short(await run(plan([0x2f, 0, 0, 0, 0, 0, 0, 0, 1, 0], broken), Buffer.alloc(0))), 'unrecovered-read-error');
});

test('SBC-3 §5.25: a flush reports its outcome in its own answer, even with IMMED, and planning flushes nothing', async t => {
  for (const flags of [0, 2]) {
    let flushes = 0;
    const failing = async () => {
      flushes += 1;
      // As fdatasync: an error is reported once.
      if (flushes === 1) throw new Error('i/o error');
    };
    const one = new LogicalUnit({ ...memoryDevice(Buffer.alloc(BLOCKS * 512)), flush: failing }, IDENTITY);
    const nexus = new Nexus();
    nexus.takeAttention();
    const planned = one.plan(Buffer.concat([Buffer.from([0x35, flags]), Buffer.alloc(14)]), nexus);
    t.is(flushes, 0);
    t.is(short(await run(planned, Buffer.alloc(0))), 'write-error');
  }
});

test('a plan is a decision: no command touches the disk before its plan runs', t => {
  let touches = 0;
  const touched = (): never => {
    touches += 1;
    throw new Error('the disk was touched');
  };
  const device = {
    ...memoryDevice(Buffer.alloc(BLOCKS * 512)),
    ready: touched,
    load: touched,
    read: touched,
    write: touched,
    flush: touched,
  };
  const one = new LogicalUnit(device, IDENTITY);
  for (const row of COMMANDS) {
    // Every bit that the row evaluates, one at a time and all at once, on a transfer of one block.
    const flags = Array.from({ length: 8 }, (_, bit) => (row.usage[1] ?? 0) & (1 << bit));
    for (const flag of [...flags, row.usage[1] ?? 0]) {
      const cdb = Buffer.alloc(16);
      cdb[0] = row.opcode;
      cdb[1] = row.serviceAction ?? flag;
      if (row.length > 6) cdb[row.length === 10 ? 8 : row.length === 12 ? 9 : 13] = 1;
      else cdb[4] = 1;
      const nexus = new Nexus();
      nexus.takeAttention();
      one.plan(cdb, nexus);
      t.is(touches, 0, row.name);
    }
  }
});
