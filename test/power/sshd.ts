// A real sshd in a network namespace, with host key, accounts and authorized keys of its own.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from '../../lab/namespace.ts';
import { type LabProcess, startProcess, tailOf } from '../../lab/process.ts';
import { runOk } from '../../src/process/run.ts';
import { until } from '../support/until.ts';

export const SSHD_NEEDS = ['sshd', 'ssh', 'ssh-keygen', 'unshare', 'openssl'];

export interface SshdOptions {
  /** Of root, in this sshd alone. */
  password: string;
  /** Folders before the usual ones in the PATH of who logs in. */
  path?: readonly string[];
  addresses?: readonly string[];
  /** Variables of who logs in, `NAME=value`. */
  environment?: readonly string[];
  /** A script that everybody who logs in finds at /usr/sbin/reboot and at what that is a link to. */
  reboot?: string;
}

/**
 * Reads `authorized_keys` in the folder. In its mount namespace /etc/shadow and /etc/passwd are other files: root has an empty home and a
 * shell that reads no files, since a bash below sshd runs the .bashrc of the machine's root, whatever that says.
 */
export async function startSshd(folder: string, namespace: Namespace, options: SshdOptions): Promise<LabProcess> {
  const place = (name: string) => join(folder, name);
  await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', place('host_key')]);
  const hash = (await runOk('openssl', ['passwd', '-6', '-stdin'], { input: `${options.password}\n` })).trim();
  writeFileSync(place('shadow'), `root:${hash}:19000:0:99999:7:::\nsshd:!:19000::::::\n`, { mode: 0o600 });
  mkdirSync(place('home'));
  writeFileSync(
    place('passwd'),
    `root:x:0:0::${place('home')}:/bin/sh\nsshd:x:999:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n`,
  );
  if (!existsSync(place('authorized_keys'))) writeFileSync(place('authorized_keys'), '');
  const lines = [
    ...(options.addresses ?? ['127.0.0.1']).map(address => `ListenAddress ${address}:22`),
    `HostKey ${place('host_key')}`,
    `AuthorizedKeysFile ${place('authorized_keys')}`,
    `PidFile ${place('sshd.pid')}`,
    'UsePAM no',
    'StrictModes no',
    'MaxStartups 100',
    'PermitRootLogin yes',
    'PasswordAuthentication yes',
    `SetEnv PATH=${[...(options.path ?? []), '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':')} ${(options.environment ?? []).join(' ')}`,
  ];
  writeFileSync(place('sshd_config'), `${lines.join('\n')}\n`);
  // Without its own reboot, the machine that runs the tests would go down: so nothing starts before it is there
  const script =
    'mkdir -p /run/sshd && mount --bind "$1" /etc/shadow && mount --bind "$2" /etc/passwd && { [ -z "$4" ] || mount --bind "$4" /usr/sbin/reboot; } && exec /usr/sbin/sshd -D -e -f "$3"';
  const files = [...['shadow', 'passwd', 'sshd_config'].map(place), options.reboot ?? ''];
  const inside = ['unshare', '--mount', 'sh', '-c', script, 'sh', ...files];
  const process = await startProcess({ name: 'sshd', command: namespace.command(inside), log: place('sshd.log') });
  // It writes its number when it listens.
  await until('sshd listens', async () => {
    if (process.status() !== undefined) throw new Error(`sshd has ended: ${await tailOf(process.log)}`);
    return existsSync(place('sshd.pid'));
  });
  return process;
}
