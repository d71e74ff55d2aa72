// The head's own ssh key: made once by ssh-keygen below the state folder, with two small helper files.
import { existsSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, moveInto } from '../durable/folders.ts';
import { replaceIfChanged } from '../durable/replace.ts';
import { MusterError } from '../errors.ts';
import { runOk } from '../process/run.ts';
import type { SshKey } from './ssh.ts';

/** ssh starts it to ask for a password; the password is in an environment that only the same user can read. */
const ASKPASS = '#!/bin/sh\nprintf \'%s\\n\' "$MUSTER_ASKPASS"\n';

/** Where the key lies below the state folder. */
function sshKeyFile(stateFolder: string): string {
  return join(stateFolder, 'ssh', 'id_ed25519');
}

/** Reads the key, or makes it. Throws `tool-missing` without ssh-keygen. */
export async function loadSshKey(stateFolder: string, headName: string): Promise<SshKey> {
  const file = sshKeyFile(stateFolder);
  const folder = join(stateFolder, 'ssh');
  const askpass = join(folder, 'askpass');
  await makeFolder(folder);
  await chmod(folder, 0o700);
  if (!existsSync(file)) await makeKey(file, `muster@${headName}`);
  await chmod(file, 0o600);
  await replaceIfChanged(askpass, ASKPASS, { mode: 0o700 });
  // Not read from the .pub file: that may belong to another key.
  const publicKey = (await runOk('ssh-keygen', ['-y', '-P', '', '-f', file], { package: 'openssh-client' })).trim();
  if (!/^ssh-[a-z0-9-]+ [A-Za-z0-9+/=]+/.test(publicKey))
    throw new MusterError('bad-config', `${file} is no private key of ssh; restore it, or remove it and start again.`);
  return { file, askpass, publicKey, knownServers: join(folder, 'known_servers') };
}

/** Under another name first: a crash leaves the whole key or none. */
async function makeKey(file: string, comment: string): Promise<void> {
  const temporary = `${file}.new`;
  for (const name of [temporary, `${temporary}.pub`]) await rm(name, { force: true });
  const words = ['-q', '-t', 'ed25519', '-N', '', '-C', comment.replace(/[^\w.@-]/g, '_'), '-f', temporary];
  await runOk('ssh-keygen', words, { package: 'openssh-client' });
  await moveInto(`${temporary}.pub`, `${file}.pub`);
  await moveInto(temporary, file);
}
