// Who did it is what the kernel says, not what the caller says: over a real socket, as another user.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { whoIs } from '../../src/admin/peer-user.ts';
import { runOk } from '../../src/process/run.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { requireAll } from '../support/require.ts';
import { startWorld } from './world.ts';

test('root may name the user it acts for; any other caller that does is recorded with both names', t => {
  const nameOf = (uid: number): string => (uid === 1000 ? 'alice' : `uid ${uid}`);
  t.is(whoIs('bob', 0, nameOf), 'bob');
  t.is(whoIs('alice', 1000, nameOf), 'alice');
  t.is(whoIs('unknown', 1000, nameOf), 'alice');
  t.is(whoIs('root', 1000, nameOf), 'alice as root');
  t.is(whoIs('carol', 54321, nameOf), 'uid 54321 as carol');
  t.is(whoIs('dave', undefined, nameOf), 'dave', 'where the kernel cannot be asked');
});

test('a caller that claims to be root does not count as root', async t => {
  if (!requireAll(t, { root: true, programs: ['setpriv', 'curl'] })) return;
  const folder = await temporaryFolder(t);
  chmodSync(folder, 0o755);
  const group = 65534;
  const world = await startWorld(folder, { group });
  t.teardown(world.stop);
  const socket = join(folder, 'run/admin.sock');
  const curl = ['curl', '-sS', '--unix-socket', socket, '-H', 'X-Muster-User: root', 'http://localhost/api/v1/whoami'];
  const nobody = ['--reuid=65534', `--regid=${group}`, '--clear-groups'];
  for (const [words, who] of [
    [nobody, 'nobody as root'],
    [[], 'root'],
  ] as const) {
    const said = JSON.parse(await runOk('setpriv', [...words, ...curl])) as { data: { user: string } };
    t.is(said.data.user, who);
  }
});
