#!/usr/bin/env node
// The one program behind `muster` and the `scyld-*` names: its first word is the name it was called by.
import { basename } from 'node:path';
import { MusterError, reasonOf } from '../errors.ts';
import { scrubber, titleOf } from '../masking.ts';
import { version } from '../package-root.ts';
import { shownWords } from './hidden-words.ts';
import { Interrupted } from './interrupted.ts';
import { watchOutputs } from './outputs.ts';
import { wordsFor } from './words.ts';

watchOutputs();

let words: string[] = [];

process.exitCode = await run().catch((error: unknown) => {
  const scrubbed = scrubber(words);
  if (error instanceof Interrupted) {
    process.stderr.write(scrubbed(`${error.message}\n`));
    // A running transfer has nowhere to go any more.
    process.exit(error.status);
  }
  process.stderr.write(scrubbed(`ERROR: ${reasonOf(error)}\n`));
  if (error instanceof MusterError) {
    if (error.hint) process.stderr.write(scrubbed(`${error.hint}\n`));
    return error.exit;
  }
  process.stderr.write(scrubbed(`${(error as Error).stack ?? ''}\nThis is a bug in muster.\n`));
  return 70;
});

async function run(): Promise<number> {
  const given = process.argv.slice(2);
  const shown = shownWords(given);
  words = wordsFor(basename(process.argv[1] ?? 'muster'), shown);
  // A typed password is visible in the process list only until here.
  const title = titleOf(words);
  if (shown !== given || title !== words.join(' ')) process.title = `muster ${title}`;
  if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  // Whatever name it was called by, the next word is the program to complete.
  if (process.argv[2] === '__complete') {
    const { completionText } = await import('./complete-main.ts');
    process.stdout.write(await completionText(process.argv.slice(3)));
    return 0;
  }
  const { runCommandLine } = await import('./program.ts');
  return runCommandLine(words);
}
