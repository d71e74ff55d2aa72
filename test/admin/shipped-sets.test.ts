// File sets that come with muster, rendered by the head itself: its threads, its key, its accounts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostKey } from '../../src/files/derived.ts';
import { temporaryFolder } from '../store/folder.ts';
import { ask, startWorld } from './world.ts';

test('the head renders a shipped set without an object, and exports the host keys that it gives', async t => {
  const folder = temporaryFolder(t);
  const world = await startWorld(folder);
  t.teardown(async () => world.stop());
  const asked = async (method: string, path: string, body?: unknown) =>
    ask(world.socket, method, `/api/v1${path}`, body);
  const sets = 'ssh_host_keys,known_hosts,munge,users,hosts';
  t.is((await asked('POST', '/nodes', { mac: '52:54:00:00:00:01', attributes: { _file_sets: sets } })).status, 201);
  t.is((await asked('POST', '/nodes', { mac: '52:54:00:00:00:02' })).status, 201);
  const [node] = world.cluster.all('node');
  const key = readFileSync(join(world.config['paths.state'], 'head.key'));
  const wanted = ['ed25519', 'ecdsa'] as const;
  const publics = wanted.map(type => hostKey(key, node?.uid ?? '', type).public);

  const textOf = async (path: string): Promise<string> => {
    const { json } = await asked('GET', `/nodes/file?id=n0&path=${path}`);
    return JSON.stringify(json.data ?? json.reason);
  };
  const known = await textOf('/etc/ssh/ssh_known_hosts');
  for (const one of publics) t.true(known.includes(one), known);
  t.regex(await textOf('/etc/hosts'), /n1/);
  const hidden = await textOf('/etc/ssh/ssh_host_ed25519_key');
  t.notRegex(hidden, /OPENSSH/, 'a secret is hidden');
  t.regex(hidden, /"secret":true/);
  t.regex(await textOf('/etc/passwd'), /"set":"users"/);

  const exported = String((await asked('GET', '/exports/known_hosts')).json.data);
  for (const one of publics) t.true(exported.includes(one), exported);
  t.notRegex(exported, /^n1/m, 'a node without the set has no such key');
});
