// What only real mounts show: a script that runs inside the root, and a read-only root that gets files.
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { requireAll } from '../support/require.ts';
import { bundle, entry } from './bundles.ts';
import { startHead } from './fake-head.ts';
import { giveSession, makePlace, runParts } from './shells.ts';

for (const shell of ['dash', 'busybox'])
  test.serial(`${shell}: a root script runs inside a root that is read-only, and leaves no mount`, async t => {
    if (!requireAll(t, { root: true, programs: ['dash', 'busybox', 'unshare', 'findmnt'] })) return;
    const files = bundle(
      [entry('/etc/hosts', 'new\n')],
      [
        {
          ...{ stage: 'root', name: 'look', required: true, seconds: 60 },
          content: Buffer.from(
            '#!/bin/sh\n[ -e /proc/self/status ] && [ -c /dev/null ] && echo "hosts: $(cat /etc/hosts)"\n',
          ),
        },
      ],
    );
    const head = await startHead({ files: () => files });
    t.teardown(() => head.stop());
    const place = await makePlace(t);
    const lower = join(place.folder, 'lower');
    for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'run']) await mkdir(join(lower, name), { recursive: true });
    await cp('/bin/busybox', join(lower, 'bin/busybox'));
    await chmod(join(lower, 'bin/busybox'), 0o755);
    for (const name of ['sh', 'cat']) await symlink('busybox', join(lower, 'bin', name));
    await writeFile(join(lower, 'etc/hosts'), 'old\n');
    await giveSession(place, {
      MUSTER_URL: `${head.url}/boot/v1/s1`,
      MUSTER_FILES: files.digest,
      MUSTER_FILES_URL: `${head.url}/boot/v1/s1/files`,
      MUSTER_STYLE: 'roram',
      MUSTER_IMAGE: 'Img',
    });
    // The folder of the node is at /run/muster, as on a node.
    const boot = `
      mount --make-rprivate /
      mount -t tmpfs none /run && mkdir /run/muster && mount --bind "$MUSTER_RUN" /run/muster
      MUSTER_RUN=/run/muster PRIVATE=/run/muster/private FILES=/run/muster/private/files FILES_STATE=$FILES/state
      HTTP_PLACE=$PRIVATE/http MUSTER_PROC=/proc
      . "$MUSTER_LIB/lib/rw_rwtab"
      mkdir -p "$PRIVATE/rw"
      mount --bind "$PRIVATE/../../lower" "$NEWROOT" 2>/dev/null || mount --bind ${lower} "$NEWROOT"
      mount -o remount,bind,ro "$NEWROOT"
      fetch_files
      place_files
      echo "placed $(cat "$NEWROOT/etc/hosts")"
      for name in proc sys dev run; do findmnt -n "$NEWROOT/$name" >/dev/null && echo "left $name"; done
      : >/dev/null && echo end`;
    const { stdout, stderr, console } = await runParts(shell, place, boot, {}, ['unshare', '-m']);
    t.is(stdout, 'placed new\nend\n', stderr + console);
    t.regex(head.reports.at(-1)?.['detail'] ?? '', /^script look \(root\) ran: hosts: new/);
    t.is(await readFile(join(lower, 'etc/hosts'), 'utf8'), 'old\n');
    t.deepEqual(await readdir(join(lower, 'etc')), ['hosts'], 'nothing is staged in the image itself');
  });
