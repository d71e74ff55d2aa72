// Killing the daemon while a file set is updated: it has the old content or the new one, and nothing is left over.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import { writeTree } from '../../src/files/archive.ts';
import { file } from '../files/build.ts';
import { temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';
import { serve, serveKilled } from './killed.ts';
import { ask, startWorld } from './world.ts';

const ROUNDS = 9;

/** A head with a file set that has the number of its version in its content. */
async function world(t: ExecutionContext) {
  const folder = temporaryFolder(t);
  const socket = join(folder, 'run/admin.sock');
  const archive = join(temporaryFolder(t), 'set.tar');
  const upload = async (client: AdminClient, version: number): Promise<{ upload: string }> => {
    writeFileSync(
      archive,
      writeTree([file('/etc/motd', `content ${version};`), file('/x', Buffer.alloc(200_000, version))]),
    );
    return { upload: (await client.upload(archive)).id };
  };
  const first = await startWorld(folder);
  const client = new AdminClient({ socket });
  const content = await upload(client, 0);
  t.is((await ask(socket, 'POST', '/api/v1/filesets', { name: 'base', content })).status, 201);
  await client.close();
  await first.stop();
  /** Starts again, and looks at everything that is stored. */
  const check = async (versions: readonly number[]): Promise<number> => {
    const { blobs, cluster, collect, stop } = await startWorld(folder);
    try {
      const { text } = await ask(socket, 'GET', '/api/v1/fileset/base/archive');
      const version = Number(/content (\d+);/.exec(text)?.[1]);
      t.true(versions.includes(version), `version ${version} of ${versions.join(', ')}`);
      t.deepEqual(readdirSync(join(folder, 'state/uploads')), [], 'halves are removed at the start');
      t.deepEqual((await collect(false, 0)).missing, [], 'every version has its content');
      const kept = cluster.byName('files', 'base')?.value.versions.length ?? 0;
      t.is((await blobs.list()).length, kept, 'what no version needs is gone');
      return version;
    } finally {
      await stop();
    }
  };
  return { folder, socket, upload, check };
}

test('kill -9 between the upload and the update: the set has its old content', async t => {
  t.timeout(120_000);
  const { folder, socket, upload, check } = await world(t);
  const { child, closed } = await serve(t, folder);
  const client = new AdminClient({ socket });
  await upload(client, 1);
  child.kill('SIGKILL');
  await closed;
  await client.close().catch(() => undefined);
  await check([0]);
});

test(`kill -9 during updates, ${ROUNDS} times: the set has the content of the last update, or of the one under way`, async t => {
  if (!requireAll(t, { programs: ['strace'] })) return;
  t.timeout(240_000);
  const { folder, socket, upload, check } = await world(t);
  let version = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { closed } = await serveKilled(t, folder, round);
    const client = new AdminClient({ socket });
    let done = version;
    try {
      for (;;) {
        version += 1;
        const content = await upload(client, version);
        t.is((await ask(socket, 'PATCH', '/api/v1/fileset/base', { content })).status, 200);
        done = version;
      }
    } catch {
      // The daemon was killed: the update under way may be there or not.
    }
    await client.close().catch(() => undefined);
    await closed;
    version = await check([done, version]);
  }
  t.true(version > 0);
});
