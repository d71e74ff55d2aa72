// A boot with file sets in the initramfs: the bundle by HTTP, scripts at their stages, and the faults that end a boot.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { StageScript } from '../../src/files/set-content.ts';
import { requireAll } from '../support/require.ts';
import { type Bundle, bundle, entry } from './bundles.ts';
import { type FakeHead, startHead } from './fake-head.ts';
import { giveSession, makePlace, type Place, runParts, SHELLS } from './shells.ts';

const script = (
  stage: StageScript['stage'],
  name: string,
  text: string,
  more: Partial<StageScript> = {},
): StageScript => ({
  ...{ stage, name, required: false, seconds: 60 },
  content: Buffer.from(`#!/bin/sh\n${text}\n`),
  ...more,
});

/** Stands in for mounts, and for the root that a script enters. */
const BOOT = `
[ -z "$LATE_LIMIT" ] || {
    eval "prompt_$(sed -n '/^end_after() {/,/^}/p' "$MUSTER_LIB/lib/stage_scripts")"
    end_after() { trap '' TERM; sleep 1; prompt_end_after "$@"; }
}
files_place() { mkdir -p "$FILES"; }
enter_root() { echo entered; }
leave_root() { echo left; }
setsid() { [ "$1" != chroot ] || shift 2; exec setsid "$@"; }
fetch_files
place_files
echo placed
`;

async function boot(
  t: ExecutionContext,
  shell: string,
  files: Bundle,
  prepare: (place: Place) => Promise<void> = async () => undefined,
  env: Record<string, string> = {},
): Promise<{ place: Place; head: FakeHead; stdout: string; console: string }> {
  const head = await startHead({ files: () => files });
  t.teardown(() => head.stop());
  const place = await makePlace(t);
  await giveSession(place, {
    MUSTER_URL: `${head.url}/boot/v1/s1`,
    MUSTER_FILES: files.digest,
    MUSTER_FILES_URL: `${head.url}/boot/v1/s1/files`,
    MUSTER_STYLE: 'roram',
    MUSTER_IMAGE: 'Img',
    MUSTER_FAILURE_SECS: 5,
  });
  await prepare(place);
  const { stdout, console } = await runParts(shell, place, BOOT, { LATE_LIMIT: '', ...env });
  return { place, head, stdout, console };
}

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: a script that ends before its time limit has begun is not taken for one that took too long`, async t => {
    if (!requireAll(t, { programs: [...programs, 'sed'] })) return;
    const files = bundle([], [script('before-root', 'base/quick', 'echo done', { seconds: 3, required: true })]);
    const { head, stdout } = await boot(t, shell, files, undefined, { LATE_LIMIT: 'yes' });
    t.regex(stdout, /placed\n$/);
    t.true(
      head.reports.some(({ detail }) => detail?.trim() === 'script base/quick (before-root) ran: done'),
      JSON.stringify(head.reports),
    );
  });

  test(`${shell}: files are fetched and placed, scripts run at their stages, and the head hears of each`, async t => {
    if (!requireAll(t, { programs })) return;
    const files = bundle(
      [entry('/etc/hosts', 'new\n')],
      [
        script('before-root', 'base/early', 'echo "early $0"; echo two lines'),
        script('root', 'base/late', 'echo late >&2; exit 7'),
        script('root', 'base/slow', 'sleep 600 & echo begun; wait', { seconds: 1 }),
        script('boot', 'base/boot', 'echo at boot'),
      ],
    );
    const { place, head, stdout } = await boot(t, shell, files);
    t.is(stdout, 'entered\nleft\nentered\nleft\nplaced\n');
    t.is(await readFile(join(place.root, 'etc/hosts'), 'utf8'), 'new\n');
    const details = head.reports.map(({ detail }) => detail ?? '');
    t.regex(details[0] ?? '', /^script base\/early \(before-root\) ran: early .*content\/[0-9a-f]{64} two lines/);
    t.regex(details[1] ?? '', /^the script base\/late \(root\) ended with 7: late/);
    t.regex(details[2] ?? '', /^the script base\/slow \(root\) ended with its time limit of 1 s: begun/);
    const kept = await readdir(join(place.run, 'private/files/content'));
    t.is(kept.length, 1, 'of the contents only the scripts of the running system stay');
    t.is(await readFile(join(place.run, 'private/files/state/applied'), 'utf8'), `${files.digest}\n`);
  });

  test(`${shell}: a required script that fails, and a file that cannot be placed, end the boot with their names`, async t => {
    if (!requireAll(t, { programs })) return;
    const required = script('root', 'base/must', 'echo no disk; exit 3', { required: true });
    const failed = await boot(t, shell, bundle([entry('/etc/hosts', 'new\n')], [required]));
    t.false(failed.stdout.includes('placed'));
    t.like(failed.head.reports.at(-1), { fault: 'script-failed', name: 'base/must', have: '3' });
    const files = bundle([entry('/etc/hosts', 'new\n'), entry('/etc/key', 'x', { owner: 'munge' })]);
    const { place, head, stdout } = await boot(t, shell, files);
    t.false(stdout.includes('placed'));
    t.like(head.reports.at(-1), {
      fault: 'files-not-applied',
      name: '/etc/key',
      have: "its owner 'munge' is not in the image's /etc/passwd",
    });
    t.deepEqual(await readdir(join(place.root, 'etc')), []);
  });

  test(`${shell}: a bundle that stays damaged ends the boot; one that is refused, too`, async t => {
    if (!requireAll(t, { programs })) return;
    const files = bundle([entry('/etc/hosts', 'new\n')]);
    const damaged = { ...files, bytes: () => Buffer.from('muster-files 1\nend\n') };
    t.like((await boot(t, shell, damaged)).head.reports.at(-1), { fault: 'files-damaged' });
  });

  test(`${shell}: a read-only folder becomes a copy in memory where the root is by rwtab, else a clear refusal`, async t => {
    if (!requireAll(t, { programs })) return;
    const place = await makePlace(t);
    await mkdir(join(place.root, 'etc/ssh'));
    await writeFile(join(place.root, 'etc/ssh/config'), 'old\n');
    const files = bundle([entry('/etc/ssh/config', 'new\n'), entry('/etc/ssh/key', 'k')]);
    await mkdir(join(place.run, 'private/files'), { recursive: true });
    await writeFile(join(place.run, 'private/files/bundle'), files.bytes());
    // Read-only as a squashfs is, also for root, until something is mounted there.
    const readOnly = `
      BOUND=''
      is_writable() { [ "$1" = "$BOUND" ]; }
      bind_path() { BOUND=$2; }
      unpack_bundle "$FILES/bundle" ${files.digest} ''
      apply_files; echo "$? $FILES_PATH|$FILES_PROBLEM"`;
    const refused = await runParts(shell, place, readOnly);
    t.is(
      refused.stdout.trim(),
      "1 /etc/ssh/config|/etc/ssh/ is read-only; set _boot_rw_layer=overlayfs, or name the folder in the image's /etc/rwtab",
    );
    await mkdir(join(place.run, 'private/rw'));
    const { stdout } = await runParts(shell, place, readOnly);
    t.regex(stdout, /^0 /);
    t.is(
      await readFile(join(place.run, 'private/rw/files/etc/ssh/config'), 'utf8'),
      'old\n',
      'the copy that is mounted',
    );
    t.is(await readFile(join(place.root, 'etc/ssh/key'), 'utf8'), 'k');
  });
}
