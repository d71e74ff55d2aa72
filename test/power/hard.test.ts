// Actions of one machine in simulated time: what is asked, what is confirmed, and when it is given up; limits, tries and turns.
import test from 'ava';
import { MusterError } from '../../src/errors.ts';
import type { PowerReading, PowerTarget } from '../../src/power/driver.ts';
import { NoCycle } from '../../src/power/failures.ts';
import { actHard, settled } from '../../src/power/hard.ts';
import { askingAgain, Limits, Stagger } from '../../src/power/limits.ts';
import { actSoft } from '../../src/power/soft.ts';

/** A clock that goes on only by what is slept. */
function clock() {
  let now = 0;
  const sleep = async (milliseconds: number): Promise<void> => {
    now += milliseconds;
  };
  return { now: () => now, sleep };
}

class Machine implements PowerTarget {
  readonly name = 'machine';
  readonly asked: string[] = [];
  private readonly now: () => number;
  private readonly delayMs: number;
  private changes: { at: number; state: 'on' | 'off' }[];
  ignores = false;
  cycleStaysOff = false;

  constructor(now: () => number, state: 'on' | 'off', delayMs = 0) {
    this.now = now;
    this.delayMs = delayMs;
    this.changes = [{ at: 0, state }];
  }

  async status() {
    return this.changes.findLast(({ at }) => at <= this.now())?.state ?? 'off';
  }

  async on() {
    this.ask('on', 'on');
  }

  async off() {
    this.ask('off', 'off');
  }

  async cycle() {
    this.ask('cycle', 'off');
    if (!this.cycleStaysOff) this.changes.push({ at: this.now() + this.delayMs + 5000, state: 'on' });
  }

  async reset() {
    this.asked.push('reset');
  }

  async bootNext(device: string, efi: boolean) {
    this.asked.push(`boot ${device}${efi ? ' efi' : ''}`);
  }

  private ask(word: string, state: 'on' | 'off') {
    this.asked.push(word);
    if (!this.ignores) this.changes.push({ at: this.now() + this.delayMs, state });
  }
}

const once = { turn: async () => {}, again: async <T>(work: () => Promise<T>) => work() };

test('off is confirmed, however late the BMC is; a machine that is already off gets no command', async t => {
  const time = clock();
  const machine = new Machine(time.now, 'on', 9000);
  t.deepEqual(await actHard(machine, { action: 'off', efi: false }, { ...time, ...once }), {
    state: 'off',
    wasSo: false,
  });
  t.true(time.now() >= 9000);
  t.deepEqual(await actHard(machine, { action: 'off', efi: false }, { ...time, ...once }), {
    state: 'off',
    wasSo: true,
  });
  t.deepEqual(machine.asked, ['off']);
});

test('a BMC that confirms and does nothing is detected', async t => {
  const time = clock();
  const machine = new Machine(time.now, 'off');
  machine.ignores = true;
  const error = await t.throwsAsync(actHard(machine, { action: 'on', efi: false }, { ...time, ...once }));
  t.is(error?.message, 'machine took the command and is still off after 60 s');
});

test('a cycle switches on a machine that is off, or stays off', async t => {
  const time = clock();
  const off = new Machine(time.now, 'off');
  await actHard(off, { action: 'cycle', next: 'pxe', efi: true }, { ...time, ...once });
  t.deepEqual(off.asked, ['boot pxe efi', 'on']);
  const stuck = new Machine(time.now, 'on');
  stuck.cycleStaysOff = true;
  t.like(await actHard(stuck, { action: 'cycle', efi: false }, { ...time, ...once }), { state: 'on' });
  t.deepEqual(stuck.asked, ['cycle', 'on']);
  const normal = new Machine(time.now, 'on', 1000);
  await actHard(normal, { action: 'cycle', efi: false }, { ...time, ...once });
  t.deepEqual(normal.asked, ['cycle']);
});

/** A machine whose BMC is told what to say, and when: what it does follows `script`, by milliseconds from the last command. */
class Scripted implements PowerTarget {
  readonly name = 'machine';
  readonly asked: string[] = [];
  readonly clock = clock();
  /** What `status` says from a time on; an error is thrown. */
  script: [at: number, says: PowerReading | MusterError][];
  /** What each command does to the script, and throws. */
  on = async () => this.command('on');
  off = async () => this.command('off');
  cycle = async () => this.command('cycle');
  reset = async () => this.command('reset');
  answers: Record<string, { later?: [number, PowerReading | MusterError][]; throws?: MusterError }> = {};
  private since = 0;

