// The head's own secret: 32 random bytes in a file that only the daemon's user reads, made once. Secrets of boots follow from it.
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MusterError, systemCode } from '../errors.ts';

const KEY_BYTES = 32;

/**
 * Reads the key, or makes it. A file that is no key is an error: a new key would shut out every node that runs from this head.
 * A credential of that name wins (systemd.exec(5), `LoadCredential=`).
 */
export function loadHeadKey(
  stateFolder: string,
  random: (bytes: number) => Buffer,
  credentials = process.env['CREDENTIALS_DIRECTORY'],
): Buffer {
  const given = credentials ? join(credentials, 'head.key') : undefined;
  const credential = given === undefined ? undefined : readKey(given);
  const path = given !== undefined && credential ? given : join(stateFolder, 'head.key');
  const key = credential ?? readKey(path) ?? makeKey(stateFolder, path, random(KEY_BYTES));
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

/** Under another name first: a crash leaves the whole key or none. */
function makeKey(folder: string, path: string, key: Buffer): Buffer {
  const temporary = `${path}.new`;
  const file = openSync(
    temporary,
    constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeSync(file, key);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const parent = openSync(folder, 'r');
  fsyncSync(parent);
  closeSync(parent);
  return key;
}
