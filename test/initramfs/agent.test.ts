import { type ChildProcess, spawn } from 'node:child_process';
import { access, appendFile, chmod, lstat, mkdir, open, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hashOf } from '../../src/boot/boot.ts';
import { runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { until } from '../support/until.ts';
import { bundle, entry } from './bundles.ts';
import { type FakeHead, type FakeHeadOptions, startHead } from './fake-head.ts';
import { giveSession, layOutAgent, MODULE, makePlace, type Place, runParts, SHELLS } from './shells.ts';

const ODD = `it's "odd" = $HOME \`x\` \\ ;`;
const ATTRIBUTES = `[Node]\nUID = 1234\nodd = not this\n\n[Attributes]\n_status_secs = 1\nodd = ${ODD}\nempty = \ntight=a=b\n`;
/** For a call of its functions by themselves. */
const KEY_PARTS = '. "$MUSTER_LIB/agent/ssh_key"';
const TOKEN = `se'cret`;

interface Running {
  /** The agent's own process. */
  child: ChildProcess;
  head: FakeHead;
  place: Place;
}

/** The agent as mount_rootfs lays it out, in a root of its own. */
async function startAgent(
  t: ExecutionContext,
  shell: string,
  options: FakeHeadOptions,
  prepare?: (place: Place) => Promise<void>,
  session: Record<string, string> = {},
): Promise<Running> {
  const head = await startHead({ attributes: ATTRIBUTES, ...options });
  t.teardown(() => head.stop());
  const place = await makePlace(t);
  const agent = await layOutAgent(place);
  await giveSession(place, {
    MUSTER_TOKEN: TOKEN,
    MUSTER_HEARTBEAT_URL: `${head.url}/node/v1/heartbeat`,
    MUSTER_STATUS_SECS: 1,
    MUSTER_ADDRESS: '10.54.0.100/24',
    MUSTER_IMAGE_SHA256: 'ab'.repeat(32),
    ...session,
  });
  await prepare?.(place);
  const [command = '', ...words] = SHELLS[shell] ?? [];
  const child: ChildProcess = spawn(command, [...words, join(agent, 'agent')], {
    env: { ...process.env, ...place.env, MUSTER_ROOT: place.root },
    stdio: 'ignore',
  });
  const ended = new Promise(resolve => child.once('close', resolve));
  t.teardown(async () => {
    child.kill();
    await ended;
  });
  return { child, head, place };
}

const exists = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The limits of the agent's parts, in seconds. */
async function limitOf(file: string, words: RegExp): Promise<number> {
  const found = words.exec(await readFile(join(MODULE, file), 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${file} has no ${words}`);
  return Number(found);
}

test('systemd gives the last heartbeat the time that its parts may take, and sends the signal to the agent alone', async t => {
  const stop = await limitOf('agent/muster-agent.service', /^TimeoutStopSec=(\d+)$/m);
  const systemd = await limitOf('agent/system', /^SYSTEMD_SECS=(\d+)$/m);
  const post = await limitOf('lib/http', /http_exchange POST .*\{4:-(\d+)\}"$/m);
  t.true(stop >= systemd + post + 5, `${stop} >= ${systemd} + ${post} + 5`);
  // With control-group, systemd signals whatever the trap starts while it walks the group.
  t.regex(await readFile(join(MODULE, 'agent/muster-agent.service'), 'utf8'), /^KillMode=mixed$/m);
});

test('facts come from systemd: failed units, starting units, and where the system is going', async t => {
  if (!requireAll(t, { programs: ['dash'] })) return;
  const place = await makePlace(t);
  const said = async (words: string, call: string) => {
    const script = `. "$MUSTER_LIB/agent/system"; ask_systemd() { printf "$WORDS"; }; ${call}`;
    return (await runParts('dash', place, script, { WORDS: words })).stdout.trim();
  };
  t.is(
    await said('a.service loaded failed failed A\nb.mount loaded failed failed B\n', 'failed_units'),
    'a.service b.mount',
  );
  t.is(await said('', 'failed_units'), '');
  const jobs = '12 dev-sdb.device start running\n13 data.mount start waiting\n';
  t.is(await said(jobs, 'starting_units'), 'dev-sdb.device');
  t.is(await said('9 reboot.target start waiting\n', 'going_down'), 'reboot');
  const late = 'refresh_system; ask_systemd() { return 143; }; _system_turn=0; refresh_system; echo "$FAILED_UNITS"';
  t.is(await said('a.service loaded failed failed A\n', late), 'a.service', 'no answer in time takes nothing back');
  t.is(await said('', `${late}; ask_systemd() { :; }; _system_turn=0; refresh_system; echo "$FAILED_UNITS"`), '');
  t.is(await said('9 poweroff.target start waiting\n', 'going_down'), 'off');
  t.is(await said('', 'going_down'), '', 'only the agent is stopped');
});

for (const shell of Object.keys(SHELLS))
  test.serial(
    `${shell}: a root that was writable and is not any more is a fact; one that never was is none`,
    async t => {
      if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? ''] })) return;
      const place = await makePlace(t);
      const mounts = join(place.proc, 'self', 'mounts');
      await mkdir(join(place.proc, 'self'), { recursive: true });
      const root = (options: string) =>
        `/dev/sda1 / ext4 rw,noatime 0 0\n/dev/sdb1 ROOT ext4 ${options} 0 0\n/dev/sda3 /var ext4 ro 0 0\n`;
      const facts = async (before: string, after: string): Promise<string> => {
        const script = `. "$MUSTER_LIB/agent/system"; failed_units() { :; }
        show() { sed "s|ROOT|$MUSTER_ROOT|" "$MUSTER_PROC/self/$1" >"$MUSTER_PROC/self/mounts"; }
        show before; refresh_system; show after; refresh_system; root_readonly`;
        await writeFile(join(place.proc, 'self', 'before'), root(before));
        await writeFile(join(place.proc, 'self', 'after'), root(after));
        return (await runParts(shell, place, script, { MUSTER_ROOT: place.root })).stdout.trim();
      };
      t.is(await facts('rw,relatime', 'ro,relatime'), 'yes');
      t.is(await facts('rw', 'ro'), 'yes');
      t.is(await facts('rw,relatime', 'rw,relatime'), '');
      t.is(await facts('ro,relatime', 'ro,relatime'), '', 'it is meant to be');
      t.true((await readFile(mounts, 'utf8')).includes(place.root));
    },
  );

for (const shell of Object.keys(SHELLS))
  test.serial(
    `${shell}: the hash of the claim is the one that the head keeps, and nobody has one without a pin`,
    async t => {
      if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? ''] })) return;
      const place = await makePlace(t);
      const script = `. "$MUSTER_LIB/agent/facts"; . "$MUSTER_LIB/agent/files"; files_claim`;
      t.is((await runParts(shell, place, script)).stdout, '');
      const pinned = { MUSTER_HEAD_PIN: 'sha256//x' };
      const { stdout } = await runParts(shell, place, script, pinned);
      const claim = await readFile(join(place.run, 'private/claim'), 'utf8');
      t.regex(claim, /^[0-9a-f]{32}$/);
      t.is(stdout, `claim_hash=${hashOf(claim)}\n`);
      t.is((await runParts(shell, place, script, pinned)).stdout, stdout, 'a new start of the agent keeps it');
    },
  );

/** A kernel that counts stalls, and that had to kill. */
async function withPressure({ proc }: Place): Promise<void> {
  await mkdir(join(proc, 'pressure'));
  const line = (kind: string, avg60: string) => `${kind} avg10=0.00 avg60=${avg60} avg300=0.00 total=1\n`;
  await writeFile(join(proc, 'pressure', 'memory'), line('some', '40.00') + line('full', '12.50'));
  await writeFile(join(proc, 'vmstat'), 'nr_free_pages 1\noom_kill 3\n');
}

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? ''];
  const files = ['/bin/busybox'];

  test.serial(
    `${shell}: hardware first, status each time, and the attributes are where programs look for them`,
    async t => {
      if (!requireAll(t, { programs, files })) return;
      const { head, place } = await startAgent(t, shell, {}, withPressure);
      await head.until(() => head.heartbeats.length >= 2);
      const [first = {}, second = {}] = head.heartbeats;
      t.is(Object.keys(first)[0], 'token', 'the token is the first line');
      t.like(first, {
        token: TOKEN,
        'hardware.cpus': '2',
        'hardware.cpu_model': 'Test CPU',
        'hardware.memory_kb': '1000000',
      });
      t.like(second, {
        token: TOKEN,
        'status.ram_free': '500000',
        'status.ip': '10.54.0.100',
        'status.image': 'abababababab',
        'status.memory_pressure': '12.50',
        'status.oom_kills': '3',
      });
      // As statfs(2) has it, in kB.
      t.true(Number(second['status.root_total']) > Number(second['status.root_free']));
      t.false(Object.keys(second).some(name => name.startsWith('hardware.')));
      t.is(await readFile(join(place.run, 'etc/attributes.ini'), 'utf8'), ATTRIBUTES);
      t.is(await readFile(join(place.root, 'opt/scyld/clusterware-node/etc/attributes.ini'), 'utf8'), ATTRIBUTES);
      t.is(await readlink(join(place.root, 'etc/clusterware')), '/opt/scyld/clusterware-node/etc');
      t.true((await lstat(join(place.root, 'opt/scyld/clusterware-node/functions.sh'))).isFile());
    },
  );

  test.serial(`${shell}: a stopped agent says where its system goes, also while systemctl does not answer`, async t => {
    if (!requireAll(t, { programs: [...programs, 'mkfifo'], files })) return;
    const { child, head, place } = await startAgent(t, shell, {}, async place => {
      const never = join(place.folder, 'never');
      await runOk('mkfifo', [never]);
      // A reader of it gets its end.
      t.teardown(async () => (await open(never, 'r+')).close());
      const stubs = `failed_units() { : >'${place.folder}/asked'; cat '${never}'; }\ngoing_down() { echo reboot; }\n`;
      await appendFile(join(place.run, 'agent', 'system'), stubs);
    });
    await until('systemctl was started', async () => exists(join(place.folder, 'asked')));
    child.kill('SIGTERM');
    await head.until(() => head.heartbeats.length >= 1);
    t.like(head.heartbeats[0], { token: TOKEN, 'status.going_down': 'reboot' });
  });

  test.serial(
    `${shell}: hardware is reported until the head has received it; a refusal does not end the agent`,
    async t => {
      if (!requireAll(t, { programs, files })) return;
      let status = 500;
      const { head, place } = await startAgent(t, shell, { heartbeatStatus: () => status });
      await head.until(() => head.heartbeats.length >= 2);
      status = 200;
      await head.until(() => head.heartbeats.length >= 4);
      t.true('hardware.cpus' in (head.heartbeats[2] ?? {}));
      t.false('hardware.cpus' in (head.heartbeats[3] ?? {}));
      t.is(await readFile(join(place.run, 'etc/attributes.ini'), 'utf8'), ATTRIBUTES);
    },
  );

  test.serial(`${shell}: enabled scripts run when the attributes changed, and not when they are the same`, async t => {
    if (!requireAll(t, { programs, files })) return;
    let extra = '';
    const { head, place } = await startAgent(t, shell, { attributes: () => `${ATTRIBUTES}${extra}` }, async place => {
      const folder = join(place.root, 'opt/scyld/clusterware-node/scripts-enabled');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, '10-note'), `#!/bin/sh\necho ran >>'${place.folder}/ran'\n`);
      await chmod(join(folder, '10-note'), 0o755);
      await writeFile(join(folder, '20-not-executable'), `#!/bin/sh\necho no >>'${place.folder}/ran'\n`);
    });
    const ran = async () => (await readFile(join(place.folder, 'ran'), 'utf8').catch(() => '')).trim().split('\n');
    await head.until(() => head.heartbeats.length >= 3);
    t.deepEqual(await ran(), ['ran']);
    extra = 'new = 1\n';
    await head.until(() => head.heartbeats.length >= 6);
    t.deepEqual(await ran(), ['ran', 'ran']);
  });

  test.serial(`${shell}: the head's ssh key is added once, to what is there, before the first heartbeat`, async t => {
    if (!requireAll(t, { programs, files })) return;
    const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample muster@head's";
    const own = 'ssh-rsa AAAAB3Nza admin@site';
    const prepare = async (place: Place) => {
      await mkdir(join(place.root, 'root/.ssh'), { recursive: true });
      // Without an end of its last line.
      await writeFile(join(place.root, 'root/.ssh/authorized_keys'), own);
      await mkdir(join(place.root, 'etc/ssh'), { recursive: true });
      await writeFile(join(place.root, 'etc/ssh/ssh_host_ed25519_key.pub'), 'ssh-ed25519 AAAAhost root@image\n');
    };
    const { head, place } = await startAgent(t, shell, {}, prepare, { MUSTER_SSH_KEY: key });
    const keys = join(place.root, 'root/.ssh/authorized_keys');
    await head.until(() => head.heartbeats.length >= 1);
    t.is(await readFile(keys, 'utf8'), `${own}\n${key}\n`);
    t.is(head.heartbeats[0]?.['status.ssh_host_key'], 'ssh-ed25519 AAAAhost');
    const again = await runParts(
      shell,
      place,
      `${KEY_PARTS}; MUSTER_SSH_KEY='${key.replace("'", `'\\''`)}' install_ssh_key`,
    );
    t.is(again.status, 0, again.stderr);
    t.is(await readFile(keys, 'utf8'), `${own}\n${key}\n`);
  });

  test.serial(`${shell}: the first key makes the folder, for root alone; a node without a key has none`, async t => {
    if (!requireAll(t, { programs, files })) return;
    const { head, place } = await startAgent(t, shell, {}, undefined, { MUSTER_SSH_KEY: 'ssh-ed25519 AAAA x' });
    await head.until(() => head.heartbeats.length >= 1);
    t.is((await lstat(join(place.root, 'root/.ssh'))).mode & 0o777, 0o700);
    t.is((await lstat(join(place.root, 'root/.ssh/authorized_keys'))).mode & 0o777, 0o600);
    const none = await startAgent(t, shell, {});
    await none.head.until(() => none.head.heartbeats.length >= 1);
    await t.throwsAsync(lstat(join(none.place.root, 'root/.ssh')), { code: 'ENOENT' });
  });

  test(`${shell}: attribute_value reads values as they are, from the attributes only`, async t => {
    if (!requireAll(t, { programs, files })) return;
    const place = await makePlace(t);
    await writeFile(join(place.folder, 'ini'), ATTRIBUTES.trimEnd());
    const ask = async (...words: string[]) => {
      const script = `CLUSTERWARE_ATTRIBUTES="${place.folder}/ini"; . "$MUSTER_LIB/agent/functions.sh"; attribute_value ${words.join(' ')}`;
      return (await runParts(shell, place, script)).stdout;
    };
    t.is(await ask('odd'), `${ODD}\n`);
    t.is(await ask('empty', 'default'), '\n');
    t.is(await ask('tight'), 'a=b\n');
    t.is(await ask('UID'), '');
    t.is(await ask('none'), '');
    t.is(await ask('none', "'a default'"), 'a default\n');
  });
}

for (const shell of Object.keys(SHELLS))
  test.serial(
    `${shell}: a change of the node's files arrives with a heartbeat, and runs what the sets declare`,
    async t => {
      if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? '', 'busybox'] })) return;
      const script = (name: string, text: string, stage: 'change' | 'called' = 'called') =>
        ({
          stage,
          name,
          required: false,
          seconds: 60,
          content: Buffer.from(`#!/bin/sh\n${text}\n`),
        }) as const;
      const changes = [
        { action: 'run', what: 'base/adopt', paths: ['/etc/ssh/*'] },
        { action: 'run', what: 'base/other', paths: ['/etc/other'] },
        { action: 'run', what: 'base/broken', paths: ['/etc/unit/*'] },
      ] as const;
      const scripts = [
        script('base/adopt', 'echo adopted'),
        script('base/other', 'echo never'),
        script('base/broken', 'echo no disk; exit 3'),
        script('base/always', 'sleep 60 & echo always', 'change'),
      ];
      const first = bundle([entry('/etc/ssh/config', 'one\n')], scripts, changes);
      const second = bundle([entry('/etc/ssh/config', 'one\n'), entry('/etc/unit/a', 'a\n')], scripts, changes);
      let files = first;
      const attributes = () => `${ATTRIBUTES}\n[Files]\nindex = ${files.digest}\n`;
      const { head, place } = await startAgent(t, shell, { attributes, files: () => files });
      const events = () =>
        head.heartbeats.flatMap(beat => Object.entries(beat).filter(([name]) => /^event/.test(name)));
      await head.until(() => head.heartbeats.at(-1)?.['status.files_applied'] === first.digest && events().length >= 2);
      t.is(await readFile(join(place.root, 'etc/ssh/config'), 'utf8'), 'one\n');
      t.is(head.heartbeats.at(-1)?.['status.files_failed'], undefined);
      const said = events().map(([, text]) => text.trim());
      t.deepEqual(said, ['script base/adopt (change) ran: adopted', 'script base/always (change) ran: always']);
      const ini = await readFile(join(place.run, 'etc/attributes.ini'), 'utf8');
      t.false(ini.includes('[Files]'), 'readers of attributes see no other section');
      files = second;
      await head.until(() => head.heartbeats.at(-1)?.['status.files_failed'] !== undefined);
      t.is(head.heartbeats.at(-1)?.['status.files_applied'], second.digest);
      t.regex(
        head.heartbeats.at(-1)?.['status.files_failed'] ?? '',
        /^the script base\/broken \(change\) ended with 3: no disk/,
      );
      await head.until(() => head.heartbeats.at(-1)?.['status.files_tried'] === second.digest);
      t.is(head.heartbeats.at(-1)?.['status.files_acting'], 'yes', 'the reload is still to be done');
      t.is(await readFile(join(place.root, 'etc/unit/a'), 'utf8'), 'a\n');
      t.regex(head.filesAsked.at(-1) ?? '', /^token=.*\nindex=[0-9a-f]{64}\nhave=[0-9a-f]{64}\n/s);
    },
  );

for (const shell of Object.keys(SHELLS))
  test(`${shell}: in the running system, files belong below /; in the initramfs, below /sysroot`, async t => {
    if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? ''] })) return;
    const place = await makePlace(t);
    const script =
      'NEWROOT=; . "$MUSTER_LIB/lib/base"; echo "[$NEWROOT]"; unset NEWROOT; . "$MUSTER_LIB/lib/base"; echo "[$NEWROOT]"';
    t.is((await runParts(shell, place, script)).stdout, '[]\n[/sysroot]\n');
  });
