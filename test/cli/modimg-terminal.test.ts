// modimg at a terminal: its questions, each answered when it is asked; and an administrator who is not root.
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SecretWatch } from '../power/secret-watch.ts';
import { requireAll } from '../support/require.ts';
import { converse as converseIn, type Talk } from './converse.ts';
import { TestDaemon } from './daemon.ts';

const NEEDS = {
  root: true,
  programs: ['script', 'mksquashfs', 'unsquashfs', 'unshare', 'setpriv', 'bash'],
  files: ['/bin/busybox'],
};

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

async function ok(line: string): Promise<string> {
  const { status, stdout, stderr } = await daemon.shell(line);
  if (status !== 0) throw new Error(`${line}\n${stdout}${stderr}`);
  return stdout;
}

let isReady = false;
async function ready(t: ExecutionContext): Promise<boolean> {
  t.timeout(300_000);
  if (!requireAll(t, NEEDS)) return false;
  if (isReady) return true;
  for (const name of ['usr/bin', 'etc', 'root', 'proc', 'sys', 'dev', 'run', 'tmp', 'var/tmp'])
    mkdirSync(join(daemon.folder, 'tree', name), { recursive: true });
  await ok(
    'cp /bin/busybox tree/usr/bin/ && for n in sh touch cat tr printenv; do ln -s busybox tree/usr/bin/$n; done; ln -s usr/bin tree/bin',
  );
  await ok('scyld-modimg --import tree --set-name Small --upload');
  isReady = true;
  return true;
}

const converse = async (line: string, talk: Talk) => converseIn(daemon, line, talk);

/** The end of a prompt; the shell of busybox asks the terminal behind it where its cursor is. */
const PROMPT = /\]# /;

test.serial("the specification's questions after a chroot, all answered by what is usual", async t => {
  if (!(await ready(t))) return;
  const { status, said } = await converse('scyld-modimg -i Small --chroot', [
    [PROMPT, 'touch /root/kept\r'],
    [PROMPT, 'exit\r'],
    [/\(K\)eep changes or \(d\)iscard\? \[kd\]/, 'k\r'],
    [/\(O\)verwrite the local image Small or \(c\)reate a new one\? \[oc\]/, '\r'],
    [/Upload the image to the head\? \[Yn\]/, 'y\r'],
    [/Replace the image Small on the head\? \[Yn\]/, '\r'],
  ]);
  t.is(status, 0, said);
  t.notRegex(said, /not asked/);
  t.regex(said, /Executing step: Chroot\nDropping into a \/bin\/sh shell\. Exit when done\./);
  t.regex(said, /files: 0 changed, 1 new, 0 removed/);
  t.regex(said, /100\.0% complete, elapsed: 0:00:\d\d\.\d \(\d+\.\d% compression\)/);
  t.regex(await ok('scyld-modimg ls'), /Small: .* the same as on the head/);
});

test.serial('discarded changes are gone; a new name keeps the old image', async t => {
  if (!(await ready(t))) return;
  const discarded = await converse('scyld-modimg -i Small --chroot', [
    [PROMPT, 'touch /root/lost\r'],
    [PROMPT, 'exit\r'],
    [/\[kd\]/, 'd\r'],
  ]);
  t.is(discarded.status, 0);
  t.regex(discarded.said, /The changes are discarded\./);
  const renamed = await converse("scyld-modimg -i Small --execute 'touch /root/other'", [
    [/\[oc\]/, 'c\r'],
    [/Name of the new image:/, 'Other\r'],
    [/Upload the image to the head\? \[Yn\]/, 'n\r'],
  ]);
  t.is(renamed.status, 0, renamed.said);
  t.regex(renamed.said, /The image Other is only in your workspace/);
  t.is(await ok("scyld-modimg -i Small --execute 'cd /root && echo *' --set-name X --overwrite"), 'kept\n');
  t.is(await ok("scyld-modimg -i Other --execute 'cd /root && echo *' --set-name X --overwrite"), 'kept other\n');
});

test.serial('Ctrl-C in the shell is its own; at a question it keeps nothing and leaves nothing', async t => {
  if (!(await ready(t))) return;
  const { status, said } = await converse('scyld-modimg -i Small --chroot', [
    // The program that has the terminal says so itself: what the shell says before may be read before the program has it.
    [PROMPT, `touch /root/lost; sh -c 'echo sl"eep"ing; exec cat'\r`],
    [/sleeping/, '\x03'],
    [PROMPT, 'exit\r'],
    [/\[kd\]/, '\x03'],
  ]);
  t.is(status, 130, said);
  t.regex(said, /Interrupted \(SIGINT\): nothing was kept, and the images are unchanged\./);
  t.notRegex(said, /not asked|Packing image/);
  const names = await ok('ls .scyldcw/workspace');
  t.notRegex(names, /^work-/m);
});

test.serial('at a terminal too a shell is among its own processes, with its own host name and terminal', async t => {
  if (!(await ready(t))) return;
  const before = hostname();
  const { status, said } = await converse('scyld-modimg -i Small --chroot', [
    [PROMPT, 'busybox hostname nodeTemplate; echo "name $(busybox hostname)"\r'],
    [PROMPT, `echo "mine $$"; kill -9 ${process.pid}; kill -9 1; echo "alive $(busybox tty)"\r`],
    [PROMPT, 'busybox ls -d /proc/[0-9]* | busybox wc -l\r'],
    [PROMPT, 'busybox mount -t tmpfs x /root; busybox ip link set lo down; busybox stat -c %t:%T /dev/console\r'],
    // The job says itself that it has the terminal. Neither it nor the one in the background outlives the shell.
    [PROMPT, `busybox sh -c 'echo wai"ti"ng; exec busybox sleep 1000'\r`],
    [/waiting/, '\x1a'],
    [/Stopped/, 'busybox sleep 1000 &\r'],
    [PROMPT, 'exit\r'],
    [PROMPT, 'exit\r'],
    [/\[kd\]/, 'd\r'],
  ]);
  t.is(status, 0, said);
  t.notRegex(said, /not asked/);
  t.regex(said, /name nodeTemplate\n[\s\S]*mine \d{1,4}\n[\s\S]*alive \/dev\/console\n/);
  t.regex(said, /mount: .*(denied|permitted)[\s\S]*ip: .*not permitted/);
  t.is(hostname(), before);
  t.notRegex(await ok('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "'), /sleep 1000/);
});

