// Secrets at rest: what is sealed opens with the same key and purpose, and with no other.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { property, uint8Array, assert as verify } from 'fast-check';
import { isSealed, SEAL_BYTES, Sealing } from '../src/sealing.ts';

const KEY = randomBytes(32);

test('what is sealed opens again, and equal contents give equal bytes', t => {
  const sealing = new Sealing(KEY, 'file-set');
  verify(
    property(uint8Array({ maxLength: 500 }), bytes => {
      const content = Buffer.from(bytes);
      const sealed = sealing.seal(content);
      return (
        isSealed(sealed) &&
        sealed.length === content.length + SEAL_BYTES &&
        sealing.open(sealed, 'it').equals(content) &&
        sealing.seal(content).equals(sealed)
      );
    }),
  );
  t.false(sealing.seal(Buffer.from('the munge key')).includes('munge'));
});

test('another key, another purpose, a changed bit or a cut end opens nothing', t => {
  const sealing = new Sealing(KEY, 'file-set');
  const sealed = sealing.seal(Buffer.from('secret'));
  const fails = (opens: Sealing, bytes: Buffer): void => {
    const error = t.throws(() => opens.open(bytes, 'The file set munge'));
    t.regex(error?.message ?? '', /^The file set munge cannot be decrypted: .*Restore the file head.key/);
  };
  fails(new Sealing(randomBytes(32), 'file-set'), sealed);
  fails(new Sealing(KEY, 'rendered'), sealed);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    fails(sealing, changed);
  }
  for (let length = 0; length < sealed.length; length++) fails(sealing, sealed.subarray(0, length));
});
