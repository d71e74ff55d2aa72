// The head's own failures: kinds by the codes of errors, counting, bounds.
import test from 'ava';
import { MusterError } from '../../src/errors.ts';
import { HeadFailures, kindOf } from '../../src/evidence/head-failures.ts';

const coded = (code: string, cause?: Error): Error => Object.assign(new Error(code, { cause }), { code });

test('the kind comes from the innermost error that has one', t => {
  t.is(kindOf(coded('ENOSPC')), 'disk-full');
  t.is(kindOf(coded('EDQUOT')), 'disk-full');
  t.is(kindOf(new MusterError('disk-full', 'The head has no room.')), 'disk-full');
  t.is(kindOf(new MusterError('store-failed', 'x', { cause: coded('SQLITE_READONLY') })), 'read-only');
  t.is(kindOf(new MusterError('store-failed', 'x', { cause: coded('SQLITE_BUSY') })), 'database');
  t.is(kindOf(coded('EIO')), 'disk-broken');
  t.is(kindOf(coded('EMFILE')), 'no-descriptors');
  t.is(kindOf(coded('ERR_HTTP_HEADERS_SENT')), 'other');
  t.is(kindOf('a string'), 'other');
});

test("a node's own failures and general ones concern it; those of other nodes and older ones do not", t => {
  let now = 1000;
  const failures = new HeadFailures(() => now);
  failures.failed({ deed: 'save', what: 'save the boot', error: coded('ENOSPC'), node: 'other' });
  failures.failed({ deed: 'save', what: 'save the boot', error: coded('ENOSPC'), node: 'mine' });
  now = 2000;
  failures.failed({ deed: 'save', what: 'save the timelines', error: coded('ENOSPC') });
  failures.failed({ deed: 'save', what: 'save the boot', error: coded('ENOSPC'), node: 'mine' });
  t.deepEqual(
    failures.of('mine', 0.5).map(({ what, times, ago }) => [what, times, ago]),
    [
      ['save the timelines', 1, 0],
      ['save the boot', 2, 0],
    ],
  );
  now = 3000;
  t.deepEqual(failures.of('mine', 0.5), []);
});

test('endless failures use bounded memory', t => {
  const failures = new HeadFailures(() => 1);
  for (let index = 0; index < 20_000; index += 1)
    failures.failed({ deed: 'answer', what: 'answer its request', error: coded('EIO'), node: `n${index}` });
  t.is(failures.of('n0', 1).length, 0);
  t.is(failures.of('n19999', 1).length, 1);
  t.is(failures.size, 500);
});
