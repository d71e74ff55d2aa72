// The initramfs's words by syslog: busybox's own syslogd before a real receiver, in every shell; and that it hinders nothing.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import test from 'ava';
import { decodeSyslog } from '../../src/syslog/packet.ts';
import { requireAll } from '../support/require.ts';
import { within } from '../support/until.ts';
import { makePlace, runParts, SHELLS } from './shells.ts';

/** In a mount namespace whose /dev is empty but for what a shell needs: busybox has its socket there. */
const PRIVATE_DEV = 'mount -t tmpfs dev /dev && : >/dev/null;';

for (const shell of Object.keys(SHELLS)) {
  test.serial(`${shell}: messages after start_syslog reach the head; the socket is gone afterwards`, async t => {
    if (!requireAll(t, { root: true, programs: [SHELLS[shell]?.[0] ?? '', 'unshare'] })) return;
    const place = await makePlace(t);
    const socket = createSocket('udp4');
    t.teardown(() => socket.close());
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const heard = new Promise<string>(resolve => {
      socket.on('message', bytes => {
        for (const { app, severity, text } of decodeSyslog(bytes)) if (app === 'muster') resolve(`${severity} ${text}`);
      });
    });
    const script = `. "$MUSTER_LIB/lib/syslog"
      # The test's own kernel log is not read.
      kernel_log() { :; }
      start_syslog
      until [ -S /dev/log ]; do sleep 0.1; done
      # Words that syslogd has not read when it is stopped are its last task, not lost.
      kill -STOP "$SYSLOGD"; (sleep 0.3; kill -CONT "$SYSLOGD") &
      say "hello from $0"; stop_syslog; [ -e /dev/log ] || echo gone; [ -z "$SYSLOGD" ] && echo ended`;
    const { stdout, status } = await runParts(
      shell,
      place,
      `${script}`,
      { MUSTER_SYSLOG: `127.0.0.1:${socket.address().port}`, MUSTER_PROC: '/proc' },
      ['unshare', '--mount', 'sh', '-c', `${PRIVATE_DEV} exec "$@"`, 'sh'],
    );
    t.is(status, 0);
    t.is(stdout, 'gone\nended\n');
    t.regex(String(await within('words of the node', heard)), /^5 hello from/);
  });

  test.serial(`${shell}: no receiver, no word, no delay`, async t => {
    if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? ''] })) return;
    const place = await makePlace(t);
    const { stdout, status } = await runParts(
      shell,
      place,
      '. "$MUSTER_LIB/lib/syslog"; start_syslog; say x; stop_syslog; echo "on: $SYSLOGD"',
      { MUSTER_SYSLOG: '' },
    );
    t.deepEqual([status, stdout], [0, 'on: \n']);
    t.false(existsSync('/dev/log') && stdout.includes('on: 1'));
  });
}
