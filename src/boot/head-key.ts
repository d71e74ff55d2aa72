// The head's own secret: 32 random bytes in a file that only the daemon's user reads, made once. Secrets of boots are derived
// from it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../durable/replace.ts';
import { MusterError, systemCode } from '../errors.ts';

const KEY_BYTES = 32;

/**
 * Reads the key, or makes it. An invalid file is an error: a new key would shut out every node that runs from this head. A
 * credential of that name overrides the file (systemd.exec(5), `LoadCredential=`).
 */
export async function loadHeadKey(
  stateFolder: string,
  random: (bytes: number) => Buffer,
  credentials = process.env['CREDENTIALS_DIRECTORY'],
): Promise<Buffer> {
  const given = credentials ? join(credentials, 'head.key') : undefined;
  const credential = given === undefined ? undefined : readKey(given);
  const path = given !== undefined && credential ? given : join(stateFolder, 'head.key');
  const key = credential ?? readKey(path) ?? (await makeKey(path, random(KEY_BYTES)));
  if (key.length === KEY_BYTES) return key;
  throw new MusterError(
    'bad-config',
    `${path} is damaged: it has ${key.length} bytes and not ${KEY_BYTES}. Restore it, or remove it; without it, nodes that run from iSCSI must boot again.`,
  );
}

function readKey(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function makeKey(path: string, key: Buffer): Promise<Buffer> {
  await replaceFile(path, key);
  return key;
}
