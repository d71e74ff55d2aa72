// `muster top` at a real terminal, before a real daemon with a cluster in the middle of its day; and the pictures of docs/.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Board } from '../../src/api/boots.ts';
import { tokenOf } from '../../src/boot/boot.ts';
import { keysIn } from '../../src/cli/top/keys.ts';
import { packageRoot } from '../../src/package-root.ts';
import { runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { busyCluster, HEALTHY, ipOf, sessionOf } from './busy-cluster.ts';
import { TestDaemon } from './daemon.ts';
import { temporaryFolder } from './folder.ts';
import { RealTerminal, type TerminalOptions } from './real-terminal.ts';

const NEEDS = { programs: ['tmux', 'curl'] } as const;

async function daemonOf(t: ExecutionContext): Promise<TestDaemon> {
  const lines = ['http.image_transfers = 2', 'head.name = "head1"'];
  const daemon = await TestDaemon.start(lines, undefined, async folder => busyCluster(folder, Date.now()));
  t.teardown(async () => daemon.stop());
  return daemon;
}

/** A heartbeat of each node that is up. */
async function beating({ port }: TestDaemon): Promise<void> {
  for (const index of HEALTHY) {
    const words = ['--silent', '--fail', '--interface', ipOf(index), '--data', `token=${tokenOf(sessionOf(index))}`];
    await runOk('curl', [...words, `http://127.0.0.1:${port}/node/v1/heartbeat`]);
  }
}

/** Five nodes that fetch their image: two get it, three wait. */
async function fetching(t: ExecutionContext, daemon: TestDaemon): Promise<void> {
  for (const index of [40, 41, 42, 43, 44]) {
    const curl = (...words: string[]): string[] => ['--silent', '--interface', ipOf(index), ...words];
    const script = (await runOk('curl', curl(`http://127.0.0.1:${daemon.port}/boot/v1/script`))).toString();
    const url = /kernel --name kernel (\S+)\/kernel/.exec(script)?.[1] ?? '';
    await runOk('curl', curl('--output', '/dev/null', `${url}/kernel`));
    await runOk('curl', curl('--data', 'stage=initramfs\ndetail=Linux 6.1.0-28-amd64', `${url}/report`));
    const child: ChildProcess = spawn('curl', curl('--limit-rate', '1M', '--output', '/dev/null', `${url}/image`));
    t.teardown(() => child.kill());
  }
}

async function terminalOf(
  t: ExecutionContext,
  daemon: TestDaemon,
  more: Partial<TerminalOptions> = {},
): Promise<RealTerminal> {
  const folder = await temporaryFolder(t);
  const terminal = await RealTerminal.open({
    folder,
    environment: daemon.environment,
    columns: 120,
    rows: 26,
    ...more,
  });
  t.teardown(async () => terminal.close());
  return terminal;
}

test('the board at a terminal: trouble first, keys, sizes, a lost daemon, and the restored terminal', async t => {
  t.timeout(300_000);
  if (!requireAll(t, NEEDS)) return;
  const daemon = await daemonOf(t);
  await fetching(t, daemon);
  const terminal = await terminalOf(t, daemon);
  await terminal.type(
    'stty -a > before; muster top --interval 0.5; echo ended $?; stty -a > after; cmp before after && echo same',
  );
  await terminal.until(/2 running, 3 queued/);
  const first = await terminal.until(/down 1 /);
  t.regex(first, /States\s+failed 2\s+booting 7\s+down 1\s+unknown 2\s+local 1\s+up 35/, first);
  t.regex(first, /^n\d+\s+failed /m);
  t.regex(first, /^n37\s+failed\s+initramfs\s.*The image's SHA-256 is 9f2c41d8/m, first);
  t.true(first.indexOf('failed  ') < first.indexOf('n40 '));
  await terminal.press('f');
  t.regex(await terminal.until(/1-2 of 2 .*state: failed/), /^n37/m);
  await terminal.press('Escape');
  await terminal.until(/1-18 of 48/);
  await terminal.press('NPage');
  await terminal.until(/19-36 of 48/);
  await terminal.press('End');
  await terminal.until(/31-48 of 48/);
  await terminal.press('/', '3', '7', 'Enter');
  t.regex(await terminal.until(/1-1 of 1/), /name '37'/);
  await terminal.press('Escape', 's', 's');
  t.regex(await terminal.until(/1-18 of 48 .*sort: name/), /^n0 .*\nn1 /m);
  await terminal.tmux('resize-window', '-x', '60', '-y', '14');
  const small = await terminal.until(/1-6 of 48/);
  t.true(
    small.split('\n').every(line => line.length <= 60),
    small,
  );
  await terminal.tmux('resize-window', '-x', '120', '-y', '26');
  await terminal.until(/1-18 of 48/);
  process.kill(daemon.pid ?? 0, 'SIGSTOP');
  await terminal.until(/musterd has not answered for \d+ s/);
  process.kill(daemon.pid ?? 0, 'SIGCONT');
  await terminal.until(/\n\nStates/);
  await terminal.press('q');
  const end = await terminal.until(/^same$/m);
  t.regex(end, /^ended 0$/m);
  t.notRegex(end, /States/, 'the screen of before is back');
  await terminal.type('clear; muster top');
  await terminal.until(/1-18 of 48/);
  await terminal.press('C-z');
  t.notRegex(await terminal.until(/Stopped/), /States/);
  await terminal.type('fg');
  await terminal.until(/1-18 of 48/);
  await terminal.press('q');
  await terminal.until(/^>$/m);
  for (const [key, signal] of [
    ['C-c', ''],
    ['', 'TERM'],
  ] as const) {
    await terminal.type('clear; muster top; echo over; stty -a > after; cmp before after && echo alike');
    await terminal.until(/1-18 of 48/);
    if (key) await terminal.press(key);
    else await terminal.tmux('run-shell', `pkill -${signal} -P $(tmux -S ${terminal.socket} display -p '#{pane_pid}')`);
    t.notRegex(await terminal.until(/^alike$/m), /States/);
  }
});

test('a daemon that was restarted is found again', async t => {
  if (!requireAll(t, NEEDS)) return;
  const daemon = await daemonOf(t);
  const terminal = await terminalOf(t, daemon);
  await terminal.type('muster top --interval 0.5');
  await terminal.until(/1-18 of 48/);
  await daemon.restart(async () => {
    t.regex(await terminal.until(/retrying/), /musterd (is not running|ended).*\n\n?States/);
  });
  await terminal.until(/\n\nStates/);
  await terminal.press('q');
  await terminal.until(/^>$/m);
});

test('one board for a pipe and for programs', async t => {
  if (!requireAll(t, NEEDS)) return;
  const daemon = await daemonOf(t);
  const { stdout, status } = await daemon.run('muster', 'top', '--once');
  t.is(status, 0);
  t.false(stdout.includes('\u001b'));
  t.is(stdout.trimEnd().split('\n').length, 7 + 48);
  // The daemon has just begun to listen: silence of before is not held against a node.
  t.regex(stdout, /^n21 +booting +kernel .*musterd was started/m);
  const board = JSON.parse((await daemon.run('muster', 'top', '--json', '--state', 'failed')).stdout) as Board;
  t.is(board.nodes, 48);
  t.is(board.matched, 2);
  t.deepEqual(
    board.rows.map(({ name, verdict }) => [name, verdict]),
    [
      ['n12', 'failed'],
      ['n37', 'failed'],
    ],
  );
  t.regex(
    (await daemon.run('muster', 'top', '--once', '--sort', 'nam')).stderr,
    /sort='nam' must be one of trouble, quiet, name; did you mean 'name'/,
  );
  t.regex((await daemon.run('muster', 'top', '--interval', '0')).stderr, /must be seconds/);
});

test('keys as terminals send them', t => {
  t.deepEqual(keysIn('q\u001b[A\u001b[6~\u001bOB\r\u007f\u0003\u001b'), [
    'q',
    'up',
    'page-down',
    'down',
    'enter',
    'backspace',
    'interrupt',
    'escape',
  ]);
  t.deepEqual(keysIn('\u001b[1;5Dx\u001bOPy\u0000é'), ['x', 'y', 'é']);
});

test('the pictures in docs/ are of a real terminal', async t => {
  t.timeout(300_000);
  if (
    !requireAll(t, {
      programs: ['tmux', 'curl', 'xterm', 'Xvfb', 'import'],
      files: ['/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf'],
    })
  )
    return;
  const daemon = await daemonOf(t);
  await beating(daemon);
  await fetching(t, daemon);
  const terminal = await terminalOf(t, daemon, { visible: true });
  for (const [name, line, wanted] of [
    ['top', 'muster top', [/2 running, 3 queued/, /^n37 +failed/m, /^n40 .*image \d+ % of 48/m, /q quit/]],
    [
      'timeline',
      'clear; muster node -i n37 timeline',
      [
        /^n37 .*: failed$/m,
        /Boot \w{12}.*: up in 33\.7 s/,
        /5 ✓ script .*Compute as rwram/,
        /8 ✗ image .*was damaged/,
        /47\.7 MiB, from 127/,
      ],
    ],
  ] as const) {
    await terminal.tmux('set', '-g', 'status', 'off');
    await terminal.type(line);
    await terminal.until(wanted[0]);
    if (name === 'top') await terminal.until(/down 1 .* \d+ %/s);
    const text = await terminal.text();
    for (const words of wanted) t.regex(text, words);
    const update = process.env['UPDATE_DOCS'] !== undefined;
    const kept = join(packageRoot, 'docs', 'pictures', `${name}.png`);
    const file = update ? kept : join(await temporaryFolder(t), `${name}.png`);
    await terminal.picture(file);
    const [width = 0, height = 0] = sizeOf(file);
    t.true(width > 800 && height > 300, `${name} is ${width} x ${height}`);
    // As many different pictures would be of a blank screen: that of docs/ is of the same kind as the new one.
    t.true(statSync(kept).size > 10_000 && statSync(kept).size < 100_000);
    t.true(statSync(file).size > 10_000);
    if (name === 'top') await terminal.press('q');
    await terminal.until(/^>$/m);
  }
});

/** Width and height of a PNG (its IHDR chunk). */
function sizeOf(file: string): number[] {
  const bytes = readFileSync(file);
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}
