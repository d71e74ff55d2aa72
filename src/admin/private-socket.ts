// The admin socket gets its name only when its owner, group and mode are right. Until then it is where nobody else can reach it.
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MusterError } from '../errors.ts';

/** The longest path of a Unix socket, in bytes (unix(7)). */
const PATH_BYTES = 107;

/**
 * Lets `listen` bind a socket and moves it to `socket` with mode 0660 and the group, replacing what was there. Process settings such as
 * the umask do not change.
 */
export async function listenPrivately(
  listen: (path: string) => Promise<unknown>,
  socket: string,
  group: number | undefined,
): Promise<void> {
  const folder = join(dirname(socket), `.${randomBytes(3).toString('hex')}`);
  const path = join(folder, 's');
  if (Buffer.byteLength(path) > PATH_BYTES || Buffer.byteLength(socket) > PATH_BYTES)
    throw new MusterError('bad-config', `paths.socket is too long for a Unix socket: ${socket}. Give a shorter path.`);
  await mkdir(folder, { mode: 0o700 });
  try {
    await listen(path);
    if (group !== undefined) await chown(path, process.getuid?.() ?? 0, group);
    await chmod(path, 0o660);
    await rename(path, socket);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
