// CHAP as an exchange of keys: who gets in, who does not and why.
import { createHash } from 'node:crypto';
import test from 'ava';
import { type ChapAnswer, ChapExchange } from '../../src/iscsi/chap.ts';
import type { Chap } from '../../src/iscsi/directory.ts';

const ONE_WAY: Chap = { user: 'node', secret: 'a-secret-of-it' };
const MUTUAL: Chap = { ...ONE_WAY, mutual: { user: 'target', secret: 'another-secret' } };
const random = (count: number) => Buffer.alloc(count, 0x5a);

function keys(pairs: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(pairs));
}

function answers(answer: ChapAnswer): Record<string, string> {
  if ('refused' in answer) throw new Error(answer.refused);
  return Object.fromEntries(answer.answers);
}

function hash(name: string, id: number, secret: string, challenge: Buffer): string {
  return `0x${createHash(name)
    .update(Buffer.from([id]))
    .update(secret)
    .update(challenge)
    .digest('hex')}`;
}

function begun(chap: Chap, offer = '5'): ChapExchange {
  const exchange = new ChapExchange(chap, random);
  exchange.receive(keys({ CHAP_A: offer }));
  return exchange;
}

const RIGHT = hash('md5', 0x5a, ONE_WAY.secret, random(16));

test('RFC 7143 §12.1.3: the target chooses an algorithm and challenges', t => {
  const exchange = new ChapExchange(ONE_WAY, random);
  t.deepEqual(exchange.receive(keys({})), { answers: [], done: false });
  t.deepEqual(answers(exchange.receive(keys({ CHAP_A: '5' }))), {
    CHAP_A: '5',
    CHAP_I: '90',
    CHAP_C: `0x${'5a'.repeat(16)}`,
  });
});

test('RFC 1994 §4.1: the right proof', t => {
  t.deepEqual(begun(ONE_WAY).receive(keys({ CHAP_N: 'node', CHAP_R: RIGHT })), { answers: [], done: true });
});

test('SHA-256 is chosen whenever it is offered, whatever the order', t => {
  const exchange = begun(ONE_WAY, '5,7');
  const proof = hash('sha256', 0x5a, ONE_WAY.secret, random(32));
  t.deepEqual(exchange.receive(keys({ CHAP_N: 'node', CHAP_R: proof })), { answers: [], done: true });
});

test('mutual: the target proves itself too', t => {
  const challenge = Buffer.from('0123456789abcdef');
  const answer = begun(MUTUAL).receive(
    keys({ CHAP_N: 'node', CHAP_R: RIGHT, CHAP_I: '17', CHAP_C: `0x${challenge.toString('hex')}` }),
  );
  t.deepEqual(answers(answer), { CHAP_N: 'target', CHAP_R: hash('md5', 17, 'another-secret', challenge) });
});

const REFUSED: [string, Chap, Record<string, string>, RegExp][] = [
  [
    'a wrong secret',
    ONE_WAY,
    { CHAP_N: 'node', CHAP_R: hash('md5', 0x5a, 'guess', random(16)) },
    /wrong CHAP name or secret/,
  ],
  ['a wrong name', ONE_WAY, { CHAP_N: 'other', CHAP_R: RIGHT }, /wrong CHAP name or secret/],
  ['a short proof', ONE_WAY, { CHAP_N: 'node', CHAP_R: '0x00' }, /wrong CHAP name or secret/],
  ['no proof', ONE_WAY, { CHAP_N: 'node' }, /missing/],
  [
    'RFC 7143 §9.2.1: our own challenge',
    MUTUAL,
    { CHAP_N: 'node', CHAP_R: RIGHT, CHAP_I: '1', CHAP_C: `0x${'5a'.repeat(16)}` },
    /our own/,
  ],
  [
    'a challenge of 1025 bytes',
    MUTUAL,
    { CHAP_N: 'node', CHAP_R: RIGHT, CHAP_I: '1', CHAP_C: `0x${'00'.repeat(1025)}` },
    /too long/,
  ],
  [
    'an identifier that is no byte',
    MUTUAL,
    { CHAP_N: 'node', CHAP_R: RIGHT, CHAP_I: '256', CHAP_C: '0x00' },
    /no byte/,
  ],
  ['mutual without an account', ONE_WAY, { CHAP_N: 'node', CHAP_R: RIGHT, CHAP_I: '1', CHAP_C: '0x00' }, /no account/],
  [
    'RFC 7143 §9.2.1: the same secret both ways',
    { ...ONE_WAY, mutual: { user: 'target', secret: ONE_WAY.secret } },
    { CHAP_N: 'node', CHAP_R: RIGHT, CHAP_I: '1', CHAP_C: '0x00' },
    /same secret/,
  ],
];

for (const [name, chap, pairs, reason] of REFUSED) {
  test(`refused: ${name}`, t => {
    const answer = begun(chap).receive(keys(pairs));
    t.true('refused' in answer && reason.test(answer.refused));
  });
}

test('refused: no algorithm in common', t => {
  const answer = new ChapExchange(ONE_WAY, random).receive(keys({ CHAP_A: '6,8' }));
  t.true('refused' in answer && /no CHAP algorithm/.test(answer.refused));
});
