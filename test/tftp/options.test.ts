import test from 'ava';
import { LARGEST_BLOCK, negotiate } from '../../src/tftp/options.ts';

const SIZE = 173_792;
const HERE = { size: SIZE, mostBlock: LARGEST_BLOCK };

// RFC 2347
test('without options there is no OACK, and RFC 1350 applies', t => {
  t.deepEqual(negotiate([], HERE), { terms: { blockSize: 512, windowSize: 1 }, answers: [] });
});

const CASES: [name: string, asked: string, answered: number | undefined][] = [
  // RFC 2348
  ['blksize', '8', 8],
  ['blksize', '1468', 1468],
  ['blksize', '65464', 65464],
  ['blksize', '65465', 65464],
  ['blksize', '7', undefined],
  ['blksize', '0', undefined],
  // RFC 2349
  ['tsize', '0', SIZE],
  ['tsize', '99', SIZE],
  ['timeout', '1', 1],
  ['timeout', '255', 255],
  ['timeout', '0', undefined],
  ['timeout', '256', undefined],
  // RFC 7440 §3
  ['windowsize', '1', 1],
  ['windowsize', '64', 64],
  ['windowsize', '65535', 64],
  ['windowsize', '0', undefined],
  // RFC 2347: the server leaves out what it does not know
  ['multicast', '', undefined],
  ['constructor', '1', undefined],
  ...['', '-1', '1.5', '0x200', ' 512', '512 ', '1e3', '9'.repeat(40)].map(
    bad => ['blksize', bad, undefined] as [string, string, undefined],
  ),
];

for (const [name, asked, answered] of CASES) {
  const outcome = answered === undefined ? 'ignored' : `answered ${answered}`;
  test(`RFC 2348, 2349, 7440: ${name} '${asked}' is ${outcome}`, t => {
    t.deepEqual(negotiate([[name, asked]], HERE).answers, answered === undefined ? [] : [[name, answered]]);
  });
}

test('all options together, answered in the order of the request', t => {
  const asked: [string, string][] = [
    ['tsize', '0'],
    ['windowsize', '16'],
    ['unknown', '1'],
    ['timeout', '3'],
    ['blksize', '1428'],
  ];
  const { terms, answers } = negotiate(asked, HERE);
  t.deepEqual(terms, { blockSize: 1428, windowSize: 16, timeoutMs: 3000 });
  t.deepEqual(answers, [
    ['tsize', SIZE],
    ['windowsize', 16],
    ['timeout', 3],
    ['blksize', 1428],
  ]);
});

test('the first of two equal options counts', t => {
  t.deepEqual(
    negotiate(
      [
        ['blksize', '1024'],
        ['blksize', '2048'],
      ],
      HERE,
    ).terms.blockSize,
    1024,
  );
});

test('the size of an empty file is omitted, because curl rejects 0', t => {
  t.deepEqual(negotiate([['tsize', '0']], { ...HERE, size: 0 }).answers, []);
});

test('RFC 2348: a block size that does not fit the path is answered with the largest that does', t => {
  const blockOf = (asked: string) => negotiate([['blksize', asked]], { size: SIZE, mostBlock: 1388 });
  t.deepEqual(blockOf('1468'), { terms: { blockSize: 1388, windowSize: 1 }, answers: [['blksize', 1388]] });
  t.is(blockOf('1024').terms.blockSize, 1024);
});
