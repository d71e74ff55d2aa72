// `--capture`: the files of a running node as a tree, fetched through the head or by the administrator's own ssh.
import { createReadStream } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { OBJECTS, type Shown } from '../../api/objects.ts';
import { POWER } from '../../api/power.ts';
import { MusterError } from '../../errors.ts';
import { removeIdentity } from '../../image/identity.ts';
import { extractAll } from '../../image/import/archive.ts';
import { PACK_NODE } from '../../image/pack-node.ts';
import { stream } from '../../process/run.ts';
import { nodeSsh } from '../../ssh/ssh.ts';
import { humanBytes } from '../terminal.ts';
import { type UserSettings, userSettings } from '../user-settings.ts';
import type { Wanted } from './options.ts';
import { newLocal, type Session, type Tree } from './session.ts';

/** An archive as it arrives, and the outcome of the packing program. */
interface Source {
  output: Readable;
  ended: Promise<{ status: number; stderr: string }>;
}

/** The archive goes straight to tar, with no copy on the node or here. */
export async function capturedTree(session: Session, wanted: Wanted, folder: string): Promise<Tree> {
  const { client, progress } = session;
  const node = await client.call(OBJECTS.get, { kind: 'node', params: { id: wanted.capture ?? '' } });
  const root = join(folder, 'root');
  await mkdir(root);
  progress.say(`Capturing node ${node.name}`);
  let received = 0;
  await progress.timed(async () => {
    const { ssh } = userSettings();
    const { output, ended } = ssh ? await bySsh(session, node, ssh) : await client.capture(node.uid);
    const unpacked = extractAll(output, root, chunk => {
      received += chunk.length;
    });
    // Awaits both, because the node's own reason is better.
    const [there, here] = await Promise.allSettled([ended, unpacked]);
    if (there.status === 'fulfilled' && there.value.status !== 0)
      throw notCaptured(node, there.value, ssh !== undefined);
    if (here.status === 'rejected') throw here.reason;
    if (there.status === 'rejected') throw there.reason;
  });
  progress.say(`  ${humanBytes(received)} received`);
  await removeIdentity(root);
  return { root, before: undefined, local: await newLocal(session, wanted.setName ?? '') };
}

function notCaptured(node: Shown, { status, stderr }: { status: number; stderr: string }, isOwn: boolean): MusterError {
  const words = stderr.trim().split('\n').slice(-3).join('; ') || `status ${status}`;
  return new MusterError('tool-failed', `The node ${node.name} could not be captured: ${words}`, {
    hint: isOwn
      ? 'Ssh to the node must work without a password; see ssh.command, ssh.user and ssh.key in docs/images.md'
      : `The head must reach it by ssh: muster node -i ${node.name} exec -- true`,
  });
}

/** Returns the ssh command from the administrator's settings, with the head's key if they name none and it is readable. */
async function bySsh({ client }: Session, node: Shown, ssh: NonNullable<UserSettings['ssh']>): Promise<Source> {
  const [program = 'ssh', ...args] = await sshWords(client, node, ssh);
  return stream(program, args, {
    input: createReadStream(PACK_NODE),
    package: 'openssh-client',
    keepBytes: 65_536,
  });
}

async function sshWords(
  client: Session['client'],
  node: Shown,
  { command, user, key }: NonNullable<UserSettings['ssh']>,
): Promise<string[]> {
  const way = await client.call(POWER.ssh, { query: { id: node.uid } }).catch(() => undefined);
  const mayUse = key === undefined && user === 'root' && way !== undefined && (await isReadable(way.key));
  if (mayUse) {
    return [...command, ...nodeSsh({ name: way.name, ip: way.ip, knownHosts: way.known_hosts }, way.key, 'sh -s')];
  }
  // Does not compare the host key: nodes that boot from an image may have a new one at each boot.
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  return [
    ...command,
    ...options.flatMap(option => ['-o', option]),
    ...(key === undefined ? [] : ['-i', key]),
    ...[`${user}@${String(node['ip'])}`, 'sh', '-s'],
  ];
}

async function isReadable(file: string): Promise<boolean> {
  return access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
}
