// kill -9 at every step, and a full disk at every step: nothing mounted, nothing lost that was kept, no half image on the head.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { makeRpmRepos, RPM_PROGRAMS } from '../support/rpm-repo.ts';
import { type Output, TestDaemon } from './daemon.ts';

const NEEDS = {
  root: true,
  programs: ['mksquashfs', 'unsquashfs', 'unshare', 'setpriv', 'bash', 'mount'],
  files: ['/bin/busybox'],
};
const MIB = 1 << 20;

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

async function ok(line: string): Promise<Output> {
  const output = await daemon.shell(line);
  if (output.status !== 0) throw new Error(`${line}\n${output.stdout}${output.stderr}`);
  return output;
}

let isReady = false;
/** An image of noise that the head has, so that no step is over at once. */
async function ready(t: ExecutionContext): Promise<boolean> {
  t.timeout(300_000);
  if (!requireAll(t, NEEDS)) return false;
  if (isReady) return true;
  const root = join(daemon.folder, 'tree');
  for (const name of ['usr/bin', 'etc', 'root']) mkdirSync(join(root, name), { recursive: true });
  await ok(
    'cp /bin/busybox tree/usr/bin/ && for n in sh sleep cat echo; do ln -s busybox tree/usr/bin/$n; done; ln -s usr/bin tree/bin',
  );
  for (const name of ['a', 'b', 'c']) writeFileSync(join(root, 'usr', name), randomBytes(2 * MIB));
  writeFileSync(join(daemon.folder, 'noise'), randomBytes(6 * MIB));
  await ok('scyld-modimg --import tree --set-name Noise --upload');
  isReady = true;
  return true;
}

/** What is mounted below the workspace: other tests mount things of their own meanwhile. */
const mounts = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter(line => line.includes(daemon.folder));
const workspace = (): string => join(daemon.folder, '.scyldcw', 'workspace');

/** What the head has: images with their digests, and nothing else in its uploads. */
async function headState(): Promise<unknown> {
  const images = JSON.parse((await ok('muster image ls --json')).stdout) as {
    name: string;
    content: { sha256: string } | null;
  }[];
  return images.map(({ name, content }) => [name, content?.sha256]);
}

/** Ends the program by SIGKILL when its words fit, and waits until all that it started is gone. */
async function killAt(words: readonly string[], mark: RegExp): Promise<void> {
  const child = spawn('scyld-modimg', words, {
    env: daemon.environment,
    cwd: daemon.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const exited = once(child, 'exit');
  const seen = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (mark.test(said)) resolve();
      });
    child.once('exit', () => reject(new Error(`${words.join(' ')} ended before ${mark}: ${said}`)));
  });
  await seen;
  child.kill('SIGKILL');
  await exited;
  await goneFrom(workspace());
}

/** The kernel ends the children of a killed program; until they are gone from /proc takes a moment. */
async function goneFrom(folder: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (processesOf(folder).length > 0) {
    if (Date.now() > deadline) throw new Error(`still there: ${processesOf(folder).join('; ')}`);
    await new Promise(resolve => setImmediate(resolve));
  }
}

function processesOf(folder: string): string[] {
  return readdirSync('/proc').flatMap(pid => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return words.includes(folder) ? [words] : [];
    } catch {
      return [];
    }
  });
}

const CHANGE = ['-i', 'Noise', '--copyin', 'noise', '/root', '--execute', 'echo at work; sleep 1', '--upload'];

const KILLS: [string, readonly string[], RegExp][] = [
  ['download', ['-i', 'Noise', '--freshen', '--execute', 'true'], /Downloading image/],
  ['verify', CHANGE, /Checksumming image/],
  ['unpack', CHANGE, /Unpacking image/],
  ['list files', CHANGE, /Checksumming\.\.\./],
  ['copyin', CHANGE, /step: Copyin/],
  ['execute', CHANGE, /at work/],
  ['chroot', ['-i', 'Noise', '--chroot'], /step: Chroot/],
  ['pack', CHANGE, /Packing image/],
  ['import', ['--import', 'tree', '--set-name', 'New'], /step: Import/],
];

