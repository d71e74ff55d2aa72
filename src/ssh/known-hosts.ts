// The host keys of nodes as reported by their agents: one known_hosts file per node, written when the key has changed.
import { join } from 'node:path';
import { makeFolder } from '../durable/folders.ts';
import { replaceIfChanged } from '../durable/replace.ts';

/** `ssh-ed25519 AAAA…`, with or without a comment. */
const KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]{40,2000}={0,2})(\s|$)/;

/** Returns the file for ssh's UserKnownHostsFile; undefined when the node reported no key. */
export async function knownHostsFile(
  stateFolder: string,
  node: { uid: string; name: string },
  told: string | undefined,
): Promise<string | undefined> {
  const match = KEY.exec(told ?? '');
  if (!match) return undefined;
  const folder = join(stateFolder, 'ssh', 'known_hosts');
  const file = join(folder, node.uid);
  const line = `${node.name} ${match[1]} ${match[2]}\n`;
  await makeFolder(folder);
  await replaceIfChanged(file, line);
  return file;
}
