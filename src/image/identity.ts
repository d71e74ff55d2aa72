// What makes a machine this one and no other is taken out of an image, so that a thousand nodes are not one.
import { lstat, mkdir, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { insideRoot } from './inside-root.ts';

/**
 * Empties the machine id (systemd then makes one at boot; an absent file would make it ask first-boot questions) and removes the
 * host name. Host keys, seeds and leases are left out when the image is packed.
 */
export async function removeIdentity(root: string): Promise<void> {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const file = await plainFile(root, path);
    if (file) await truncate(file);
  }
  const hostname = await plainFile(root, '/etc/hostname');
  if (hostname) await rm(hostname);
  await makeHostKeysAtBoot(root);
}

async function plainFile(root: string, path: string): Promise<string | undefined> {
  const folder = await insideRoot(root, path.slice(0, path.lastIndexOf('/')));
  if (!folder) return undefined;
  const file = join(folder, path.slice(path.lastIndexOf('/') + 1));
  return (await lstat(file).catch(() => undefined))?.isFile() ? file : undefined;
}

const KEYS_UNIT = `# Written by muster: an image has no host keys, and Debian's ssh makes them only when it is installed.
[Unit]
Description=Make the host keys of ssh
Before=ssh.service ssh.socket
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=ssh.service ssh.socket
`;

/** RHEL has units that make missing host keys at boot; Debian's package makes them once, when it is installed. */
async function makeHostKeysAtBoot(root: string): Promise<void> {
  const units = (await insideRoot(root, '/usr/lib/systemd/system')) ?? (await insideRoot(root, '/lib/systemd/system'));
  const own = await insideRoot(root, '/etc/systemd/system');
  if (!units || !own) return;
  const names = await readdir(units);
  if (!names.includes('ssh.service') || names.some(name => name.startsWith('sshd-keygen'))) return;
  const unit = join(own, 'muster-ssh-host-keys.service');
  if (await lstat(unit).catch(() => undefined)) return;
  await writeFile(unit, KEYS_UNIT, { flag: 'wx' });
  const wants = await insideRoot(root, '/etc/systemd/system/ssh.service.wants');
  const folder = wants ?? join(own, 'ssh.service.wants');
  await mkdir(folder, { recursive: true });
  const link = join(folder, 'muster-ssh-host-keys.service');
  if (!(await lstat(link).catch(() => undefined)))
    await symlink('/etc/systemd/system/muster-ssh-host-keys.service', link);
}