  constructor(...script: [number, PowerReading | MusterError][]) {
    this.script = script;
  }

  async status(): Promise<PowerReading> {
    const says = this.script.findLast(([at]) => at <= this.clock.now() - this.since)?.[1] ?? 'unknown';
    if (says instanceof MusterError) throw says;
    return says;
  }

  async bootNext(): Promise<void> {}

  private command(word: string): void {
    this.asked.push(word);
    const { later, throws } = this.answers[word] ?? {};
    if (later) {
      this.script = later;
      this.since = this.clock.now();
    }
    if (throws) throw throws;
  }

  async act(action: 'on' | 'off' | 'cycle' | 'reset') {
    return actHard(this, { action, efi: false }, { ...this.clock, ...once });
  }
}

const SILENT = new MusterError('bmc-silent', 'the connection was closed');
const REFUSED = new MusterError('power-failed', 'machine would not do it');

test('a cycle is done only after the machine was off, even if the BMC still shows "on" for seconds, or it stays on', async t => {
  for (const action of ['cycle', 'reset'] as const) {
    const late = new Scripted([0, 'on']);
    late.answers = {
      [action]: {
        later: [
          [0, 'on'],
          [5000, 'off'],
          [9000, 'on'],
        ],
      },
    };
    t.like(await late.act(action), { state: 'on' });
    t.true(late.clock.now() >= 9000);
    // It cuts late and stays off: it is switched on.
    const stuck = new Scripted([0, 'on']);
    stuck.answers = {
      [action]: {
        later: [
          [0, 'on'],
          [5000, 'off'],
        ],
      },
      on: {
        later: [
          [0, 'off'],
          [3000, 'on'],
        ],
      },
    };
    t.like(await stuck.act(action), { state: 'on' });
    t.deepEqual(stuck.asked, [action, 'on']);
    // It never shows the moment without power.
    const quick = new Scripted([0, 'on']);
    t.like(await quick.act(action), { state: 'on' });
    t.true(quick.clock.now() >= 8000 && quick.clock.now() < 12_000);
    const changing = new Scripted([0, 'on']);
    changing.answers = {
      [action]: {
        later: [
          [0, 'on'],
          [1000, 'changing'],
          [2000, 'on'],
        ],
      },
    };
    await changing.act(action);
    t.true(changing.clock.now() < 5000);
  }
});

test('the decision waits for a machine between on and off, but not forever', async t => {
  const poweringOn = new Scripted([0, 'changing'], [6000, 'on']);
  poweringOn.answers = { off: { later: [[0, 'off']] } };
  t.deepEqual(await poweringOn.act('off'), { state: 'off', wasSo: false });
  t.deepEqual(poweringOn.asked, ['off']);
  const poweringOff = new Scripted([0, 'changing'], [6000, 'off']);
  poweringOff.answers = {
    on: {
      later: [
        [0, 'changing'],
        [4000, 'on'],
      ],
    },
  };
  t.deepEqual(await poweringOff.act('on'), { state: 'on', wasSo: false });
  t.deepEqual(poweringOff.asked, ['on']);
  const already = new Scripted([0, 'changing'], [6000, 'off']);
  t.deepEqual(await already.act('off'), { state: 'off', wasSo: true });
  const stuck = new Scripted([0, 'changing']);
  const error = await t.throwsAsync(stuck.act('off'));
  t.deepEqual(stuck.asked, ['off'], 'a shutdown that hangs is ended');
  t.is(error?.message, 'machine took the command and is still changing after 60 s');
  const reading = new Scripted([0, 'changing']);
  t.is(await settled(reading, 10_000, { ...reading.clock, ...once }), 'changing');
  t.true(reading.clock.now() >= 10_000 && reading.clock.now() < 20_000);
});

