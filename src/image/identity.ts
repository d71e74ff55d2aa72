// Removes the identity of a machine from an image, so that its nodes do not share it.
import { ImageRoot } from './image-root.ts';

/**
 * Empties the machine id (systemd then makes one at boot; an absent file would make it ask first-boot questions) and removes the
 * host name. Packing leaves out host keys, seeds and leases.
 */
export async function removeIdentity(root: string): Promise<void> {
  const image = new ImageRoot(root);
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const status = await image.lstat(path);
    if (status?.isFile()) await image.write(path, '', status.mode & 0o777);
  }
  if ((await image.lstat('/etc/hostname'))?.isFile()) await image.remove('/etc/hostname');
  await makeHostKeysAtBoot(image);
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

/** RHEL has units that create missing host keys at boot; Debian's package creates them only at installation. */
async function makeHostKeysAtBoot(image: ImageRoot): Promise<void> {
  const names = [...(await image.list('/usr/lib/systemd/system')), ...(await image.list('/lib/systemd/system'))];
  if (!(await image.has('/etc/systemd/system'))) return;
  if (!names.includes('ssh.service') || names.some(name => name.startsWith('sshd-keygen'))) return;
  const unit = '/etc/systemd/system/muster-ssh-host-keys.service';
  if (await image.lstat(unit)) return;
  await image.write(unit, KEYS_UNIT);
  await image.link(unit, '/etc/systemd/system/ssh.service.wants/muster-ssh-host-keys.service');
}
