import test from 'ava';
import fc from 'fast-check';
import { compareVersions, newestVersion } from '../../src/image/version-sort.ts';

test('numbers in a release compare as numbers', t => {
  const ordered = [
    '3.10.0-862.el7.x86_64',
    '5.14.0-70.el9',
    '5.14.0-362.el9',
    '6.1.0-9-amd64',
    '6.1.0-28-amd64',
    '6.10.0-1',
  ];
  for (const [i, older] of ordered.entries()) {
    for (const newer of ordered.slice(i + 1)) t.true(compareVersions(older, newer) < 0, `${older} < ${newer}`);
  }
  t.is(newestVersion([...ordered].reverse()), '6.10.0-1');
  t.is(newestVersion([]), undefined);
  t.true(compareVersions('6.2~rc1', '6.2') < 0);
  t.is(compareVersions('6.1.0', '6.1.00'), 0);
});

test('the order is an order: it turns round when the sides do, and sorting ends the same from any start', t => {
  const version = fc.stringMatching(/^[0-9a-z.~-]{0,8}$/);
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      t.is(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)), 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        t.true(compareVersions(a, c) <= 0, `${a} ${b} ${c}`);
    }),
  );
});
