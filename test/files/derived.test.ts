// Derived secrets, as OpenSSH sees them.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { derivedSecret, HOST_KEY_TYPES, hostKey } from '../../src/files/derived.ts';
import { runOk } from '../../src/process/run.ts';

const KEY = randomBytes(32);
const uid = (number: number): string => number.toString(16).padStart(32, '0');

test('ssh-keygen reads every host key, and finds the public key that we name', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-keys-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  for (const type of HOST_KEY_TYPES)
    for (let number = 0; number < 40; number += 1) {
      const { private: secret, public: line } = hostKey(KEY, uid(number), type);
      const file = join(folder, `${type}-${number}`);
      await writeFile(file, secret, { mode: 0o600 });
      t.is((await runOk('ssh-keygen', ['-y', '-f', file])).trim(), line);
    }
});

test('a host key is the same at every call, and differs by node, head and type', t => {
  const of = (key: Buffer, number: number, type: 'ed25519' | 'ecdsa'): string => hostKey(key, uid(number), type).public;
  t.is(of(KEY, 1, 'ed25519'), of(Buffer.from(KEY), 1, 'ed25519'));
  const all = [of(KEY, 1, 'ed25519'), of(KEY, 2, 'ed25519'), of(randomBytes(32), 1, 'ed25519'), of(KEY, 1, 'ecdsa')];
  t.is(new Set(all).size, 4);
});

test('secrets of other names have nothing in common, and any length', t => {
  const munge = derivedSecret(KEY, 'munge', 1024);
  t.is(munge.length, 1024);
  t.false(derivedSecret(KEY, 'other', 1024).equals(munge));
  t.true(derivedSecret(KEY, 'munge', 32).equals(munge.subarray(0, 32)));
});