for (const [title, words, mark] of KILLS) {
  test.serial(`kill -9 during ${title}: all is as before, and the next run says what it cleaned up`, async t => {
    if (!(await ready(t))) return;
    const [before, head, kept] = [
      mounts(),
      await headState(),
      readFileSync(join(workspace(), 'manifest.json'), 'utf8'),
    ];
    await killAt(words, mark);
    t.deepEqual(mounts(), before);
    t.deepEqual(await headState(), head);
    const { stderr } = await ok('scyld-modimg ls');
    t.regex(stderr, /Cleaned up after a modimg that was killed: image (Noise|New)/);
    t.deepEqual(
      readdirSync(workspace()).filter(name => name.startsWith('work-')),
      [],
    );
    t.is(readFileSync(join(workspace(), 'manifest.json'), 'utf8'), kept);
    await ok(
      "scyld-modimg -i Noise --execute 'cat /usr/a >/dev/null' --set-name Check --overwrite && scyld-modimg -i Check --delete",
    );
  });
}

const STOPS: [string, readonly string[], RegExp, NodeJS.Signals, number][] = [
  ['unpack', CHANGE, /Unpacking image/, 'SIGINT', 130],
  ['execute', CHANGE, /at work/, 'SIGINT', 130],
  [
    'a step with a program that ignores it',
    ['-i', 'Noise', '--execute', "trap '' INT TERM; echo at work; sleep 600"],
    /at work/,
    'SIGTERM',
    143,
  ],
  ['pack', CHANGE, /Packing image/, 'SIGTERM', 143],
  ['import', ['--import', 'tree', '--set-name', 'New'], /step: Import/, 'SIGINT', 130],
];

for (const [title, words, mark, signal, status] of STOPS) {
  test.serial(`${signal} during ${title}: nothing is left, and it reports that nothing was kept`, async t => {
    if (!(await ready(t))) return;
    const kept = readFileSync(join(workspace(), 'manifest.json'), 'utf8');
    const { status: code, said } = await daemon.signalled({ mark, signal }, 'scyld-modimg', ...words);
    t.is(code, status, said);
    t.regex(said, new RegExp(`Interrupted \\(${signal}\\): nothing was kept, and the images are unchanged\\.\n$`));
    t.notRegex(said, /ERROR|bug in muster/);
    t.deepEqual(
      readdirSync(workspace()).filter(name => name.startsWith('work-')),
      [],
    );
    t.deepEqual(processesOf(workspace()), []);
    t.is(readFileSync(join(workspace(), 'manifest.json'), 'utf8'), kept);
    t.notRegex((await ok('scyld-modimg ls')).stderr, /Cleaned up/);
  });
}

test.serial(
  'kill -9 during the upload: what was kept is kept, the head has the old image, and sending it again works',
  async t => {
    if (!(await ready(t))) return;
    const head = await headState();
    await killAt(['-i', 'Noise', '--copyin', 'noise', '/root', '--upload'], /Uploading image/);
    const after = await headState();
    const local = JSON.parse((await ok('scyld-modimg ls --json')).stdout) as { local: { sha256: string }[] };
    // Killed after the last byte, the head may have the whole new image; never a part.
    t.true(
      JSON.stringify(after) === JSON.stringify(head) || JSON.stringify(after).includes(local.local[0]?.sha256 ?? '-'),
    );
    await ok('scyld-modimg -i Noise --upload');
    t.true(JSON.stringify(await headState()).includes(local.local[0]?.sha256 ?? '-'));
    t.is((await ok("scyld-modimg -i Noise --execute 'cat /root/noise | wc -c' | tail -n 1 || true")).status, 0);
  },
);

test.serial('kill -9 while an image is created by dnf: no half image, no mount', async t => {
  if (!(await ready(t)) || !requireAll(t, { programs: [...RPM_PROGRAMS, 'gpg'] })) return;
  mkdirSync(join(daemon.folder, 'rpms'));
  const repos = await makeRpmRepos(join(daemon.folder, 'rpms'));
  await ok(
    `muster repo create name=plain urls=file://${repos.plain} check=false && muster distro create name=Lab repos=plain release=7`,
  );
  const before = mounts();
  for (const mark of [/Initializing/, /Installing core/]) {
    await killAt(['--create', 'Lab', '--set-name', 'Half'], mark);
    t.deepEqual(mounts(), before);
    t.regex((await ok('scyld-modimg ls')).stderr, /Cleaned up .*: image Half, step Create/);
  }
  await ok('scyld-modimg --create Lab --set-name Half && scyld-modimg -i Half --delete');
});

