// The watcher that the initramfs leaves in a system whose agent does not come.
import { spawn } from 'node:child_process';
import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { SYSTEM_FACTS } from '../../src/boot/system-facts.ts';
import { requireAll } from '../support/require.ts';
import { startHead } from './fake-head.ts';
import { giveSession, MODULE, makePlace, SHELLS } from './shells.ts';

/** A systemd that names a unit once and then answers too late; and no long pauses. */
const LATE = `
ask_systemd() {
    [ "$1" = list-jobs ] || return 0
    [ ! -e "$PRIVATE/late" ] || return 143
    : >"$PRIVATE/late"
    echo '12 slow.service start running'
}
pause() { sleep 0.1; }
`;

for (const shell of Object.keys(SHELLS)) {
  test(`${shell}: the watcher tells what the system is like until the agent was heard`, async t => {
    if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? ''], files: ['/bin/busybox'] })) return;
    const head = await startHead({});
    t.teardown(() => head.stop());
    const place = await makePlace(t);
    const parts = join(place.run, 'agent');
    await cp(join(MODULE, 'agent'), parts, { recursive: true });
    for (const name of ['base', 'http', 'http_client'])
      await cp(join(place.folder, 'lib/lib', name), join(parts, name));
    await appendFile(join(parts, 'system'), LATE);
    await cp('/bin/busybox', join(parts, 'busybox'));
    // The layer that takes what is written is measured, not the root.
    await mkdir(join(place.run, 'private', 'rw'));
    await giveSession(place, { MUSTER_URL: `${head.url}/boot/v1/s1` });
    const [command = '', ...words] = SHELLS[shell] ?? [];
    const child = spawn(command, [...words, join(parts, 'watch')], {
      env: { ...process.env, ...place.env, MUSTER_ROOT: place.root, MUSTER_WATCH_SECS: '0' },
      stdio: 'ignore',
    });
    const ended = new Promise(resolve => child.once('close', resolve));
    t.teardown(() => child.kill());
    await head.until(() => head.reports.length >= 1);
    const [report = {}] = head.reports;
    t.like(report, { stage: 'root', 'status.ram_free': '500000', 'status.ram_total': '1000000' });
    t.true(Number(report['status.root_total']) > 0);
    const facts = Object.keys(report).filter(name => name.startsWith('status.'));
    t.deepEqual(
      facts.filter(name => !SYSTEM_FACTS.has(name.slice('status.'.length))),
      [],
    );
    t.false('error' in report);
    await head.until(() => head.reports.length >= 3);
    for (const report of head.reports) t.is(report['status.starting_units']?.trim(), 'slow.service');
    await writeFile(join(place.run, 'private', 'answer'), '[Attributes]\n');
    await ended;
    t.is(child.exitCode, 0);
  });
}
