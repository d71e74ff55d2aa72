// The secrets of a boot go to the first client that asks over TLS, and to nobody else.
import test from 'ava';
import { hashOf } from '../../src/boot/boot.ts';
import { claimAnswer, namedClaim } from '../../src/boot/claims.ts';

const MINE = '0123456789abcdef0123456789abcdef';
const OTHER = 'f'.repeat(32);
const asked = (claim: string | undefined) => ({ isPrivate: true, claim, mayTake: true });

test('the first claim is taken, the same one holds, and another one is refused', t => {
  t.deepEqual(claimAnswer({}, asked(MINE)), { take: hashOf(MINE) });
  t.deepEqual(claimAnswer({ claimHash: hashOf(MINE) }, asked(MINE)), { holds: true });
  t.like(claimAnswer({ claimHash: hashOf(MINE) }, asked(OTHER)), { status: 403, taken: true });
});

test('without TLS nobody gets secrets, whatever the claim', t => {
  for (const claimHash of [undefined, hashOf(MINE)])
    t.like(claimAnswer(claimHash === undefined ? {} : { claimHash }, { ...asked(MINE), isPrivate: false }), {
      status: 403,
      taken: undefined,
    });
});

test('a claim that somebody could guess, or that is missing, takes nothing', t => {
  for (const claim of [undefined, '', 'a', MINE.toUpperCase(), `${MINE}0`, `${MINE}\n`])
    t.like(claimAnswer({}, asked(claim)), { status: 400 });
});

test('once the node runs, no claim is taken: a listener could come first', t => {
  const late = { ...asked(MINE), mayTake: false };
  t.like(claimAnswer({}, late), { status: 403, taken: undefined });
  t.deepEqual(claimAnswer({ claimHash: hashOf(MINE) }, late), { holds: true });
});

test('an agent names the hash of its claim, and nothing else', t => {
  t.is(namedClaim(hashOf(MINE)), hashOf(MINE));
  for (const hash of [undefined, '', MINE, `${hashOf(MINE)}0`, hashOf(MINE).toUpperCase()])
    t.is(namedClaim(hash), undefined);
});
