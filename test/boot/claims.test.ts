// The secrets of a boot go to the first client that asks over TLS, and to nobody else.
import test from 'ava';
import { hashOf } from '../../src/boot/boot.ts';
import { claimAnswer } from '../../src/boot/claims.ts';

const MINE = '0123456789abcdef0123456789abcdef';
const OTHER = 'f'.repeat(32);

test('the first claim is taken, the same one holds, and another one is refused', t => {
  t.deepEqual(claimAnswer({}, true, MINE), { take: hashOf(MINE) });
  t.deepEqual(claimAnswer({ claimHash: hashOf(MINE) }, true, MINE), { holds: true });
  t.like(claimAnswer({ claimHash: hashOf(MINE) }, true, OTHER), { status: 403, taken: true });
});

test('without TLS nobody gets secrets, whatever the claim', t => {
  for (const claimHash of [undefined, hashOf(MINE)])
    t.like(claimAnswer(claimHash === undefined ? {} : { claimHash }, false, MINE), { status: 403, taken: undefined });
});

test('a claim that somebody could guess, or that is missing, takes nothing', t => {
  for (const claim of [undefined, '', 'a', MINE.toUpperCase(), `${MINE}0`, `${MINE}\n`])
    t.like(claimAnswer({}, true, claim), { status: 400 });
});
