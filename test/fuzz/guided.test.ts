// Each decoder, guided by coverage: the kept corpus, and some thousands of inputs that come of it. Longer by hand: npm run fuzz.
import test from 'ava';
import { hunt, savedCorpus } from './guided.ts';
import { TARGETS } from './targets.ts';

const INPUTS = 2000;

for (const target of TARGETS) {
  // One after the other: coverage is of the whole process
  test.serial(`${target.name}: the corpus and what comes of it never crash the decoder`, async t => {
    const corpus = savedCorpus(target);
    t.true(corpus.length > 0, 'a corpus is kept');
    const { ways, ...figures } = await hunt(target, corpus, { inputs: INPUTS, seed: 20261124 });
    t.log(`${figures.inputs} inputs, ${ways} ways, ${figures.corpus - corpus.length} beside the corpus`);
    t.true(ways > 10);
  });
}

test.serial('a decoder that fails on what only a new way leads to is found', async t => {
  const target = {
    name: 'trap',
    seeds: () => [Buffer.from('hello')],
    words: [],
    run: (bytes: Buffer) => {
      if (bytes.length === 0) throw new RangeError('empty');
    },
  };
  const error = await t.throwsAsync(hunt(target, [], { inputs: 20_000, seed: 1 }));
  t.regex(error?.message ?? '', /^trap failed on : RangeError: empty/);
});
