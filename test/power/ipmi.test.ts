// `muster node power` with a living daemon, ipmitool, and BMCs of OpenIPMI's ipmi_sim.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { TestDaemon } from '../cli/daemon.ts';
import { requireAll } from '../support/require.ts';
import { Bmc, lateBmc, silentBmc } from './bmc.ts';
import { SecretWatch } from './secret-watch.ts';

const NEEDS = { programs: ['ipmitool', 'ipmi_sim'] };
/** With every sign that could lead a parser or a shell astray; a BMC takes 20 characters. */
const PASSWORD = `s3:c/r'e$tp@w?`;
const WRONG = 'other-p4ssw0rd';

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start(['power.timeout_seconds = 8']);
});
test.after.always(async () => daemon?.stop());

const muster = async (...words: string[]) => daemon.run('muster', ...words);

async function nodes(count: number, first = 1): Promise<void> {
  for (let index = first; index < first + count; index += 1)
    await muster(
      'node',
      'create',
      `name=n${index}`,
      `index=${index}`,
      `mac=08:00:27:00:01:${index.toString(16).padStart(2, '0')}`,
    );
}

test.serial(
  'on, off, cycle, reset, next boot and status, each confirmed by the BMC; the password is nowhere',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const bmc = await Bmc.start({ folder: daemon.folder, name: 'bmc1', password: PASSWORD });
    const late = await lateBmc(bmc.port, 120);
    const watch = new SecretWatch([PASSWORD, WRONG]);
    try {
      await nodes(1);
      const uri = `ipmi:///admin:${PASSWORD}@127.0.0.1:${bmc.port}`;
      const update = async (power_uri: string) =>
        daemon.feed(JSON.stringify({ power_uri }), 'muster', 'node', '-i', 'n1', 'update', '--content', '@-');
      const updated = await update(uri);
      t.is(updated.status, 0, updated.stderr);
      const said = async (...words: string[]) => {
        const { status, stdout, stderr } = await muster('node', '-i', 'n1', ...words);
        return `${status} ${stdout}${stderr}`;
      };
      t.is(await said('power', 'status'), '0 n1: off\n');
      t.is(await said('power', 'on', '--pxe'), '0 n1: on\n');
      t.true(bmc.calls.includes('set boot pxe'));
      t.is(bmc.power, '1');
      t.is(await said('power', 'on'), '0 n1: on\n', 'what is on stays on');
      t.is(await said('power', 'cycle', '--disk'), '0 n1: on\n');
      t.true(bmc.calls.includes('set power 0'));
      t.is(await said('power', 'reset'), '0 n1: on\n');
      t.is(await said('shutdown', '--hard'), '0 n1: off (hard)\n');
      t.is(bmc.power, '0');
      t.regex(await said('why', '--long'), /^1 n1: .*\n.*\n {2}seen: its BMC reports that it is off\n$/);
      t.is(await said('power', 'cycle'), '0 n1: on\n', 'a cycle of a node that is off switches it on');
      t.is(await said('reboot'), '0 n1: on (hard, after soft failed: the node is not up)\n');
      t.regex(await said('reboot', '--soft'), /^9 n1: the node is not up\n/);
      t.is(await said('power', 'off', '--dry-run'), '0 n1: would be asked: off\n');
      t.is(bmc.power, '1');

      await update(uri.replace(PASSWORD, () => WRONG));
      t.is(await said('power', 'off'), "7 n1: BMC 127.0.0.1 refused the user 'admin': wrong name or password\n");
      await update(uri.replace('admin', 'nobody'));
      t.is(await said('power', 'off'), "7 n1: BMC 127.0.0.1 refused the user 'nobody': wrong name or password\n");
      t.is(bmc.power, '1');
      t.regex(
        await said('why', '--long'),
        /seen: its power is not known: BMC 127\.0\.0\.1 refused the user 'nobody': wrong name or password\n$/,
      );

      await update(`ipmi:///admin:${PASSWORD}@127.0.0.1:${late.port}?cipher=3`);
      t.is(await said('power', 'off'), '0 n1: off\n', 'a BMC that answers late');
    } finally {
      await watch.stop();
      late.stop();
      await bmc.stop();
    }
    t.true(watch.programs.has('ipmitool'), 'the watch saw the tool at work');
    t.deepEqual(watch.found, []);
    await nothingKnows(t, [PASSWORD, WRONG]);
  },
);

/** Neither the log nor what the commands show. */
async function nothingKnows(t: import('ava').ExecutionContext, secrets: readonly string[]): Promise<void> {
  const shown = await Promise.all([
    muster('log', '--limit', '1000'),
    muster('node', 'ls', '-L'),
    muster('node', 'ls', '--json'),
    muster('node', 'timeline', '--json'),
    muster('node', 'explain'),
  ]);
  const files = readdirSync(join(daemon.folder, 'state'), { withFileTypes: true })
    .filter(entry => entry.isFile() && !/sqlite|\.db/.test(entry.name))
    .map(entry => readFileSync(join(daemon.folder, 'state', entry.name), 'latin1'));
  for (const text of [daemon.log, ...shown.map(({ stdout, stderr }) => stdout + stderr), ...files])
    for (const secret of secrets) t.false(text.includes(secret), text.slice(0, 2000));
}

