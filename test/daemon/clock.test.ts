// A real musterd whose wall clock is set by a day in mid-boot, as NTP does on a head with an empty battery; and a user of the running node.
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ShownBoots, ShownTimelines } from '../../src/api/boots.ts';
import type { ShownStatus } from '../../src/api/nodes.ts';
import { run, runOk } from '../../src/process/run.ts';
import { TestDaemon } from '../cli/daemon.ts';
import { kernelFile } from '../cli/files.ts';
import { requireAll } from '../support/require.ts';

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
const NEEDS = { root: true, programs: ['ip', 'curl', 'busybox', 'mksquashfs'], files: [FAKETIME] };
const NODE = '10.54.0.100';
const HEAD = '10.54.0.1';

interface Room {
  daemon: TestDaemon;
  /** Sets musterd's wall clock, by what it is ahead of the real one. */
  set(ahead: string): void;
  /** A request of the node: what comes, and the status on a line of its own. */
  curl(path: string, ...more: string[]): Promise<string>;
  node(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }>;
  status(): Promise<ShownStatus>;
}

/** A head whose wall clock the test sets, a node's namespace at the other end of a cable, and what the node boots. */
async function room(t: ExecutionContext): Promise<Room> {
  const [head, node] = [`mch${process.pid}`, `mcn${process.pid}`];
  const ip = async (words: string): Promise<unknown> => runOk('ip', words.split(' '));
  for (const name of [head, node]) await ip(`netns add ${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'muster-clock-'));
  t.teardown(async () => {
    for (const name of [head, node]) await run('ip', ['netns', 'del', name]);
    await rm(folder, { recursive: true });
  });
  await ip(`link add eth0 netns ${node} type veth peer name eth1 netns ${head}`);
  for (const words of [
    `-n ${head} addr add ${HEAD}/24 dev eth1`,
    `-n ${node} addr add ${NODE}/24 dev eth0`,
    ...[`${head} link set eth1`, `${node} link set eth0`, `${head} link set lo`].map(link => `-n ${link} up`),
  ])
    await ip(words);
  const file = join(folder, 'ahead');
  const set = (ahead: string): void => writeFileSync(file, `${ahead}\n`);
  set('+0');
  const variables = [
    `LD_PRELOAD=${FAKETIME}`,
    `FAKETIME_TIMESTAMP_FILE=${file}`,
    'FAKETIME_NO_CACHE=1',
    'DONT_FAKE_MONOTONIC=1',
  ];
  const lines = [`head.address = "${HEAD}/24"`, 'dhcp.mode = "authoritative"', 'dhcp.router_advertisements = false'];
  const daemon = await TestDaemon.start([...lines, 'tftp.enabled = true'], words => [
    ...['ip', 'netns', 'exec', head, 'env', ...variables],
    ...words,
  ]);
  t.teardown(async () => daemon.stop());
  t.teardown(() => t.passed || t.log(daemon.log));
  writeFileSync(join(daemon.folder, 'vmlinuz'), kernelFile('6.1.0-28-amd64'));
  writeFileSync(join(daemon.folder, 'initrd'), Buffer.alloc(3000, 7));
  for (const line of [
    'mkdir root && echo x > root/x && mksquashfs root image.squashfs -quiet -no-progress',
    'muster image create name=Rocky content=@image.squashfs',
    'muster boot create name=Compute kernel=@vmlinuz initramfs=@initrd image=Rocky boot_style=rwram',
    'muster attrib set _boot_config=Compute',
    `muster node create name=n0 mac=52:54:00:54:00:01 ip=${NODE}`,
  ]) {
    const { status, stderr } = await daemon.shell(line);
    t.is(status, 0, `${line}: ${stderr}`);
  }
  const inside = async (...words: string[]) => run('ip', ['netns', 'exec', node, ...words], { timeoutMs: 60_000 });
  return {
    daemon,
    set,
    node: inside,
    curl: async (path, ...more) =>
      (await inside('curl', '-s', '-w', '\n%{http_code}', ...more, `http://${HEAD}:${daemon.port}${path}`)).stdout,
    status: async () => {
      const { stdout } = await daemon.run('muster', 'node', '-i', 'n0', 'status', '--json');
      const [shown] = JSON.parse(stdout) as ShownStatus[];
      if (!shown) throw new Error('no status');
      return shown;
    },
  };
}

