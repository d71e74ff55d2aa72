// Programs that do not end by themselves, and what they have started: each way of ending them comes back, and nothing is left.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { interruptedBy, type RunResult, run, stream } from '../../src/process/run.ts';
import { until, within } from '../support/until.ts';

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'muster-run-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

/** A command line that writes its PID and then lasts for ten minutes, in a way that the row describes. */
const LASTING: [string, (pidFile: string) => string][] = [
  ['the program itself', pidFile => `echo $$ > ${pidFile}; exec sleep 600`],
  ['a grandchild that holds the pipes', pidFile => `sleep 600 & echo $! > ${pidFile}; wait`],
  ['a grandchild, after the program has ended well', pidFile => `sleep 600 & echo $! > ${pidFile}; echo said`],
  [
    'a grandchild, and both take no SIGTERM',
    pidFile => `trap '' TERM; sleep 600 & echo $! > ${pidFile}; wait; wait; sleep 600`,
  ],
];

const isThere = (pid: string): boolean => {
  try {
    // A process that nobody has asked for its end is none that runs.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function gone(pidFile: string): Promise<string> {
  const pid = readFileSync(pidFile, 'utf8').trim();
  await until('the process ends', () => !isThere(pid));
  return pid;
}

for (const [what, command] of LASTING) {
  test(`a time-out ends ${what}, and the result comes soon afterwards`, async t => {
    const pidFile = join(folder(t), 'pid');
    const result = await within('the result', run('sh', ['-c', command(pidFile)], { timeoutMs: 5000 }), 60_000);
    t.truthy(await gone(pidFile));
    const endedWell = what.includes('ended well');
    t.is(result.status === 0, endedWell, String(result.status));
    if (endedWell) t.is(result.stdout, 'said\n');
  });

  test(`a signal ends ${what} with its group, and the result comes soon afterwards`, async t => {
    const pidFile = join(folder(t), 'pid');
    const ender = new AbortController();
    const result = run('sh', ['-c', command(pidFile)], { group: true, signal: ender.signal });
    await until('it runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
    ender.abort();
    await within('the result', result, 60_000);
    t.truthy(await gone(pidFile));
  });

  test(`a time-out of a program whose output is streamed ends ${what}`, async t => {
    const pidFile = join(folder(t), 'pid');
    const { output, ended } = stream('sh', ['-c', command(pidFile)], { timeoutMs: 5000 });
    output.resume();
    await within('the end', ended, 60_000);
    t.truthy(await gone(pidFile));
  });
}

test('a grandchild that has left the group and holds the pipes delays nothing', async t => {
  const pidFile = join(folder(t), 'pid');
  // In a session of its own no signal to the group reaches it.
  const command = `setsid sh -c 'echo $$ > ${pidFile}; exec sleep 600' & wait`;
  const result = await within('the result', run('sh', ['-c', command], { timeoutMs: 5000 }), 60_000);
  t.not(result.status, 0);
  const pid = readFileSync(pidFile, 'utf8').trim();
  t.true(isThere(pid));
  process.kill(Number(pid), 'SIGKILL');
});

test('work that is ended ends its programs, and any that it would start afterwards', async t => {
  const pidFile = join(folder(t), 'pid');
  const ender = new AbortController();
  const results = interruptedBy(ender.signal, async (): Promise<RunResult[]> => {
    const first = await run('sh', ['-c', `echo $$ > ${pidFile}; exec sleep 600`]);
    return [first, await run('sleep', ['600'])];
  });
  await until('it runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
  ender.abort();
  const [first, second] = await within('both results', results, 60_000);
  t.is(first?.status, 137);
  t.is(second?.status, 137);
});

test('a program that ends in time has all its output, and its exit status', async t => {
  const result = await run('sh', ['-c', 'seq 1 20000; echo done >&2; exit 7'], { timeoutMs: 60_000 });
  t.is(result.status, 7);
  t.is(result.stdout.trim().split('\n').length, 20_000);
  t.is(result.stderr, 'done\n');
  await t.throwsAsync(run('muster-no-such-program', [], { timeoutMs: 60_000 }), { code: 'tool-missing' });
});