test.serial('a BMC that never answers is reported, and the next URI is tried; templates take attributes', async t => {
  if (!requireAll(t, NEEDS)) return;
  const dead = await silentBmc();
  const bmc = await Bmc.start({ folder: daemon.folder, name: 'bmc2', password: 'b@d/one' });
  try {
    await nodes(1, 2);
    const dies = `ipmi:///admin:x@127.0.0.1:${dead.port}`;
    await muster('node', '-i', 'n2', 'update', `power_uri=${dies}`);
    const { status, stdout } = await muster('node', '-i', 'n2', 'power', 'on');
    t.is(`${status} ${stdout}`, '9 n2: BMC 127.0.0.1 did not answer in 8 s\n');

    await muster(
      'node',
      '-i',
      'n2',
      'update',
      `power_uri=${dies},ipmi:///<a[bmc_user]>:<a[bmc_password]>@<a[bmc_ip]>:${bmc.port}`,
    );
    const missing = await muster('node', '-i', 'n2', 'power', 'on');
    t.is(missing.status, 9);
    t.regex(missing.stdout, /did not answer in 8 s; power_uri needs <a\[bmc_user\]>, which the node does not have\n$/);
    await muster('node', '-i', 'n2', 'set', 'bmc_user=admin', 'bmc_password=b@d/one', 'bmc_ip=127.0.0.1');
    const on = await muster('node', '-i', 'n2', 'power', 'on');
    t.is(on.stdout, 'n2: on (by BMC 127.0.0.1; BMC 127.0.0.1 did not answer in 8 s)\n');
    t.is(bmc.power, '1');
    t.notRegex((await muster('node', 'ls', '-L', 'n2')).stdout, /b@d/);
    t.regex((await muster('node', 'ls', '-L', '--show-passwords', 'n2')).stdout, /bmc_password: b@d\/one/);
    await nothingKnows(t, ['b@d/one']);
  } finally {
    dead.stop();
    await bmc.stop();
  }
});

test.serial('an empty user name, and a K_g key as text and as bytes, never on a command line', async t => {
  if (!requireAll(t, NEEDS)) return;
  // The simulator takes 16 bytes, and no blank.
  const text = 'key/of+16?chars!';
  const bytes = '0xff01a5c37e2d4b99108a1122334455ee';
  const keys: [string, string, string][] = [
    ['nobody', '', ''],
    ['text', `"${text}"`, `kg=${encodeURIComponent(text)}`],
    ['bytes', bytes.slice(2), `kg=${bytes}`],
  ];
  await nodes(1, 5);
  const said = async (power_uri: string, ...words: string[]): Promise<string> => {
    await daemon.feed(JSON.stringify({ power_uri }), 'muster', 'node', '-i', 'n5', 'update', '--content', '@-');
    const { status, stdout, stderr } = await muster('node', '-i', 'n5', ...words);
    return `${status} ${stdout}${stderr}`;
  };
  const watch = new SecretWatch([PASSWORD, text, bytes.slice(2)]);
  try {
    for (const [name, key, option] of keys) {
      const bmc = await Bmc.start({
        folder: daemon.folder,
        name: `kg-${name}`,
        password: PASSWORD,
        ...(key && { key }),
      });
      try {
        for (const user of ['', 'admin']) {
          const uri = `ipmi:///${user}:${PASSWORD}@127.0.0.1:${bmc.port}?cipher=3`;
          const who = user === '' ? 'the user without a name' : "the user 'admin'";
          t.is(
            await said(option === '' ? uri : `${uri}&${option}`, 'power', 'status'),
            '0 n5: off\n',
            `${name} ${user}`,
          );
          if (option !== '')
            t.is(
              await said(uri, 'power', 'status'),
              `7 n5: BMC 127.0.0.1 refused ${who}: it wants its key K_g; the password is right (RAKP 4). Append the key to the URI: ?kg=KEY\n`,
            );
          t.is(
            await said(`${uri}&kg=other`, 'power', 'status'),
            `7 n5: BMC 127.0.0.1 refused ${who}: the key of ?kg= is not the BMC's; the password is right (RAKP 4)\n`,
          );
          t.is(
            await said(
              uri.replace(PASSWORD, () => WRONG),
              'power',
              'status',
            ),
            `7 n5: BMC 127.0.0.1 refused ${who}: wrong name or password\n`,
          );
        }
      } finally {
        await bmc.stop();
      }
    }
  } finally {
    await watch.stop();
  }
  t.true(watch.programs.has('ipmitool'));
  t.deepEqual(watch.found, []);
  const shown = await muster('node', 'ls', '-L', 'n5');
  t.notRegex(shown.stdout, /kg=(?!\*\*\*)/);
  await nothingKnows(t, [PASSWORD, text, encodeURIComponent(text), bytes]);
});

