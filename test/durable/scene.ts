// One durable action, as its program does it, and a word when it is done: to be watched by strace, or killed.
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdminClient } from '../../src/api/client.ts';
import { OBJECTS } from '../../src/api/objects.ts';
import { restoreBackup } from '../../src/backup/restore.ts';
import { loadHeadKey } from '../../src/boot/head-key.ts';
import { Workspace } from '../../src/image/workspace/workspace.ts';
import { KINDS, type Value } from '../../src/model/kinds.ts';
import { loadSshKey } from '../../src/ssh/head-ssh-key.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { startWorld } from '../admin/world.ts';

/** The time of a restore, which names the folder of the old head. */
export const NOW = Date.UTC(2030, 0, 1);

const SCENES: Record<string, (folder: string, file: string) => Promise<unknown>> = {
  commit: async folder => {
    const world = await startWorld(folder);
    const client = new AdminClient({ socket: world.socket });
    await client.call(OBJECTS.create, { kind: 'attrib', body: { name: 'group' } });
    return async () => client.close().then(world.stop);
  },
  together: async folder => {
    const store = await openSqliteStore(folder);
    const commit = async (name: string): Promise<unknown> => {
      const value = KINDS.attrib.schema.parse({ name }) as Value;
      return store.commit({
        who: 'test',
        what: 'make',
        changes: [{ kind: 'attrib', uid: name.padEnd(32, 'f'), expected: 0, value }],
      });
    };
    await commit('a');
    process.stdout.write('begun\n');
    await Promise.all(Array.from({ length: 30 }, async (_, index) => commit(`b${index}`)));
    return async () => store.close();
  },
  upload: async folder => {
    const world = await startWorld(folder);
    const client = new AdminClient({ socket: world.socket });
    writeFileSync(join(folder, 'initramfs'), 'i'.repeat(100_000));
    const { id } = await client.upload(join(folder, 'initramfs'));
    await client.call(OBJECTS.create, { kind: 'boot', body: { name: 'b', initramfs: { upload: id } } });
    return async () => client.close().then(world.stop);
  },
  keys: async folder => {
    await loadHeadKey(folder, bytes => Buffer.alloc(bytes, 'k'), '');
    await loadSshKey(folder, 'head1');
  },
  image: async folder => {
    const workspace = await Workspace.open(join(folder, 'workspace'));
    const { folder: work, close } = await workspace.work('test');
    writeFileSync(join(work, 'packed'), 'p'.repeat(100_000));
    await workspace.keep(join(work, 'packed'), { uid: 'a'.repeat(32), name: 'i', remote: false });
    return close;
  },
  restore: async (folder, file) => restoreBackup(folder, createReadStream(file), { force: true, now: NOW }),
};

const [scene = '', folder = '', file = ''] = process.argv.slice(2);
const end = await SCENES[scene]?.(folder, file);
process.stdout.write('acknowledged\n');
if (typeof end === 'function') await end();