test('a BMC that is silent or reports nonsense after a command is polled for a minute', async t => {
  const nonsense = new MusterError('power-failed', 'machine sent an empty answer');
  for (const says of ['unknown', SILENT, nonsense, new MusterError('bmc-busy', 'busy')] as const) {
    for (const action of ['on', 'off'] as const) {
      const machine = new Scripted([0, action === 'on' ? 'off' : 'on']);
      machine.answers = {
        [action]: {
          later: [
            [0, says],
            [40_000, action],
          ],
        },
      };
      t.deepEqual(await machine.act(action), { state: action, wasSo: false });
      const never = new Scripted([0, action === 'on' ? 'off' : 'on']);
      never.answers = { [action]: { later: [[0, says]] } };
      const error = await t.throwsAsync(never.act(action));
      const text = 'machine took the command and does not say whether it is on after 60 s';
      t.is(error?.message, says instanceof MusterError ? says.message : text);
    }
    const cycled = new Scripted([0, 'on']);
    cycled.answers = {
      cycle: {
        later: [
          [0, says],
          [4000, 'on'],
        ],
      },
    };
    t.like(await cycled.act('cycle'), { state: 'on' });
  }
  const refuses = new Scripted([0, 'off']);
  refuses.answers = { on: { later: [[0, new MusterError('bmc-refused', 'wrong password')]] } };
  await t.throwsAsync(refuses.act('on'), { message: 'wrong password' }, 'more tries would lock the account');
  t.true(refuses.clock.now() < 1000);
});

test('a command without an answer may have taken effect: the state decides', async t => {
  const done = new Scripted([0, 'off']);
  done.answers = {
    on: {
      later: [
        [0, 'off'],
        [5000, 'on'],
      ],
      throws: SILENT,
    },
  };
  t.deepEqual(await done.act('on'), { state: 'on', wasSo: false });
  const lost = new Scripted([0, 'off']);
  lost.answers = { on: { throws: SILENT } };
  t.is(await t.throwsAsync(lost.act('on')), SILENT);
  t.deepEqual(lost.asked, ['on'], 'it is not given twice');
  const cycled = new Scripted([0, 'on']);
  cycled.answers = {
    cycle: {
      later: [
        [0, 'on'],
        [1000, 'off'],
        [5000, 'on'],
      ],
      throws: SILENT,
    },
  };
  t.like(await cycled.act('cycle'), { state: 'on' });
  const unseen = new Scripted([0, 'on']);
  unseen.answers = { cycle: { throws: SILENT } };
  t.is(await t.throwsAsync(unseen.act('cycle')), SILENT, 'it was never seen off');
});

test('a refusal because the state is already reached is no failure; any other refusal is one at once', async t => {
  const already = new Scripted([0, 'off']);
  already.answers = { on: { later: [[0, 'on']], throws: REFUSED } };
  t.deepEqual(await already.act('on'), { state: 'on', wasSo: false });
  const refused = new Scripted([0, 'off']);
  refused.answers = { on: { throws: REFUSED } };
  t.is(await t.throwsAsync(refused.act('on')), REFUSED);
  t.is(refused.clock.now(), 0);
});

test('without a cycle action the machine goes off and on, each confirmed', async t => {
  const machine = new Scripted([0, 'on']);
  machine.answers = {
    cycle: { throws: new NoCycle('machine knows no cycle') },
    off: {
      later: [
        [0, 'on'],
        [3000, 'off'],
      ],
    },
    on: {
      later: [
        [0, 'off'],
        [3000, 'on'],
      ],
    },
  };
  t.like(await machine.act('cycle'), { state: 'on' });
  t.deepEqual(machine.asked, ['cycle', 'off', 'on']);
});

test('a busy BMC is tried four times, with growing random pauses', async t => {
  const pauses: number[] = [];
  let asked = 0;
  const busy = async () => {
    asked += 1;
    throw new MusterError('bmc-busy', 'busy');
  };
  await t.throwsAsync(
    askingAgain(
      busy,
      async ms => void pauses.push(ms),
      () => 0,
    ),
    { message: 'busy' },
  );
  t.is(asked, 4);
  t.deepEqual(pauses, [250, 500, 1000]);
  const wrong = async () => {
    asked += 1;
    throw new MusterError('bmc-refused', 'no');
  };
  await t.throwsAsync(
    askingAgain(
      wrong,
      async () => {},
      () => 0,
    ),
  );
  t.is(asked, 5, 'a refusal is an answer');
});