test.serial('the console is serial over LAN, both ways, and a log of it is kept', async t => {
  if (!requireAll(t, { programs: [...NEEDS.programs, 'script'] })) return;
  const echo = createServer(socket => socket.on('data', bytes => socket.write(`<${String(bytes).trim()}>`)));
  await new Promise<void>(resolve => echo.listen(0, '127.0.0.1', resolve));
  const { port } = echo.address() as AddressInfo;
  const bmc = await Bmc.start({
    folder: daemon.folder,
    name: 'sol',
    password: 'sol',
    sol: `"tcp:127.0.0.1:${port}" 115200`,
  });
  try {
    await nodes(2, 3);
    await muster('node', '-i', 'n4', 'update', `power_uri=ipmi:///admin:sol@127.0.0.1:${bmc.port}?cipher=3`);
    const console4 = spawn('muster', ['node', 'console', 'n4'], { env: daemon.environment });
    let screen = '';
    const seen = async (mark: RegExp) => {
      while (!mark.test(screen)) await once(console4.stdout, 'data');
    };
    console4.stdout.on('data', (bytes: Buffer) => {
      screen += bytes.toString();
    });
    await seen(/operational/);
    console4.stdin.write('hello');
    await seen(/<hello>/);
    // Ctrl-], though the keyboard stays open.
    console4.stdin.write('\u001d');
    const [status] = (await once(console4, 'close')) as [number];
    t.is(status, 0);
    t.regex(readFileSync(join(daemon.folder, 'state/consoles/n4.log'), 'utf8'), /<hello>/);
    t.is(statSync(join(daemon.folder, 'state/consoles/n4.log')).mode & 0o777, 0o600);
    t.regex((await muster('node', 'console', 'n3')).stderr, /has no power_uri/);
  } finally {
    await bmc.stop();
    echo.close();
  }
});

test.serial('64 BMCs at once: one line for those with the same result, and the exit status of the worst', async t => {
  if (!requireAll(t, NEEDS)) return;
  const bmcs: Bmc[] = [];
  try {
    for (let index = 0; index < 64; index += 1)
      bmcs.push(await Bmc.start({ folder: daemon.folder, name: `many${index}`, password: 'many' }));
    const list = bmcs.map(({ port }, index) => ({
      name: `m${index}`,
      index: 20 + index,
      mac: `08:00:27:00:02:${index.toString(16).padStart(2, '0')}`,
      power_uri: `ipmi:///admin:${index === 38 ? 'wrong' : 'many'}@127.0.0.1:${port}?cipher=3`,
    }));
    const created = await daemon.feed(JSON.stringify(list), 'muster', 'node', 'create', '--content', '@-');
    t.is(created.status, 0, created.stderr);
    const on = await muster('node', '-i', 'm[0-63]', 'power', 'on');
    t.is(on.stdout, "m[0-37,39-63]: on\nm38: BMC 127.0.0.1 refused the user 'admin': wrong name or password\n");
    t.is(on.status, 7);
    t.deepEqual(bmcs.map(bmc => bmc.power).filter(power => power === '1').length, 63);
    const status = await muster('node', '-i', 'm[0-3]', 'power', 'status', '--json');
    t.deepEqual(
      (JSON.parse(status.stdout) as { name: string; state: string }[])
        .map(({ name, state }) => `${name} ${state}`)
        .sort(),
      ['m0 on', 'm1 on', 'm2 on', 'm3 on'],
    );
  } finally {
    await Promise.all(bmcs.map(async bmc => bmc.stop()));
  }
});

test.serial('an impossible action is refused with a reason, and nothing is switched', async t => {
  const refused = async (words: string[], status: number, reason: RegExp) => {
    const result = await muster(...words);
    t.is(result.status, status, result.stdout + result.stderr);
    t.regex(result.stdout + result.stderr, reason);
  };
  await refused(['node', '-i', 'n3', 'power', 'on'], 5, /n3: the node has no power_uri\n.*update power_uri=/s);
  await refused(['node', '-i', 'n3', 'power', 'of'], 2, /There is no 'power of'/);
  await refused(['node', '-i', 'n3', 'power'], 2, /missing required argument 'action'/i);
  await refused(['node', 'power', 'off'], 2, /needs a selection/);
  await refused(['node', '-i', 'n3', 'reboot', '--soft', '--hard'], 2, /cannot be combined/);
  await refused(['node', '-i', 'n3', 'power', 'off', '--pxe'], 2, /no next boot/);
  await refused(['node', '-i', 'n3', 'power', 'on', '--stagger', 'x'], 2, /must be a number of seconds/);
  await refused(
    ['node', '-i', 'n3', 'update', 'power_uri=impi:///admin:geheim@10.0.0.1'],
    2,
    /^(?!.*geheim).*did you mean 'ipmi'/s,
  );
  await refused(['node', '-i', 'n3', 'update', 'power_uri=ipmi://admin:geheim@10.0.0.1'], 2, /^(?!.*geheim)/s);
  await refused(
    ['node', '-i', 'n3', 'reboot'],
    9,
    /soft failed: the node is not up; hard is not possible: the node has no power_uri/,
  );
});
