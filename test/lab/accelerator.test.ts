// How the lab chooses between KVM and emulation: decided by what is seen of a machine, tried once, remembered.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  type Accelerator,
  AcceleratorChoice,
  type AcceleratorPorts,
  systemPorts,
  type TrialOutcome,
  wantedAccelerator,
} from '../../lab/accelerator.ts';
import { holdsDhcp } from '../../lab/capture.ts';
import { systemPath } from '../../lab/process.ts';
import { judge, type Seen } from '../../lab/trial.ts';

const QUIET: Seen = { elapsed: 1000, resets: 0, stopped: false, spoke: true, asked: false };

function ports(given: Partial<AcceleratorPorts> = {}): AcceleratorPorts & { said: string[]; noted: string[] } {
  const said: string[] = [];
  const noted: string[] = [];
  return {
    said,
    noted,
    hasKvm: () => true,
    recall: () => undefined,
    remember: reason => void noted.push(reason),
    say: line => void said.push(line),
    ...given,
  };
}

function machine(outcome: TrialOutcome): {
  begun: (Accelerator | 'stop')[];
  start(accelerator: Accelerator): Promise<void>;
  tryOut(): Promise<TrialOutcome>;
  stop(): Promise<void>;
} {
  const begun: (Accelerator | 'stop')[] = [];
  return {
    begun,
    start: async accelerator => void begun.push(accelerator),
    tryOut: async () => outcome,
    stop: async () => void begun.push('stop'),
  };
}

test('the first DHCP packet proves KVM; a reset, a stop, an end or silence before it disproves it', t => {
  t.is(judge(QUIET), undefined);
  t.deepEqual(judge({ ...QUIET, asked: true, resets: 1 }), { works: true });
  const failures: Partial<Seen>[] = [
    { resets: 1 },
    { stopped: true },
    { ended: 'the virtual machine has ended with status 1' },
    { spoke: false, elapsed: 15_001 },
    { elapsed: 60_001 },
  ];
  for (const failure of failures) {
    const outcome = judge({ ...QUIET, ...failure });
    t.true(outcome?.works === false && outcome.reason.length > 0, JSON.stringify(failure));
  }
});

test('a capture holds a DHCP packet when a frame goes to UDP port 67', t => {
  const frame = (port: number, type = 0x0800, prefix = 0): Buffer => {
    const whole = Buffer.alloc(prefix + 60);
    const bytes = whole.subarray(prefix);
    bytes.writeUInt16BE(type, 12);
    bytes.set([0x45], 14);
    bytes.set([17], 23);
    bytes.writeUInt16BE(68, 34);
    bytes.writeUInt16BE(port, 36);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(whole.length, 8);
    return Buffer.concat([header, whole]);
  };
  const file = (...frames: Buffer[]): Buffer => Buffer.concat([Buffer.alloc(24), ...frames]);
  t.false(holdsDhcp(Buffer.alloc(0)));
  t.false(holdsDhcp(file(frame(53), frame(67, 0x86dd))));
  for (const prefix of [0, 10, 12]) t.true(holdsDhcp(file(frame(53), frame(67, 0x0800, prefix))), String(prefix));
  const whole = file(frame(53), frame(67));
  for (let size = 0; size < whole.length; size += 1) t.notThrows(() => holdsDhcp(whole.subarray(0, size)));
});

test('a KVM that fails its trial is replaced by emulation, with one line, and remembered', async t => {
  const own = ports();
  const choice = new AcceleratorChoice('auto', own);
  const first = machine({ works: false, reason: 'the machine reset' });
  const second = machine({ works: true });
  await Promise.all([choice.start(first), choice.start(second)]);
  t.deepEqual(first.begun, ['kvm', 'stop', 'tcg']);
  t.deepEqual(second.begun, ['tcg']);
  t.is(own.said.length, 1);
  t.deepEqual(own.noted, ['the machine reset']);
});

test('a KVM that works is tried by one node alone', async t => {
  const choice = new AcceleratorChoice('auto', ports());
  const nodes = [machine({ works: true }), machine({ works: false, reason: 'not asked' })];
  await Promise.all(nodes.map(async node => choice.start(node)));
  for (const node of nodes) t.deepEqual(node.begun, ['kvm']);
});

test('emulation is used without a trial on request, without KVM, and after a failure of KVM', async t => {
  for (const [wanted, given] of [
    ['tcg', {}],
    ['auto', { hasKvm: () => false }],
    ['auto', { recall: () => 'the machine reset' }],
  ] as const) {
    const node = machine({ works: true });
    await new AcceleratorChoice(wanted, ports(given)).start(node);
    t.deepEqual(node.begun, ['tcg']);
  }
});

test('a demanded KVM that fails is an error with its remedy, and is tried again', async t => {
  const choice = new AcceleratorChoice('kvm', ports({ recall: () => 'it failed yesterday' }));
  for (let round = 0; round < 2; round += 1) {
    const node = machine({ works: false, reason: 'the machine reset' });
    await t.throwsAsync(choice.start(node), { code: 'boot-failed', message: /the machine reset.*--accel tcg/ });
    t.deepEqual(node.begun, ['kvm', 'stop']);
  }
});

test('a trial that is interrupted leaves no other node waiting', async t => {
  const choice = new AcceleratorChoice('auto', ports());
  const broken = { ...machine({ works: true }), tryOut: async () => Promise.reject(new Error('interrupted')) };
  const next = machine({ works: true });
  const [outcome] = await Promise.allSettled([choice.start(broken), choice.start(next)]);
  t.is(outcome?.status, 'rejected');
  t.deepEqual(next.begun, ['kvm']);
});

test('a failure is remembered until the kernel restarts', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-accel-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'deep', 'accelerator.json');
  const own = systemPorts(() => {}, file);
  t.is(own.recall(), undefined);
  own.remember('the machine reset');
  t.is(own.recall(), 'the machine reset');
  t.true((await readFile(file, 'utf8')).includes('boot'));
});

test('the option goes before the variable, and another word is refused with the choices', t => {
  t.is(wantedAccelerator(undefined, {}), 'auto');
  t.is(wantedAccelerator(undefined, { MUSTER_LAB_ACCEL: 'tcg' }), 'tcg');
  t.is(wantedAccelerator('kvm', { MUSTER_LAB_ACCEL: 'tcg' }), 'kvm');
  t.throws(() => wantedAccelerator('xen', {}), { code: 'bad-usage', message: /--accel: 'xen'.*auto, kvm, tcg/ });
  t.throws(() => wantedAccelerator(undefined, { MUSTER_LAB_ACCEL: 'hvf' }), { message: /MUSTER_LAB_ACCEL: 'hvf'/ });
});

test("the lab finds programs in the caller's PATH without npm's folders, then in the system's folders", t => {
  t.is(systemPath('/own:/clone/node_modules/.bin:/bin'), '/own:/bin:/usr/sbin:/usr/bin:/sbin');
});
