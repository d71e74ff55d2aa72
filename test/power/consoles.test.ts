// Programs of consoles: one for all who look on, and gone for certain when the last has left.
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { Consoles } from '../../src/power/consoles.ts';
import { temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';
import { until, within } from '../support/until.ts';

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a program that ignores signals ends soon after the last viewer leaves', async t => {
  if (!requireAll(t, { programs: ['script', 'setpriv'] })) return;
  const consoles = new Consoles(temporaryFolder(t));
  const stubborn = 'trap "" TERM HUP INT QUIT; echo "pid $$"; while :; do sleep 1; done';
  const program = async () => ({ command: ['sh', '-c', stubborn], env: {} });
  const [keyboard, screen] = [new PassThrough(), new PassThrough()];
  let said = '';
  screen.on('data', bytes => {
    said += String(bytes);
  });
  const attached = consoles.attach({ uid: 'a', name: 'n0' }, program, keyboard, screen);
  const [, pid = ''] = await until('the program speaks', () => /pid (\d+)/.exec(said), { seen: () => said });
  t.true(isThere(Number(pid)));
  keyboard.end();
  await within('the console closes', attached);
  await until('the program is gone', () => !isThere(Number(pid)));
});

test('the console closes when its program ends, and the next viewer gets a new one', async t => {
  if (!requireAll(t, { programs: ['script', 'setpriv'] })) return;
  const consoles = new Consoles(temporaryFolder(t));
  for (const word of ['first', 'second']) {
    const [keyboard, screen] = [new PassThrough(), new PassThrough()];
    let said = '';
    screen.on('data', bytes => {
      said += String(bytes);
    });
    const program = async () => ({
      command: ['sh', '-c', `read -r line; echo "${word} $line $SECRET"`],
      env: { SECRET: 'x' },
    });
    const attached = consoles.attach({ uid: 'a', name: 'n0' }, program, keyboard, screen);
    const ended = once(screen, 'end');
    keyboard.write('typed\n');
    await within('the program ends', attached);
    await within('the screen ends', ended);
    t.regex(said, new RegExp(`${word} typed x`));
  }
});
