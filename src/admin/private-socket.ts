// The admin socket gets its name only when its owner, group and mode are right: until then it lies where nobody else can reach it.
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MusterError } from '../errors.ts';

/** What a path of a Unix socket may have, in bytes (unix(7)). */
const PATH_BYTES = 107;

/**
 * Has `listen` bind a socket, and puts it at `socket` with mode 0660 and the group. What was there is replaced. Nothing of the process
 * is changed meanwhile, such as its umask.
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
