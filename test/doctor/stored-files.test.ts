import test from 'ava';
import type { Health } from '../../src/api/daemon.ts';
import { checkStoredFiles } from '../../src/doctor/daemon-checks.ts';

/** That a daemon runs is all that the check wants of it. */
const health = {} as Health;
const sha256 = 'a'.repeat(64);

test('stored files: missing and short ones are reported with their users', t => {
  const keptBy = ['boot config DefaultBoot'];
  t.deepEqual(
    checkStoredFiles({ health, missing: [], short: [], damaged: undefined }).map(({ verdict }) => verdict),
    ['ok'],
  );
  const found = checkStoredFiles({
    health,
    missing: [{ sha256, keptBy }],
    short: [{ sha256, keptBy, size: 5_000_000, wanted: 40_000_000 }],
    damaged: [
      { sha256, keptBy, problem: 'has other bytes than were stored' },
      { sha256: 'b'.repeat(64), keptBy, problem: 'has other bytes than were stored' },
    ],
  });
  t.deepEqual(
    found.map(({ verdict, text }) => [verdict, text]),
    [
      ['fail', 'aaaaaaaaaaaa is gone, and wanted by boot config DefaultBoot.'],
      ['fail', 'aaaaaaaaaaaa has 5000000 of 40000000 bytes, and is wanted by boot config DefaultBoot.'],
      ['fail', 'bbbbbbbbbbbb has other bytes than were stored, and is wanted by boot config DefaultBoot.'],
    ],
  );
  t.true(found.every(({ remedy }) => remedy?.includes('muster restore')));
});

test('garbage collection deals with a damaged file that nothing needs', t => {
  const damaged = [{ sha256, keptBy: [], problem: 'has other bytes than were stored' }];
  const [found] = checkStoredFiles({ health, missing: [], short: [], damaged });
  t.like(found, {
    verdict: 'fail',
    text: 'aaaaaaaaaaaa has other bytes than were stored, and is wanted by nothing.',
    remedy: 'muster storage gc removes it.',
  });
});
