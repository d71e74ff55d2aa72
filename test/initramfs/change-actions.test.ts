// What a running node does after a change of its files: units and scripts, as the shipped sets declare them.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { filesOf } from '../files/three-nodes.ts';
import { requireAll } from '../support/require.ts';
import { makePlace, runParts, SHELLS } from './shells.ts';

/** A systemd that knows `ssh`, `broken` and a masked unit. */
const SYSTEMCTL = `
systemctl() {
    for _word in "$@"; do :; done
    case "$1 $_word" in
        'show ssh' | 'show broken') echo LoadState=loaded ;;
        'show masked') echo LoadState=masked ;;
        show*) echo LoadState=not-found ;;
        *broken) echo 'Job for broken.service failed.' >&2 && return 1 ;;
        *) echo "systemctl $1 $_word" >>"$MUSTER_RUN/asked" ;;
    esac
}
`;

/** Runs the actions of an index for these paths; returns the lines for the timeline, and what failed. */
async function runChanges(
  t: ExecutionContext,
  shell: string,
  index: string,
  changed: readonly string[],
  more = '',
): Promise<{ events: string[]; failed: string; asked: string; left: boolean }> {
  const place = await makePlace(t);
  const files = join(place.run, 'private/files');
  await mkdir(join(files, 'state'), { recursive: true });
  await writeFile(join(files, 'index'), index);
  await writeFile(join(files, 'state/changed'), changed.map(path => `${path}\n`).join(''));
  const script = `. "$MUSTER_LIB/agent/change_actions"; ${SYSTEMCTL} ${more}
    run_changes || echo "failed: $FILES_PROBLEM"
    [ ! -e "$FILES_STATE/changed" ] || echo left`;
  const { stdout } = await runParts(shell, place, script, { MUSTER_SYSTEMD: place.run });
  const text = async (path: string) => readFile(path, 'utf8').catch(() => '');
  const events = (await text(join(files, 'events'))).split('\n').filter(Boolean);
  return {
    events: events.map(line => line.trim()),
    failed: /^failed: (.*)$/m.exec(stdout)?.[1] ?? '',
    asked: await text(join(place.run, 'asked')),
    left: /^left$/m.test(stdout),
  };
}

const index = (...lines: string[]): string => ['muster-files 1', ...lines, 'end', ''].join('\n');

for (const shell of Object.keys(SHELLS)) {
  const programs = [SHELLS[shell]?.[0] ?? '', 'busybox'];

  test(`${shell}: a unit that the node does not have, or that is masked, is a line on the timeline and no failure`, async t => {
    if (!requireAll(t, { programs })) return;
    const text = index('on reload sshd /etc/x', 'on reload ssh /etc/x', 'on restart masked /etc/x');
    const { events, failed, asked, left } = await runChanges(t, shell, text, ['/etc/x']);
    t.deepEqual(events, [
      'reload-or-restart of ssh after a change of files',
      'no reload-or-restart of sshd after a change of files: the node has no such unit',
      'no restart of masked after a change of files: the unit is masked',
    ]);
    t.deepEqual({ failed, asked, left }, { failed: '', asked: 'systemctl reload-or-restart ssh\n', left: false });
  });

  test(`${shell}: without systemd the timeline says that nothing was reloaded`, async t => {
    if (!requireAll(t, { programs })) return;
    const text = index('on reload ssh /etc/x');
    const { events, failed } = await runChanges(t, shell, text, ['/etc/x'], 'MUSTER_SYSTEMD=/none');
    t.deepEqual(events, ['no reload-or-restart of ssh after a change of files: the node has no systemd']);
    t.is(failed, '');
  });

  test(`${shell}: a unit that fails to restart is a failure, and its paths stay for the next try`, async t => {
    if (!requireAll(t, { programs })) return;
    const text = index('on restart broken /etc/x', 'on reload ssh /etc/x');
    const { failed, asked, left } = await runChanges(t, shell, text, ['/etc/x']);
    t.is(failed, 'systemctl restart broken: Job for broken.service failed.');
    t.deepEqual({ asked, left }, { asked: 'systemctl reload-or-restart ssh\n', left: true }, 'the others were done');
  });

  for (const { set, attributes, changed, script } of [
    { set: 'fstab', attributes: { fstab_mounts: 'nas:/home /home' }, changed: '/etc/fstab', script: 'mount-new' },
    {
      set: 'network',
      attributes: { _interfaces: 'eno1=boot:yes' },
      changed: '/etc/NetworkManager/system-connections/eno1.nmconnection',
      script: 'reload-connections',
    },
    {
      set: 'systemd',
      attributes: { systemd_enable: 'x' },
      changed: '/etc/systemd/system-preset/00-muster.preset',
      script: 'apply-units',
    },
  ])
    test(`${shell}: the script that the shipped set ${set} calls after a change is found on the node`, async t => {
      if (!requireAll(t, { programs })) return;
      const files = await filesOf(t, [set], { attributes });
      const ran = 'run_script() { SCRIPT_STATUS=0 SCRIPT_OUTPUT="limit $3 s"; };';
      const { events, failed } = await runChanges(t, shell, files.index, [changed], ran);
      t.is(failed, '');
      t.true(
        events.some(line => line.startsWith(`script ${set}/${script} (change) ran: limit 60 s`)),
        events.join('\n'),
      );
    });
}
