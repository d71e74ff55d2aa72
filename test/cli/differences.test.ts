import test from 'ava';
import type { Difference } from '../../src/api/objects.ts';
import { differenceLines } from '../../src/cli/differences.ts';
import { fileFields, KIND_NAMES } from '../../src/model/kinds.ts';

test('every stored file is shown by its digest, whichever field it is', t => {
  for (const kind of KIND_NAMES) {
    for (const field of fileFields(kind)) {
      const file = (letter: string) => ({ sha256: letter.repeat(64), size: 1, mtime: 1, installer: { family: 'x' } });
      const changed = (before: unknown, after: unknown): Difference => ({
        kind,
        uid: 'e'.repeat(32),
        name: 'o',
        action: 'changed',
        fields: { [field]: { before, after } },
      });
      t.deepEqual(differenceLines(changed(file('a'), file('b')), false), [`o: ${field}: aaaaaaaaaaaa -> bbbbbbbbbbbb`]);
      t.deepEqual(differenceLines(changed(null, file('b')), false), [`o: ${field}: none -> bbbbbbbbbbbb`]);
    }
  }
});
