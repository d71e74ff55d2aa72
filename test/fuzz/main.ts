// npm run fuzz [-- TARGET... [SECONDS]]   hunts in each decoder, 60 seconds each when no time is given; keeps what took a new way.
import { hunt, save, savedCorpus } from './guided.ts';
import { TARGETS } from './targets.ts';

const words = process.argv.slice(2);
const seconds = Number(words.find(word => /^\d+$/.test(word)) ?? 60);
const names = words.filter(word => !/^\d+$/.test(word));
const strange = names.find(name => !TARGETS.some(target => target.name === name));
if (strange !== undefined) {
  process.stderr.write(`There is no target '${strange}'; there are ${TARGETS.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}
for (const target of TARGETS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const corpus = savedCorpus(target);
  const options = { milliseconds: seconds * 1000, seed: Date.now(), kept: (input: Buffer) => void save(target, input) };
  try {
    const { inputs, ways, corpus: all } = await hunt(target, corpus, options);
    process.stdout.write(`${target.name}: ${inputs} inputs, ${ways} ways, a corpus of ${all}\n`);
  } catch (error) {
    const input = error instanceof Error && 'input' in error && Buffer.isBuffer(error.input) ? error.input : undefined;
    const kept = input ? ` It is kept as ${save(target, input)}.` : '';
    process.stdout.write(`${error instanceof Error ? error.message : error}\n${kept}\n`);
    process.exitCode = 1;
  }
}