const sessionIn = (script: string): string => /boot\/v1\/([0-9a-f]{32})\/kernel/.exec(script)?.[1] ?? '';
const tokenIn = (archive: string): string => /MUSTER_TOKEN='([0-9a-f]{32})'/.exec(archive)?.[1] ?? '';
const statusOf = (answer: string): string => answer.slice(-3);

/** Every number of seconds that muster tells of the node. */
async function durations({ daemon }: Room): Promise<number[]> {
  const timelines = JSON.parse((await daemon.run('muster', 'node', 'timeline', '--json')).stdout) as ShownTimelines[];
  const { boots } = JSON.parse((await daemon.run('muster', 'boots', '--json')).stdout) as ShownBoots;
  const rows = timelines.flatMap(node =>
    node.boots.flatMap(boot => [boot.seconds ?? 0, ...boot.rows.map(row => row.seconds ?? 0)]),
  );
  return [...rows, ...boots.map(boot => boot.seconds)];
}

for (const [first, second] of [
  ['+0', '+1d'],
  ['+1d', '+0'],
] as const)
  test.serial(
    `the wall clock goes from ${first} to ${second} during a boot: the session lives, and no duration is off`,
    async t => {
      if (!requireAll(t, NEEDS)) return;
      const here = await room(t);
      const { daemon, set, curl, status } = here;
      set(first);
      const id = sessionIn(await curl('/boot/v1/script'));
      t.regex(id, /^[0-9a-f]{32}$/);
      set(second);
      for (const name of ['kernel', 'initramfs', 'session.cpio', 'image'])
        t.is(statusOf(await curl(`/boot/v1/${id}/${name}`)), '200', name);
      const token = tokenIn(await curl(`/boot/v1/${id}/session.cpio`));
      t.is(statusOf(await curl(`/boot/v1/${id}/report`, '--data-binary', 'stage=root')), '200');
      t.is((await status()).state, 'booting');
      const why = await daemon.run('muster', 'node', 'why', '-l');
      t.notRegex(why.stdout, /-\d+ (s|min|h|d)\b/, why.stdout);
      const beat = async (): Promise<string> =>
        statusOf(await curl('/node/v1/heartbeat', '--data-binary', `token=${token}`));
      await daemon.restart();
      t.is((await status()).state, 'booting', 'after a restart of musterd');
      t.is(statusOf(await curl(`/boot/v1/${id}/image`)), '200');
      t.is(await beat(), '200');
      t.is((await status()).state, 'up');
      set(first);
      t.is((await status()).state, 'up');
      t.is(await beat(), '200');
      const found = await durations(here);
      t.true(found.length >= 6);
      t.deepEqual(
        found.filter(seconds => seconds < 0 || seconds > 3600),
        [],
      );
    },
  );

test.serial(
  'a user of a node that is up fetches loaders, files that are not there, and a session: it stays up',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { curl, status, node, daemon } = await room(t);
    const id = sessionIn(await curl('/boot/v1/script'));
    const token = tokenIn(await curl(`/boot/v1/${id}/session.cpio`));
    const beat = async (): Promise<string> =>
      statusOf(await curl('/node/v1/heartbeat', '--data-binary', `token=${token}`));
    t.is(await beat(), '200');
    const attacks: Record<string, () => Promise<unknown>> = {
      'a loader over HTTP': async () => curl('/boot/v1/loader/ipxe.efi'),
      'a file that TFTP does not have': async () => node('busybox', 'tftp', '-g', '-r', 'foo', '-l', '/dev/null', HEAD),
      'a loader by TFTP': async () => node('busybox', 'tftp', '-g', '-r', 'undionly.kpxe', '-l', '/dev/null', HEAD),
      // For two minutes after its start musterd gives a script to the node's address alone
      'a session, and an error reported with it': async () => {
        const own = sessionIn(await curl('/boot/v1/script'));
        await curl(`/boot/v1/${own}/report`, '--data-binary', 'stage=image\nerror=made up');
      },
    };
    for (const [name, attack] of Object.entries(attacks)) {
      t.is(await beat(), '200');
      await attack();
      t.like(await status(), { state: 'up', reason: undefined }, `${name}\n${daemon.log}`);
      t.is(await beat(), '200', name);
      t.like(await status(), { state: 'up', reason: undefined }, name);
    }
  },
);