test.serial('two at once: one image has one at work on it, and the manifest gets every image', async t => {
  if (!(await ready(t))) return;
  const child: ChildProcess = spawn('scyld-modimg', ['-i', 'Noise', '--execute', 'echo at work; sleep 600'], {
    env: daemon.environment,
    cwd: daemon.folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout ?? child, 'data');
  const second = await daemon.shell('scyld-modimg -i Noise --execute true');
  t.is(second.status, 5);
  t.regex(second.stderr, /Another modimg is working on Noise/);
  const names = ['One', 'Two', 'Three', 'Four'];
  const made = await Promise.all(
    names.map(async name => daemon.shell(`scyld-modimg --import tree --set-name ${name}`)),
  );
  for (const { status, stderr } of made) t.is(status, 0, stderr);
  const { stdout } = await ok('scyld-modimg ls');
  for (const name of names) t.regex(stdout, new RegExp(`^ {2}${name}: `, 'm'));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  await goneFrom(workspace());
  await ok(`scyld-modimg ${names.map(name => `-i ${name}`).join(' ')} --delete`);
});

test.serial("two administrators on one image: the second does not undo the first one's change by mistake", async t => {
  if (!(await ready(t))) return;
  const first = 'MUSTER_WORKSPACE=$PWD/first scyld-modimg -i Noise';
  const second = 'MUSTER_WORKSPACE=$PWD/second scyld-modimg -i Noise';
  await ok(`${second} --freshen`);
  await ok(`${first} --execute 'echo first >/etc/first' --upload`);
  for (const steps of ["--execute 'echo never' --upload", '--upload']) {
    const refused = await daemon.shell(`${second} ${steps}`);
    t.is(refused.status, 5);
    t.regex(refused.stderr, /ERROR: Somebody changed the head's image Noise after your copy was fetched/);
    t.is(refused.stdout, '');
  }
  t.regex((await ok(`${second} ls`)).stdout, /Noise: .* the head's content changed since it was fetched/);
  t.regex((await ok(`${second} --execute true`)).stderr, /^WARNING: Somebody changed the head's Noise/m);
  await ok(`${second} --freshen`);
  t.is((await ok(`${second} --execute 'cat /etc/first' --upload`)).stdout.split('\n')[0], 'first');
  await ok(`${first} --execute true --overwrite --upload`);
});

test.serial('a workspace that is read-only, or full: what is wrong with which folder', async t => {
  if (!(await ready(t))) return;
  mkdirSync(join(daemon.folder, 'other'));
  const within = (options: string, then: string): string =>
    `unshare --mount sh -c 'mount -t tmpfs -o ${options} x other; ${then}; MUSTER_WORKSPACE=$PWD/other scyld-modimg -i Noise --query'`;
  const readOnly = await daemon.shell(within('size=1m', 'mount -o remount,ro other'));
  t.regex(readOnly.stderr, /^ERROR: The workspace .*other cannot be used: EROFS: read-only file system/);
  const noexec = await daemon.shell(within('size=50m,noexec', 'true').replace('--query', '--execute true'));
  t.is(noexec.status, 5);
  t.regex(noexec.stderr, /ERROR: .*other\/work-.* is on a file system mounted with noexec/);
  const full = await daemon.shell(within('size=200k', 'true'));
  t.is(full.status, 6);
  t.regex(full.stderr, /ERROR: There is no space left for the workspace .*other: ENOSPC/);
});

test.serial('a full disk at every step: a clear error, and an unchanged old image', async t => {
  if (!(await ready(t))) return;
  await ok('scyld-modimg --all --delete');
  const head = await headState();
  const full: number[] = [];
  // From room for nothing to room for all: each size ends in another step.
  for (const size of [4, 10, 16, 22, 28, 34, 40, 76]) {
    const script = `mount -t tmpfs -o size=${size}m workspace "$1" && shift && scyld-modimg -i Noise --copyin noise /root; status=$?; scyld-modimg ls --json | tr -d '\\n'; exit $status`;
    mkdirSync(join(daemon.folder, 'small'), { recursive: true });
    const output = await daemon.run(
      'env',
      `MUSTER_WORKSPACE=${daemon.folder}/small`,
      'unshare',
      '--mount',
      'bash',
      '-c',
      script,
      'bash',
      join(daemon.folder, 'small'),
    );
    const { local } = JSON.parse(output.stdout) as { local: { state: string }[] };
    if (output.status === 0) {
      t.is(local[0]?.state, 'differs from the head: --upload, or --freshen');
      continue;
    }
    full.push(size);
    t.is(output.status, 6, `${size} MiB: ${output.stderr}`);
    t.regex(output.stderr, /ERROR: .*[Nn]o space left/, `${size} MiB`);
    t.notRegex(output.stderr, /bug in muster/);
    for (const { state } of local) t.is(state, 'the same as on the head', `${size} MiB`);
  }
  t.true(full.length >= 4 && !full.includes(76), `full with ${full.join(', ')} MiB`);
  t.deepEqual(await headState(), head);
});
