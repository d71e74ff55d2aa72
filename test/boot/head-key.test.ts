import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadHeadKey } from '../../src/boot/head-key.ts';
import { temporaryFolder } from '../cli/folder.ts';

const never = (): Buffer => {
  throw new Error('no new key is wanted');
};

test('the key is created once; a credential overrides it and creates none', async t => {
  const state = await temporaryFolder(t);
  const credentials = join(state, 'credentials');
  mkdirSync(credentials);
  const made = await loadHeadKey(state, bytes => Buffer.alloc(bytes, 'm'), credentials);
  t.deepEqual(made, Buffer.alloc(32, 'm'));
  t.deepEqual(await loadHeadKey(state, never, credentials), made);
  writeFileSync(join(credentials, 'head.key'), Buffer.alloc(32, 'c'));
  t.deepEqual(await loadHeadKey(state, never, credentials), Buffer.alloc(32, 'c'));
  t.deepEqual(readFileSync(join(state, 'head.key')), made);
  writeFileSync(join(credentials, 'head.key'), 'short');
  await t.throwsAsync(loadHeadKey(state, never, credentials), {
    message: /credentials\/head\.key is damaged: it has 5 bytes/,
  });
});