test.serial('options that answer everything leave nothing to ask', async t => {
  if (!(await ready(t))) return;
  const { status, said } = await converse('scyld-modimg -i Small --chroot --no-discard --overwrite --upload', [
    [PROMPT, 'exit\r'],
  ]);
  t.is(status, 0);
  t.notRegex(said, /\[(kd|oc|Yn|yN)\]/);
});

test.serial('add-boot-config without arguments asks for each part, shows its commands, and accepts a no', async t => {
  if (!(await ready(t))) return;
  const { status, said } = await converse('scyld-add-boot-config', [
    [/Name of the image \[Small\]:/, '\r'],
    [/Name of the boot config \[SmallBoot\]:/, 'Asked\r'],
    [/Kernel command line \[enforcing=0\]:/, '\r'],
    [/Boot style \[rwram\]:/, 'roram\r'],
    [/Attribute group .* \[DefaultAttribs\]:/, '\r'],
    [/Run them\? \[Yn\]/, 'n\r'],
  ]);
  t.is(status, 2, said);
  t.notRegex(said, /not asked/);
  t.regex(
    said,
    /muster boot create name=Asked image=Small cmdline=enforcing=0 boot_style=roram\n {2}muster mkramfs --update Asked\n {2}muster attrib -i DefaultAttribs set _boot_config=Asked\n/,
  );
  t.is(await ok('muster boot ls -q'), '');
});

/** Words before a command that run it as an administrator who is not root and may use sudo. */
function asNobody(): (line: string) => string {
  const home = join(daemon.folder, 'home');
  mkdirSync(home, { recursive: true });
  chownSync(home, 65_534, 65_534);
  chmodSync(daemon.folder, 0o755);
  chmodSync(daemon.socket, 0o666);
  const sudoers = join(daemon.folder, 'sudoers');
  writeFileSync(sudoers, 'root ALL=(ALL) ALL\nnobody ALL=(ALL) NOPASSWD: ALL\n');
  chmodSync(sudoers, 0o440);
  // In a mount namespace, so that this machine's own sudoers stay as they are.
  return line =>
    `unshare --mount sh -c 'mount --bind ${sudoers} /etc/sudoers && exec setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=${home} ${line}'`;
}

test.serial('an administrator who is not root: sudo where root is needed, and the files stay theirs', async t => {
  if (!(await ready(t)) || !requireAll(t, { programs: ['sudo'] })) return;
  const home = join(daemon.folder, 'home');
  const as = asNobody();
  await ok(as('scyld-modimg -i Small --execute true --set-name Mine --upload'));
  const { local } = JSON.parse(await ok(as('scyld-modimg ls --json'))) as {
    local: { uid: string; name: string }[];
  };
  t.deepEqual(local.map(({ name }) => name).sort(), ['Mine', 'Small']);
  for (const { uid } of local) t.is(statSync(join(home, '.scyldcw', 'workspace', uid)).uid, 65_534);
  await ok(as('http_proxy=http://p scyld-modimg -i Small --execute "test \\$http_proxy = http://p"'));
  t.regex(await ok(as('scyld-modimg --all --delete')), /deleted the local copy of Mine/);
  const [line] = JSON.parse(await ok('muster log --limit 1 --json')) as { who: string }[];
  t.regex(line?.who ?? '', /nobody/, 'the audit trail names who asked, not root');
});

test.serial("commands run as root appear in no process list, and use the user's input and terminal", async t => {
  if (!(await ready(t)) || !requireAll(t, { programs: ['sudo'] })) return;
  const as = asNobody();
  const secret = 'bdfhjlnprtvz';
  // The first program has its words in the process list until it has started. Here no word of a shell is one of them.
  const script = (name: string, line: string): string => {
    writeFileSync(join(daemon.folder, name), line);
    return as(`sh ${join(daemon.folder, name)}`);
  };
  const watch = new SecretWatch([secret]);
  const command = `echo got $(printf %s ${secret} | tr a-z b-za) "$0"; printenv MUSTER_COMMAND; cat; exit 0`;
  const executed = await ok(script('one', `scyld-modimg -i Small --execute '${command}' --set-name X --overwrite`));
  const piped = await ok(
    script('two', `echo 'echo $((40 + 2))' | scyld-modimg -i Small --chroot --set-name X --overwrite`),
  );
  await watch.stop();
  t.regex(executed, /^got cegikmoqsuwa \/bin\/sh\n/);
  t.regex(piped, /^42$/m);
  for (const program of ['sudo', 'unshare', 'sh', 'cat']) t.true(watch.programs.has(program), `${program} was seen`);
  t.deepEqual(
    watch.found.filter(line => !/scyld-modimg -i/.test(line)),
    [],
  );
  const { status, said } = await converse(as('scyld-modimg -i Small --chroot'), [
    [PROMPT, 'touch /root/asked\r'],
    [PROMPT, 'exit\r'],
    [/\[kd\]/, 'd\r'],
  ]);
  t.is(status, 0, said);
  t.notRegex(said, /not asked/);
});
