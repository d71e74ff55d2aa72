import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { listenPrivately } from '../../src/admin/private-socket.ts';
import { MusterError } from '../../src/errors.ts';
import { temporaryFolder } from '../store/folder.ts';

const listening =
  (server: Server, seen: (path: string) => void) =>
  async (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        seen(path);
        resolve();
      });
    });

function serverOf(t: ExecutionContext): Server {
  const server = createServer();
  t.teardown(() => server.close());
  return server;
}

test('until the socket has its mode, it is in a private folder; the umask does not change', async t => {
  const folder = temporaryFolder(t);
  const socket = join(folder, 'admin.sock');
  const modes: number[] = [];
  const umask = process.umask();
  const seen = (path: string): void => {
    modes.push(statSync(join(path, '..')).mode & 0o777);
    // What another part of the process makes meanwhile has the mode that it wants.
    mkdirSync(join(folder, 'made'), { mode: 0o755 });
  };
  await listenPrivately(listening(serverOf(t), seen), socket, undefined);
  t.deepEqual(modes, [0o700]);
  t.is(statSync(join(folder, 'made')).mode & 0o777, 0o755 & ~umask);
  t.is(statSync(socket).mode & 0o777, 0o660);
  t.deepEqual(readdirSync(folder).sort(), ['admin.sock', 'made']);
});

test('leftovers of a killed musterd are replaced; a failure leaves nothing', async t => {
  const folder = temporaryFolder(t);
  const socket = join(folder, 'admin.sock');
  writeFileSync(socket, '');
  await listenPrivately(
    listening(serverOf(t), () => {}),
    socket,
    undefined,
  );
  t.true(statSync(socket).isSocket());
  const fails = async (): Promise<void> => Promise.reject(new Error('no'));
  await t.throwsAsync(listenPrivately(fails, socket, undefined), { message: 'no' });
  t.deepEqual(readdirSync(folder), ['admin.sock']);
});

test('a path that no Unix socket can have is an error of the configuration', async t => {
  const socket = join(temporaryFolder(t), 'x'.repeat(100));
  const error = await t.throwsAsync(
    listenPrivately(async () => {}, socket, undefined),
    { instanceOf: MusterError },
  );
  t.is(error?.code, 'bad-config');
});