test('limits apply for each key, and waiting work runs in order', async t => {
  const limits = new Limits();
  const running = new Map<string, number>();
  const order: number[] = [];
  let most = 0;
  const work = (key: string, id: number) =>
    limits.within(key, 3, async () => {
      running.set(key, (running.get(key) ?? 0) + 1);
      most = Math.max(most, running.get('a') ?? 0);
      order.push(id);
      await new Promise(resolve => setImmediate(resolve));
      running.set(key, (running.get(key) ?? 0) - 1);
      if (id === 5) throw new Error('one fails');
    });
  const results = await Promise.allSettled([...Array(20).keys()].map(id => work(id === 19 ? 'b' : 'a', id)));
  t.is(most, 3);
  t.is(results.filter(({ status }) => status === 'rejected').length, 1);
  t.deepEqual(
    order.filter(id => id < 19),
    [...Array(19).keys()],
  );
  t.true(order.indexOf(19) < 5, 'another key does not wait');
});

test('each staggered node has its own moment', t => {
  let now = 1000;
  const stagger = new Stagger(0.5, () => now);
  t.deepEqual([stagger.turn(), stagger.turn(), stagger.turn()], [0, 500, 1000]);
  now = 9000;
  t.is(stagger.turn(), 0);
});

const soft = (
  answers: { status: number; stdout?: string; stderr?: string }[],
  more: { silentAt?: number; bootAt?: number } = {},
) => {
  const time = clock();
  const commands: string[] = [];
  return {
    commands,
    ports: {
      ...time,
      run: async (command: string) => {
        commands.push(command);
        return { stdout: '', stderr: '', ...(answers.shift() ?? { status: 255, stderr: 'ssh: no more answers' }) };
      },
      isSilent: async () => time.now() >= (more.silentAt ?? Number.POSITIVE_INFINITY),
      hasBootedSince: () => time.now() >= (more.bootAt ?? Number.POSITIVE_INFINITY),
    },
  };
};

test('a soft reboot is done when the node is silent or has begun a boot', async t => {
  const cut = soft([{ status: 255, stdout: 'muster-asked\n' }], { silentAt: 7000 });
  await actSoft('reboot', undefined, 30_000, cut.ports);
  t.regex(cut.commands[0] ?? '', /exec \/usr\/sbin\/reboot$/);
  t.true(cut.ports.now() >= 7000);
  await actSoft('reboot', undefined, 30_000, soft([{ status: 0 }], { bootAt: 5000 }).ports);
  const hangs = soft([{ status: 0 }]);
  await t.throwsAsync(actSoft('reboot', undefined, 30_000, hangs.ports), { message: /did not go down in 30 s/ });
});

test('a soft shutdown with a BMC is done when the BMC says off', async t => {
  const { ports, commands } = soft([{ status: 0 }], { silentAt: 1000 });
  const machine = new Machine(ports.now, 'on');
  await t.throwsAsync(actSoft('shutdown', machine, 20_000, ports), { message: /did not power off in 20 s/ });
  t.regex(commands[0] ?? '', /exec \/usr\/sbin\/shutdown -h now$/);
});

test('ssh waits a little for an sshd that does not listen yet; another failure is reported at once, without the address', async t => {
  const refused = { status: 255, stderr: 'ssh: connect to host 10.54.0.7 port 22: Connection refused\n' };
  const early = soft([refused, refused, { status: 0 }], { bootAt: 3000 });
  await actSoft('reboot', undefined, 30_000, early.ports);
  const never = soft(Array.from({ length: 50 }, () => ({ ...refused })));
  await t.throwsAsync(actSoft('reboot', undefined, 30_000, never.ports), {
    message: 'ssh: port 22: Connection refused',
  });
  t.true(never.ports.now() >= 10_000 && never.ports.now() < 15_000);
  const denied = soft([{ status: 255, stderr: 'root@10.54.0.7: Permission denied (publickey).\n' }]);
  await t.throwsAsync(actSoft('reboot', undefined, 30_000, denied.ports), {
    message: 'ssh: Permission denied (publickey)',
  });
  t.is(denied.ports.now(), 0);
  const lacks = soft([{ status: 127, stdout: 'muster-asked\n', stderr: 'sh: /usr/sbin/reboot: not found' }]);
  await t.throwsAsync(actSoft('reboot', undefined, 30_000, lacks.ports), {
    message: /\/usr\/sbin\/reboot failed on the node: .*not found/,
  });
});
